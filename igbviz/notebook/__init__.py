"""What a notebook shows: `watch`, a live chart of runs and probes."""
