"""The data of the other parts: CIFAR-10 from --data, or where this machine has it, else noise of the same size."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from igbviz.datasets import DATASETS, DataError
from tests.gpu.bench import Bench, Options, noise

HOME = Path("~/data").expanduser()  # the path of a folder is part of a run's identity: here it is the same everywhere
KNOWN = ("train", "cifar-10-batches-py")  # what a folder of CIFAR-10 has in it


def run(bench: Bench) -> None:
    if bench.is_small and not bench.options.data:
        bench.note("data", "noise, since --small asks for little", dataset=noise(True))
        return
    started = time.monotonic()
    try:
        dataset = DATASETS[(fields := found(bench.options))["name"]](**fields)
        facts = dataset.facts()
        dataset.load()  # the others find it decoded
    except DataError as error:
        bench.note("data", f"noise of the size of CIFAR-10, NOT its pictures: {error}", dataset=noise(bench.is_small))
        return
    seconds = time.monotonic() - started
    words = (
        f"{dataset.name}, {facts.train_size:,} + {facts.test_size:,} pictures, unpacked and decoded in {seconds:.0f} s"
    )
    bench.note("data", words, dataset=dataset.model_dump(), seconds=seconds)


def found(options: Options) -> dict[str, Any]:
    """The fields of the data set: grey, not scaled. Raises DataError."""
    place = options.data or HOME / "cifar10"
    if place.is_file():
        place = unpacked(place, HOME)
    folder = next((where for where in (place, *sorted(place.glob("*/"))) if _is_known(where)), None)
    if folder and (folder / "train").is_dir():
        return {"name": "image-folder", "folder": as_written(folder), "grayscale": True, "scaling": "raw"}
    if folder:
        return {"name": "cifar10", "folder": as_written(folder), "grayscale": True, "scaling": "raw"}
    if options.data:
        raise DataError(f"{place} has none of {', '.join(KNOWN)}")
    cifar = DATASETS["cifar10"](grayscale=True, scaling="raw")
    if not cifar.is_at_hand():
        raise DataError("this machine has no CIFAR-10, and --data names none")
    return cifar.model_dump()


def as_written(folder: Path) -> str:
    """The path of a folder, with ~ for the home folder, which another machine may have elsewhere."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def unpacked(archive: Path, folder: Path) -> Path:
    """The folder with the content of an archive; unpacked once, and then renamed, so that it is whole."""
    target = folder / archive.name.split(".")[0]
    if not target.is_dir():
        beginning = folder / f"{target.name}-{os.getpid()}.part"
        try:
            _unpack(archive, beginning)
        except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
            shutil.rmtree(beginning, ignore_errors=True)
            raise DataError(f"{archive} cannot be unpacked: {error}") from error
        beginning.rename(target)
    return target


def _unpack(archive: Path, target: Path) -> None:
    """The program tar is ten times as fast with so many small files as Python; it may lack xz."""
    opener = {".xz": lzma.open, ".gz": gzip.open, ".tar": open}.get(archive.suffix)
    if not opener or not shutil.which("tar"):
        shutil.unpack_archive(archive, target, filter="data")
        return
    target.mkdir(parents=True)
    with opener(archive, "rb") as content, subprocess.Popen(["tar", "-x", "-C", target], stdin=subprocess.PIPE) as tar:
        shutil.copyfileobj(content, tar.stdin)
        tar.stdin.close()
    if tar.returncode:
        raise OSError(f"tar ended with code {tar.returncode}")


def _is_known(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in KNOWN)
