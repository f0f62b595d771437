"""What becomes of the classes: when each comes alive, what the first epoch changes, and what is left of the bias;
and which images steer the training.
"""
