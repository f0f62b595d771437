"""The view of the sources."""
