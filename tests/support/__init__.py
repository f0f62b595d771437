"""Code shared by several test modules, one module per subject."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
