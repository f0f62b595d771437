"""Questions put to many runs at once, and their answers as numbers: no pictures, no pages."""
