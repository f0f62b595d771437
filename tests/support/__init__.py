"""What several test modules share: a module an idea."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
