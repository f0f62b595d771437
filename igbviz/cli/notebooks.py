"""`notebooks`: copy the example notebooks that ship with the program to where they can be run and changed."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "notebook" / "examples"


def add_commands(commands) -> None:
    notebooks = commands.add_parser("notebooks", help="copy the example notebooks into a folder")
    notebooks.add_argument("folder", nargs="?", type=Path, default=Path("."), help="default: this folder")
    notebooks.set_defaults(command=copy)


def copy(options: argparse.Namespace) -> int:
    """Copy those that are not there yet: what somebody has changed is kept."""
    options.folder.mkdir(parents=True, exist_ok=True)
    for example in sorted(EXAMPLES.glob("*.ipynb")):
        if (copied := options.folder / example.name).exists():
            print(f"{copied} is there already, and was left as it is")
        else:
            shutil.copyfile(example, copied)
            print(copied)
    return 0
