"""One module for each part: its function `run(bench)` notes what it finds. The table of all is in `tests.gpu.registry`."""
