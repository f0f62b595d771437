"""`architectures`: measure the guesses of untrained networks of many architectures, for the page that compares them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from igbviz.cli.arguments import add_command
from igbviz.datasets import CIFAR10, DATASETS
from igbviz.datasets.errors import some
from igbviz.disk.places import TREE
from igbviz.spec import ConfigError


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "draw untrained networks of many architectures and compare their initial guessing bias (IGB)"
    command = add_command(commands, "architectures", architectures, text)
    command.add_argument(
        "--cifar10",
        metavar="FOLDER",
        help="CIFAR-10 as train/<class>/* and test/<class>/*; default: the data set cifar10, if it is on this machine",
    )


def architectures(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from igbviz.ensembles.networks import trained_file
    from igbviz.studies import architectures as study

    if TREE is None:
        raise ValueError("architectures writes its results into the project's own files: run it in a clone of it")
    cifar10, images = _cifar10(options.cifar10)
    names = study.with_trained_weights()
    at_hand = {name for name in names if trained_file(name)[0].is_file()}
    _say_what_is_left_out(names - at_hand, images)
    rows = study.current(study.read())
    planned = [cell for cell in study.cells(pretrained=at_hand) if images or cell.data != "CIFAR-10"]
    remaining = study.missing(planned, rows)
    try:
        with tqdm(remaining, unit="ensemble", dynamic_ncols=True, disable=None) as bar:
            for cell in bar:
                bar.set_description(f"{cell.architecture}, {cell.data}, {study.STATISTICS[cell.statistics]}")
                rows = study.current([*rows, study.measure(cell, cifar10)])
                study.write(rows, images or study.source_of_cifar10())
    except KeyboardInterrupt:
        print("\nstopped: run the same command again to continue", file=sys.stderr)
        raise
    print(study.summary(rows))
    return 0


def _cifar10(folder: str | None) -> tuple[Any, str | None]:
    """The data set, and in which form it comes; None if it is not at hand."""
    if folder:
        dataset = DATASETS["image-folder"](folder=folder)
        if (found := dataset.facts().class_names) != CIFAR10:
            raise ConfigError(
                (("cifar10",), f"is {folder} with {some(found)}, allowed: a folder with CIFAR-10's classes")
            )
        return dataset, "as a folder of images"
    dataset = DATASETS["cifar10"]()
    return dataset, "as published" if dataset.is_at_hand() else None


def _say_what_is_left_out(without_weights: set[str], images: str | None) -> None:
    parts = [] if images else ["CIFAR-10, which is not on this machine"]
    if without_weights:
        parts.append(
            f"the trained weights of {', '.join(sorted(without_weights))}, whose files are not in torch's cache"
        )
    if parts:
        print(f"Left out: {'; '.join(parts)}.", file=sys.stderr)
