"""The experiment of Pellegrino, Szczecina and Fieguth (arXiv 2511.20826): its sets of runs, alternatives to choices
that the paper leaves open, the sweeps that repeat it, and the runs of it that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from igbviz.config import PRESETS, RunConfig
from igbviz.datasets import CIFAR10
from igbviz.runs.kinds import TRAINED, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.trajectory import Trajectory

LINK = "https://arxiv.org/abs/2511.20826"
LOSSES = ("cross-entropy", "blurry", "blurry-detached", "piecewise-zero")  # rows of Figure 2, blurry in both readings
TITLES = {loss: PRESETS[f"paper-{loss}"].title.partition(": ")[2] for loss in LOSSES}
UNTRAINED = "untrained"  # in place of the loss where a claim is about Init., which is the same for all losses
SEEDS = (0, 1, 2)


# The runs of the experiment.


@dataclass(frozen=True)
class PaperSet:
    """One size of the experiment: `presets` is the prefix of its presets. `is_paper` is False for the stand-in with
    another network."""

    title: str
    words: str
    presets: str
    is_paper: bool = True

    def config(self, loss: str = LOSSES[0]) -> RunConfig:
        return PRESETS[f"{self.presets}-{loss}"].config


SETS = {
    "quick": PaperSet(
        "Quick",
        "ResNet-50 on grey CIFAR-10 for one epoch, with 60 probes of 2,000 test images. Made for two cores.",
        "paper-quick",
    ),
    "full": PaperSet(
        "Full",
        "As in the paper: 20 epochs, with probes of all 10,000 test images at Init., after every batch of the first "
        "epoch and after every epoch. Made for a GPU.",
        "paper",
    ),
    "small": PaperSet(
        "Small stand-in",
        "**Not the paper:** a network with four hidden layers on the Fashion-MNIST that comes with the program. Its "
        "initial guessing bias is strong, too.",
        "first-look",
        is_paper=False,
    ),
}


@dataclass(frozen=True)
class Alternative:
    """Another answer to a choice that the paper leaves open; `change` returns the fields of a run to replace."""

    title: str
    words: str
    change: Callable[[RunConfig], dict[str, Any]]


ALTERNATIVES = {
    "he-normal": Alternative(
        "He normal in every layer",
        "Variance 2/fan_in and zero biases, the last layer included.",
        lambda config: {"initialization": {"name": "he-normal"}},
    ),
    "he-fan-out": Alternative(
        "He normal, fan out, in every layer",
        "What torchvision does for the convolutions of ResNet, here for the last layer, too.",
        lambda config: {"initialization": {"name": "he-fan-out"}},
    ),
    "pytorch": Alternative(
        "PyTorch's layer defaults",
        "The default of PyTorch's layers: Kaiming uniform with a = √5, which gives much smaller weights.",
        lambda config: {"initialization": {"name": "pytorch"}},
    ),
    "standardised": Alternative(
        "Standardised input",
        "Mean 0 and variance 1 over the training images.",
        lambda config: _dataset(config, scaling="standardised"),
    ),
    "unit": Alternative(
        "Input from 0 to 1", "Brightness divided by 255.", lambda config: _dataset(config, scaling="unit")
    ),
    "rate": Alternative(
        "Ten times the learning rate",
        "Steps ten times as large.",
        lambda config: {
            "optimizer": config.optimizer.with_(learning_rate=float(f"{10 * config.optimizer.learning_rate:.3g}"))
        },
    ),
    "batch-statistics": Alternative(
        "BatchNorm with batch statistics",
        "Probes normalize by the statistics of the probed images. The training is the same, the measurement is not.",
        lambda config: {"probes": config.probes.with_(batch_norm="batch")},
    ),
}


def _dataset(config: RunConfig, **changes: Any) -> dict[str, Any]:
    return {"dataset": config.dataset.with_(**changes)}


def config_of(set_name: str, loss: str = LOSSES[0], alternative: str = "") -> RunConfig:
    """A run of a set, seed 0, with one of the alternatives if named."""
    config = SETS[set_name].config(loss)
    return config.with_(**ALTERNATIVES[alternative].change(config)) if alternative else config


@lru_cache(maxsize=8)
def alternatives(set_name: str) -> tuple[str, ...]:
    """The alternatives that change something in this set."""
    base = SETS[set_name].config()
    changing = [name for name in ALTERNATIVES if config_of(set_name, alternative=name).id != base.id]
    return tuple(name for name in changing if name != "batch-statistics" or base.model.has_batch_norm)


@lru_cache(maxsize=64)
def sweep(set_name: str, alternative: str = "", folder: str = "") -> Sweep:
    """All losses of a set by three seeds. `folder` reads CIFAR-10 from a folder of images in place of the original
    files."""
    base = config_of(set_name, alternative=alternative)
    if folder and SETS[set_name].is_paper:
        base = base.with_(
            dataset={"name": "image-folder", "folder": folder, "grayscale": True, "scaling": base.dataset.scaling}
        )
    losses = [SETS[set_name].config(loss).loss.model_dump() for loss in LOSSES]
    title = PRESETS[f"{SETS[set_name].presets}-{LOSSES[0]}"].title.partition(": ")[0]
    title += f", {ALTERNATIVES[alternative].title[:40]}" if alternative else ""
    return Sweep(base=base, axes={"loss": losses, "seed": list(SEEDS)}, title=title)


# The runs that exist.


@dataclass(frozen=True)
class PaperRun:
    """A run of the experiment: its loss and seed, and its trajectory so far."""

    loss: str
    seed: int
    run: Run
    config: RunConfig
    state: str
    trajectory: Trajectory

    @property
    def epoch(self) -> float:
        return float(self.trajectory.epoch[-1])

    @property
    def images(self) -> int:
        """Number of test images of a probe."""
        return int(self.trajectory.confusion[0].sum())


def describe(runs: Iterable[PaperRun]) -> list[str]:
    """One phrase per group of runs with the same length, probes, data and state, the longest runs first."""
    kinds: dict[tuple, list[PaperRun]] = {}
    for run in runs:
        folder = run.config.dataset.name == "image-folder"
        data = "CIFAR-10 from a folder of images" if folder else type(run.config.dataset).title
        kinds.setdefault((run.epoch, run.config.epochs, len(run.trajectory), run.images, data, run.state), []).append(
            run
        )
    phrases = []
    for (epoch, planned, probes, images, data, state), group in sorted(
        kinds.items(), key=lambda kind: kind[0], reverse=True
    ):
        seeds = sorted({run.seed for run in group})
        length = (
            f"{epoch:.3g} epoch{'s' * (epoch != 1)}"
            if state == "done"
            else f"{epoch:.3g} of {planned:g} epochs ({state})"
        )
        phrases.append(
            f"{len(group)} run{'s' * (len(group) > 1)} of {length}, seed{'s' * (len(seeds) > 1)} "
            f"{', '.join(map(str, seeds))}: {probes:,} probes of {images:,} images, {data}"
        )
    return phrases


def loss_of(config: RunConfig, class_names: Sequence[str], set_name: str, alternative: str = "") -> str | None:
    """The loss of the set that this run has, or None if it is no run of the set.

    It may differ from the set's own run in seed, length, times and size of the probes, and in where CIFAR-10 was read
    from. `class_names` are the run's, since a folder may be on another machine."""
    setting = _setting(config, class_names)
    return next((loss for loss, own in _settings(set_name, alternative).items() if own == setting), None)


@lru_cache(maxsize=32)
def _settings(set_name: str, alternative: str) -> dict[str, dict[str, Any]]:
    return {loss: _setting(config_of(set_name, loss, alternative), CIFAR10) for loss in LOSSES}


def _setting(config: RunConfig, class_names: Sequence[str]) -> dict[str, Any]:
    data = config.dataset
    dataset = data.canonical()
    if data.name == "cifar10" or (data.name == "image-folder" and set(class_names) == set(CIFAR10)):
        dataset = {
            "name": "CIFAR-10",
            "grayscale": data.grayscale,
            "scaling": data.scaling,
            "part": data.examples_per_class,
        }
        dataset["size"] = data.size or 32
    rest = {
        key: value for key, value in config.canonical().items() if key not in ("dataset", "seed", "epochs", "probes")
    }
    return rest | {
        "dataset": dataset,
        "batch_norm": config.probes.batch_norm,
        "probe_precision": config.probes.precision,
    }


def farthest_runs(
    rows: Iterable[Mapping[str, Any]], cache: Path, set_name: str, alternative: str = ""
) -> tuple[list[PaperRun], list[str]]:
    """For every loss and seed the run that was trained farthest, and one sentence per run that cannot be read.

    Runs planned to be longer than the set's do not count. `rows` are those of `library.rows`; most runs are excluded by
    them without being read."""
    base = config_of(set_name, alternative=alternative)
    names = {(base.model.name, base.initialization.name, kind.loss.name) for kind in map(SETS[set_name].config, LOSSES)}
    best: dict[tuple[str, int], PaperRun] = {}
    problems = []
    for row in rows:
        if (row["model"], row["initialization"], row["loss"]) not in names:
            continue
        try:
            run = _read(Run.open(row["id"], cache), set_name, alternative, base.epochs)
        except (RunError, OSError, ValueError, TypeError, KeyError) as error:
            problems.append(str(error) if isinstance(error, RunError) else f"run {row['id']} cannot be read: {error}")
            continue
        if run is None:
            continue
        key = (run.loss, run.seed)
        if key not in best or (run.epoch, run.images) > (best[key].epoch, best[key].images):
            best[key] = run
    return sorted(best.values(), key=lambda run: (LOSSES.index(run.loss), run.seed)), problems


def _read(run: Run, set_name: str, alternative: str, max_epochs: float) -> PaperRun | None:
    config = _config(str(run.path))
    if kind_of(config) is not TRAINED or config.epochs > max_epochs:
        return None
    from_folder = config.dataset.name == "image-folder"
    loss = loss_of(config, run.schema.get("class_names", ()) if from_folder else (), set_name, alternative)
    if loss is None:
        return None
    trajectory = run.trajectory()
    return PaperRun(loss, config.seed, run, config, run.status.state, trajectory) if len(trajectory) else None


@lru_cache(maxsize=20_000)
def _config(path: str) -> Any:
    return Run(Path(path)).config  # cached: the configuration of a run id never changes
