"""What comes after the first steps: the classes after one epoch, and what is left of the first guess in the end."""
