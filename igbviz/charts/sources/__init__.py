"""A map of what the sources say."""
