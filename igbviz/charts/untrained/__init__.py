"""Pictures of networks before any step."""
