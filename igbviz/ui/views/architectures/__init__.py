"""The page of known architectures before training."""
