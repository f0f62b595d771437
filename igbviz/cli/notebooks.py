"""`notebooks`: copy the example notebooks that ship with the program to where they can be run and changed."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from igbviz.cli.arguments import add_command

EXAMPLES = Path(__file__).parents[1] / "notebook" / "examples"


def add_commands(commands: argparse._SubParsersAction) -> None:
    command = add_command(commands, "notebooks", copy, "copy the example notebooks into a folder")
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="by default this one")


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
