"""Networks that are trained or drawn elsewhere: recorded by `Probe` in anybody's loop, or measured untrained."""
