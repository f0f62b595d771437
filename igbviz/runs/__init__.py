"""Runs on the disk: described, queued, worked on in the background, listed, carried away and brought back."""
