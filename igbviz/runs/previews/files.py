"""The files of previews, what they cost, and which parts of a configuration they depend on. Nothing imports torch."""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from igbviz.config import RunConfig
from igbviz.config.probe_plan import ProbePlan
from igbviz.config.run import digest
from igbviz.datasets import Facts, FashionMini, GaussianNoise
from igbviz.datasets.base import FromFiles
from igbviz.runs import duration
from igbviz.runs.files import claim, opened, write_text

# Of work: up to this, which includes the small convolutional network, a page asks for every choice; above, only when a
# button is pressed.
AUTOMATIC_SECONDS = 0.3
MAX_SECONDS = 60.0  # above this, nobody is answered

ASK, ANSWER = re.compile(r"([0-9a-f]{8,32})\.ask"), re.compile(r"[0-9a-f]{10}\.json")
TEMPORARY = re.compile(r"\.[0-9a-f]{8,32}\.(?:ask|json)\.\d+-\d+")
MAX_ASK, MAX_ANSWER = 50_000, 1_000_000  # bytes
ASK_SECONDS, ANSWER_SECONDS, TEMPORARY_SECONDS = 60.0, 900.0, 60.0  # until they are removed
MAX_ENTRIES = 1000  # of the folder that are looked at

# On one core of a current laptop: seconds for tracing the network and choosing the images, per weight drawn, per pixel
# loaded; multiply-accumulates per second.
OVERHEAD, PER_WEIGHT, PER_PIXEL, RATE = 0.02, 1e-8, 1.5e-8, 6e10


class Answer(BaseModel):
    """What the worker has found out: about each of the K classes, or one sentence on why nothing."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    problem: str = Field(default="", max_length=2000)
    class_names: list[str] = Field(default=[], max_length=1000)
    guesses: list[int] = []  # images guessed as this class
    centre: list[float] = []  # mean and standard deviation of its logit over the images
    spread: list[float] = []
    histogram: list[list[int]] = []  # as in `ensembles.records.HISTOGRAM_EDGES`


def essence(config: RunConfig) -> RunConfig:
    """The configuration with everything at its default that does not change the probe at Init., such as the loss."""
    kept = ("dataset", "model", "initialization", "seed", "rounding_noise", "precision")
    probes = {name: getattr(config.probes, name) for name in ("size", "batch_norm", "precision")}
    return RunConfig(**{name: getattr(config, name) for name in kept}, probes=ProbePlan(**probes))


def key_of(config: RunConfig) -> str:
    """Equal for two configurations whose runs have the same probe at Init."""
    return digest(essence(config).canonical(incidental=True))


def begin_alike(run: RunConfig, form: RunConfig) -> bool:
    """Whether a form describes the untrained network of a run. It names a folder, of whose files it says nothing."""
    dataset = run.dataset
    if isinstance(dataset, FromFiles) and form.dataset == (unread := dataset.with_(fingerprint=None)):
        run = run.with_(dataset=unread)
    return key_of(run) == key_of(form)


def is_small(config: RunConfig) -> bool:
    """Whether a preview is so little work that every choice gets one. Counted, not measured, so it is so on every
    machine, however busy. Raises DataError."""
    facts = config.dataset.facts()
    macs = duration.probe_images(config, facts) * config.model.flops(*_sizes(facts))
    return _preparation(config, facts) + macs / RATE <= AUTOMATIC_SECONDS


def expected_seconds(config: RunConfig, cache: Path) -> float:
    """The expected seconds of a preview on this machine. Raises DataError."""
    facts = config.dataset.facts()
    return _preparation(config, facts) + duration.probe_seconds(config, facts, cache)


def _preparation(config: RunConfig, facts: Facts) -> float:
    """Seconds to draw the weights, and to load the data unless a worker keeps them."""
    shape, classes = _sizes(facts)
    pixels = (facts.train_size + facts.test_size) * math.prod(shape)
    loading = 0.0 if is_kept(config, pixels) else PER_PIXEL * pixels
    return OVERHEAD + PER_WEIGHT * config.model.weights(shape, classes) + loading


def _sizes(facts: Facts) -> tuple[tuple[int, int, int], int]:
    return (facts.channels, facts.side, facts.side), len(facts.class_names)


def is_kept(config: RunConfig, pixels: int) -> bool:
    """Whether a worker keeps these data after a preview: small ones, and only those that never change."""
    return pixels <= 20_000_000 and isinstance(config.dataset, FashionMini | GaussianNoise)


def ask(cache: Path, viewer: str, config: RunConfig) -> str:
    """Ask for the preview of a configuration in place of what this viewer asked before, unless there is an answer.

    Returns its key. Raises OSError where nothing can be written.
    """
    key = key_of(config)
    if answer_of(cache, key) is None:
        claim(cache)
        path = _ask_of(cache, viewer)
        path.parent.mkdir(exist_ok=True)
        write_text(path, essence(config).model_dump_json())
    return key


def ask_again(cache: Path, viewer: str, config: RunConfig) -> None:
    """Ask for what this viewer still waits for, if the ask has gone: a worker that dies takes what it has taken along,
    and an ask that nobody had time for is swept away. Who is answering it just now goes on."""
    if not _ask_of(cache, viewer).exists():
        with contextlib.suppress(OSError):
            ask(cache, viewer, config)


def _ask_of(cache: Path, viewer: str) -> Path:
    return cache / "previews" / f"{viewer}.ask"


def answer_of(cache: Path, key: str) -> Answer | None:
    """The answer with this key; None if there is none yet, or it is damaged."""
    if not ANSWER.fullmatch(f"{key}.json"):
        return None
    try:
        return Answer.model_validate_json(_read(cache / "previews" / f"{key}.json", MAX_ANSWER))
    except (OSError, ValidationError):
        return None


def read_ask(path: Path) -> RunConfig | None:
    """What is asked for; None if the file has gone, or is no configuration: then nobody is to read it again."""
    with contextlib.suppress(FileNotFoundError):
        try:
            return RunConfig.from_json(_read(path, MAX_ASK))
        except (OSError, ValueError):  # of which ConfigError is one
            with contextlib.suppress(OSError):
                path.unlink()
    return None


def take(path: Path, seen: RunConfig) -> bool:
    """Remove an ask, to answer it. False if another worker was first, or if it is no longer the one that was `seen`."""
    taken = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        os.rename(path, taken)
        if read_ask(taken) != seen:
            with contextlib.suppress(FileExistsError):  # a still newer one
                os.link(taken, path)
            taken.unlink()
            return False
        taken.unlink()
    except OSError:
        return False
    return True


def asks(cache: Path) -> list[tuple[float, Path]]:
    """The age in seconds and the path of every ask, the oldest first."""
    now = time.time()
    return sorted(((now - status.st_mtime, path) for path, status in _entries(cache, ASK)), reverse=True)


def sweep(cache: Path) -> None:
    """Remove what is too old. Only files with names as this module gives them; a link goes, not what it leads to."""
    now = time.time()
    lives = {ASK: ASK_SECONDS, ANSWER: ANSWER_SECONDS, TEMPORARY: TEMPORARY_SECONDS}
    for path, status in _entries(cache, *lives):
        age = now - status.st_mtime
        if any(name.fullmatch(path.name) and not 0 <= age < life for name, life in lives.items()):
            with contextlib.suppress(OSError):
                path.unlink()


def _entries(cache: Path, *names: re.Pattern[str]) -> Iterator[tuple[Path, os.stat_result]]:
    """The first entries of the folder with one of these names, not of one that a link leads to."""
    folder = cache / "previews"
    with contextlib.suppress(OSError):
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return
        with os.scandir(folder) as scan:
            named = (entry for entry in scan if any(name.fullmatch(entry.name) for name in names))
            for entry in islice(named, MAX_ENTRIES):
                with contextlib.suppress(OSError):
                    yield folder / entry.name, entry.stat(follow_symlinks=False)


def _read(path: Path, limit: int) -> bytes:
    with opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"{path} is larger than {limit} bytes")
    return content
