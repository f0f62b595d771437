"""One module for each part: its function `run(bench)` notes what it finds. The table of all: `tests.gpu.registry`."""
