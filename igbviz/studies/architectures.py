"""Which architectures are prejudiced before training: guesses and gamma of many untrained networks of each, on Gaussian
noise and on CIFAR-10, with BatchNorm in eval mode and with the statistics of the batch.

`python -m igbviz architectures` measures, cell by cell, and can be interrupted and resumed; the results are in
architectures.json. Each cell is one `EnsembleConfig`, so that everybody can draw its networks again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.config import NUMERICS
from igbviz.ensembles.verdict import format_percent, has_guesses
from igbviz.models import Torchvision
from igbviz.runs.files import write_text
from igbviz.runs.run import RunError
from igbviz.studies.provenance import this_machine
from igbviz.theory import REGIMES
from igbviz.theory.guess_fractions import MAX_NEUTRAL_GUESS, MIN_DEEP_GUESS

DATA = Path(__file__).with_suffix(".json")
INPUTS, SIDE = 200, 32
MANY, SOME, FEW = 20, 10, 6  # networks: fewer of those that take long


class Architecture(NamedTuple):
    model: dict[str, Any]
    initialization: str = "torchvision"  # the architecture's own
    networks: int = MANY


ARCHITECTURES = {
    "MLP": Architecture({"name": "mlp"}),
    "MLP (He normal)": Architecture({"name": "mlp"}, "he-normal"),
    "CNN": Architecture({"name": "cnn"}),
    "CNN (He normal)": Architecture({"name": "cnn"}, "he-normal"),
    "VGG-11": Architecture({"name": "vgg11"}, networks=SOME),
    "VGG-11 with BatchNorm": Architecture({"name": "vgg11_bn"}, networks=SOME),
    "ResNet-18": Architecture({"name": "resnet18"}),
    "ResNet-50": Architecture({"name": "resnet50"}, networks=SOME),
    "DenseNet-121": Architecture({"name": "densenet121"}),
    "MobileNetV2": Architecture({"name": "mobilenet_v2"}),
    "EfficientNet-B0": Architecture({"name": "efficientnet_b0"}),
    "ConvNeXt-T": Architecture({"name": "convnext_tiny"}, networks=SOME),
    "Swin-T": Architecture({"name": "swin_t"}, networks=FEW),
    "ViT": Architecture({"name": "vit_tiny"}, networks=FEW),
    "ViT (PyTorch's defaults)": Architecture({"name": "vit_tiny"}, "pytorch", SOME),  # whose head is not zero
}
NOISE = {"name": "gaussian-noise", "channels": 3, "size": SIDE, "train_examples": 1000, "test_examples": 500}
DATASETS = {"noise": NOISE, "CIFAR-10": {"name": "cifar10"}}
STATISTICS = {"eval": "eval mode", "batch": "batch statistics"}
_SHORT = RunConfig(
    dataset={"name": "fashion-mini", "size": 16},
    initialization={"name": "pytorch"},
    optimizer={"name": "adam", "learning_rate": 0.0005},
    epochs=0.5,
    probes={"size": 500, "count": 22},
)
TRAININGS = {  # shipped
    f"{title}, {loss}": _SHORT.with_(model={"name": model}, loss={"name": loss})
    for title, model in (("CNN", "cnn"), ("ViT", "vit_tiny"))
    for loss in ("cross-entropy", "piecewise-zero")
}


def has_batch_norm(architecture: str) -> bool:
    return any(cell.statistics == "batch" for cell in cells({architecture: ARCHITECTURES[architecture]}))


@dataclass(frozen=True)
class Cell:
    """One planned ensemble."""

    architecture: str
    data: str  # a key of DATASETS
    statistics: str  # a key of STATISTICS; networks without BatchNorm have "eval" only
    config: EnsembleConfig


@dataclass(frozen=True)
class Row:
    """The result of one cell. Without guesses, where all logits are equal, there is no gamma."""

    architecture: str
    data: str
    statistics: str
    pretrained: bool
    run: str  # the configuration's id
    gamma: tuple[float, float] | None  # of the logits, and its standard error over networks
    gamma_of_guesses: tuple[float, float] | None
    guesses: tuple[tuple[int, ...], ...]  # (networks, K) inputs guessed as each class
    seconds: float

    @property
    def networks(self) -> int:
        return len(self.guesses)

    @property
    def inputs(self) -> int:
        return sum(self.guesses[0])

    @property
    def classes(self) -> int:
        return len(self.guesses[0])

    @property
    def regime(self) -> str:
        """The regime in which networks have this mean largest guess fraction."""
        mean = self.largest_guess[0]
        return REGIMES[int(mean >= MAX_NEUTRAL_GUESS / self.classes) + int(mean >= MIN_DEEP_GUESS)]

    @cached_property
    def largest(self) -> np.ndarray:
        """(networks,) fraction of the inputs guessed as the favoured class."""
        return np.max(self.guesses, axis=1) / self.inputs

    @property
    def largest_guess(self) -> tuple[float, float]:
        """The mean over networks and its standard error."""
        return float(self.largest.mean()), float(self.largest.std(ddof=1) / self.networks**0.5)


def cells(architectures: dict[str, Architecture] | None = None, pretrained: Iterable[str] = ()) -> list[Cell]:
    """All ensembles, and after the untrained ones those of these models with trained weights, as they are used: with
    the running statistics of their training."""
    planned = []
    for label, (model, initialization, networks) in (architectures or ARCHITECTURES).items():
        plain = EnsembleConfig(
            model=model, initialization={"name": initialization}, networks=networks, inputs=INPUTS, seed=0
        )
        for statistics in STATISTICS if plain.model.has_batch_norm else ("eval",):
            for data, dataset in DATASETS.items():
                planned.append(Cell(label, data, statistics, plain.with_(dataset=dataset, batch_norm=statistics)))
    trained = [
        Cell(cell.architecture, cell.data, cell.statistics, cell.config.with_(pretrained=True))
        for cell in planned
        if cell.config.model.name in pretrained and cell.statistics == "eval"
    ]
    return planned + trained


def missing(planned: Iterable[Cell], rows: Iterable[Row]) -> list[Cell]:
    """The cells without a row; a row of another configuration or version of the numerics does not count."""
    measured = {row.run for row in rows}
    return [cell for cell in planned if cell.config.id not in measured]


def current(rows: list[Row]) -> list[Row]:
    """The rows whose configuration belongs to today's settings, in the order of the cells and under their names."""
    place = {cell.config.id: (i, cell.architecture) for i, cell in enumerate(cells(pretrained=with_trained_weights()))}
    found = [replace(row, architecture=place[row.run][1]) for row in rows if row.run in place]
    return sorted(found, key=lambda row: place[row.run][0])


def with_trained_weights() -> set[str]:
    """The networks of torchvision, which come with trained weights."""
    models = (cell.config.model for cell in cells())
    return {model.name for model in models if isinstance(model, Torchvision)}


def measure(cell: Cell, cifar10: Any) -> Row:
    """Draw the networks of a cell on the CPU, with one thread: so they have the same bits on machines alike.

    `cifar10` is the data set that holds the images of CIFAR-10, perhaps from another place.
    """
    import torch

    from igbviz.ensembles import Ensemble, initialize

    started, threads = time.perf_counter(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        source = cifar10 if cell.data == "CIFAR-10" else cell.config.dataset
        ensemble = Ensemble.of(initialize(cell.config.with_(dataset=source), "cpu", _loaded(source)))
    finally:
        torch.set_num_threads(threads)
    found = has_guesses(ensemble)
    gamma, of_guesses = (
        tuple(float(f"{number:.5g}") for number in ensemble.gamma(estimator)) if found else None
        for estimator in ("variance", "guesses")
    )
    counts = tuple(tuple(network) for network in ensemble.records["guesses"].tolist())
    seconds = round(time.perf_counter() - started, 1)
    pretrained = cell.config.pretrained
    return Row(
        cell.architecture, cell.data, cell.statistics, pretrained, cell.config.id, gamma, of_guesses, counts, seconds
    )


@lru_cache(maxsize=2)
def _loaded(source: Any) -> Any:
    return source.load("cpu")


def read(path: Path | None = None) -> list[Row]:
    """The rows of a file, by default the shipped one; none without a file. Raises RunError for any other content."""
    try:
        rows = json.loads((path or DATA).read_text())["rows"]
        return [Row(**{name: _frozen(value) for name, value in row.items()}) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path or DATA} is not a file of architectures: {error}") from None


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def provenance(path: Path | None = None) -> dict[str, Any]:
    return json.loads((path or DATA).read_text())["provenance"]


def source_of_cifar10() -> str:
    """In which form CIFAR-10 was read for the rows that are there."""
    return provenance()["CIFAR-10"] if DATA.exists() else "left out"


def write(rows: list[Row], images: str, path: Path | None = None) -> None:
    """Replace the file: provenance first, then one row per line, so that versions can be compared with diff.

    `images` says in which form CIFAR-10 was read.
    """
    from igbviz._torchvision import torchvision

    machine = this_machine()
    facts = {
        **machine,
        "device": f"{machine['device']}, 1 thread",
        "torchvision": torchvision.__version__,
        "numerics": NUMERICS,
        "networks": {label: architecture.networks for label, architecture in ARCHITECTURES.items()},
        "inputs": INPUTS,
        "classes": 10,
        "image size": [3, SIDE, SIDE],
        "seed": 0,
        "CIFAR-10": images,
    }
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False, separators=(",", ":")) for row in rows)
    write_text(
        path or DATA, f'{{"provenance": {json.dumps(facts, indent=1, ensure_ascii=False)},\n"rows": [\n{lines}\n]}}\n'
    )


def summary(rows: Sequence[Row]) -> str:
    """What came of it, in a paragraph."""
    return " ".join(findings(rows))


def findings(rows: Sequence[Row]) -> list[str]:
    """What came of it, in sentences; none on what was not measured."""
    parts = (_who_is_prejudiced(rows), _batch_statistics(rows), _data(rows), _equal_logits(rows))
    return [sentence for sentence in parts if sentence]


def of_kind(rows: Sequence[Row], data: str, statistics: str = "eval") -> dict[str, Row]:
    """The rows with guesses, by architecture."""
    chosen = (row for row in rows if row.data == data and row.statistics == statistics and row.gamma)
    return {row.architecture: row for row in chosen}


def _who_is_prejudiced(rows: Sequence[Row]) -> str:
    data = list(DATASETS)[-1] if of_kind(rows, list(DATASETS)[-1]) else next(iter(DATASETS))
    by_name = of_kind(rows, data)
    if not by_name:
        return ""
    order = sorted(by_name, key=lambda name: -by_name[name].largest_guess[0])
    above = [name for name in order if by_name[name].largest_guess[0] > 0.5]
    neutral = [name for name in order if by_name[name].regime == REGIMES[0]]
    most, least = order[0], order[-1]
    text = (
        f"On {data}, {len(above)} of {len(order)} kinds of networks give more than half of their guesses to one class "
        f"before training, on average; it gets from {with_percent(by_name[most])} in {most} down to "
        f"{with_percent(by_name[least])} in {least} (n = {_range(by_name)} networks, BatchNorm in eval mode)"
    )
    return f"{text}; neutral: {', '.join(neutral)}." if neutral else f"{text}."


def _range(by_name: dict[str, Row]) -> str:
    """'6 to 20', the numbers of networks."""
    numbers = sorted({row.networks for row in by_name.values()})
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _batch_statistics(rows: Sequence[Row]) -> str:
    ends = []
    for data in DATASETS:
        before, after = of_kind(rows, data), of_kind(rows, data, "batch")
        both = [name for name in before if name in after]
        if both:
            higher = [name for name in both if after[name].largest_guess[0] >= before[name].largest_guess[0]]
            lower = f"lower in all but {', '.join(higher)}" if higher else f"lower in all {len(both)}"
            means = [np.mean([group[name].largest_guess[0] for name in both]) for group in (before, after)]
            change = f"from {format_percent(means[0])} to {format_percent(means[1])}"
            ends.append(f"{change} on {data} ({lower})")
    if not ends:
        return ""
    return (
        "In eval mode a fresh BatchNorm subtracts 0 and divides by 1; batch statistics take the favoured class of the "
        f"networks with BatchNorm, on average, {' and '.join(ends)}."
    )


def _data(rows: Sequence[Row]) -> str:
    """How gamma on noise and on images compare, beyond two standard errors of their difference."""
    noise, images = (of_kind(rows, data) for data in DATASETS)
    both = [name for name in noise if name in images]
    if not both:
        return ""
    larger, smaller = [], []
    for name in both:
        (a, da), (b, db) = noise[name].gamma, images[name].gamma
        if abs(a - b) > 2 * (da**2 + db**2) ** 0.5:
            (larger if a > b else smaller).append(name)
    rest = len(both) - len(larger) - len(smaller)
    parts = [f"larger on noise than on CIFAR-10 in {', '.join(larger)}" if larger else ""]
    parts += [f"smaller in {', '.join(smaller)}" if smaller else ""]
    parts += [f"within two standard errors the same in the other {rest}" if rest and (larger or smaller) else ""]
    parts += ["on noise and on CIFAR-10 within two standard errors the same in all" if rest == len(both) else ""]
    return f"γ of the logits is {'; '.join(filter(None, parts))}."


def _equal_logits(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(row.architecture for row in rows if row.gamma is None))
    if not names:
        return ""
    return (
        f"{', '.join(names)}: torchvision sets the last layer to zero, so that all logits are equal, each class has "
        "exactly p = 1/K, and there is no guess to count."
    )


def with_percent(row: Row) -> str:
    """'62 ± 4 %', '14.2 ± 0.5 %'"""
    mean, error = row.largest_guess
    decimals = 0 if error >= 0.0095 else 1
    return f"{100 * mean:.{decimals}f} ± {100 * error:.{decimals}f}\u00a0%"
