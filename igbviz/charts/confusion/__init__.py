"""What networks confuse, as pictures of confusion matrices."""
