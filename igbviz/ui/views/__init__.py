"""What a page shows: one module or a few a page."""
