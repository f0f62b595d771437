"""Networks that are trained or drawn elsewhere: recorded by `Probe` in anybody's training loop, or measured untrained."""
