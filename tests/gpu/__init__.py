"""Everything that only a GPU can answer, with one command: `python -m tests.gpu`, see its --help."""
