"""Networks of elsewhere: recorded by `Probe` in anybody's training loop, or measured untrained."""
