"""Estimate how long a run will take: from paces measured on this machine, else from the network's operations.

The worker records the pace of every finished run in `cache/speeds.json`. Nothing here imports torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from igbviz import ensembles
from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.files import format_bytes, free, read, write_json
from igbviz.runs.kinds import Config
from igbviz.runs.locks import lock
from igbviz.spec import ConfigError
from igbviz.training.memory import require_memory
from igbviz.trajectory import snapshot_dtype

# For a machine without measurements: two cores of a current laptop. A rough guess, and the page says so.
DEFAULT_RATE = 4e10  # multiply-accumulates per second
PROBE_SPEEDUP = 2.0  # rate in a probe over the rate in training; 3 on an AMD EPYC
STEP_OVERHEAD = 6e-4  # seconds per step for Python, kernel launches and the optimizer
MAX_PACES = 200  # stored


@dataclass(frozen=True)
class Estimate:
    """Expected seconds of a run, its steps and probes, and the basis of the estimate."""

    seconds: float
    steps: int
    probes: int
    basis: str


def estimate(config: RunConfig, cache: Path) -> Estimate:
    """The expected duration of a run on this machine.

    Raises DataError when the data set cannot be read, ConfigError when the network does not fit into memory.
    """
    facts = config.dataset.facts()
    require_memory(config, facts)
    require_disk(config, facts, cache)
    classes = len(facts.class_names)
    config.require_fit(facts)
    train_size = config.train_size(facts)
    steps_per_epoch = config.steps_per_epoch(train_size)
    steps = config.total_steps(train_size)
    probes = len(config.probes.steps(steps, steps_per_epoch))
    images = probe_images(config, facts)
    images += min(images, round(train_size * config.label_noise.wrong_fraction(classes)))
    step, image, basis = _pace(config, facts, cache)
    return Estimate(steps * step + probes * images * image, steps, probes, basis)


def probe_seconds(config: RunConfig, facts: Facts, cache: Path) -> float:
    """The expected seconds of one probe of the test images."""
    _, image, _ = _pace(config, facts, cache)
    return probe_images(config, facts) * image


def probe_images(config: RunConfig, facts: Facts) -> int:
    """Test images of a probe."""
    return facts.test_size if config.probes.size == "all" else min(config.probes.size, facts.test_size)


def _pace(config: RunConfig, facts: Facts, cache: Path) -> tuple[float, float, str]:
    """Expected seconds per step and per probed image, and what they are based on."""
    paces = _read(cache)
    if pace := paces.get(_key(config, facts)):
        step = pace["step"] * config.batch_size / pace["batch_size"]
        return step, pace["image"], "as measured on this machine"
    rates = [other["rate"] for other in paces.values()]
    rate, flops = median(rates) if rates else DEFAULT_RATE, _flops(config, facts)
    step, image = STEP_OVERHEAD + 3 * flops * config.batch_size / rate, flops / (PROBE_SPEEDUP * rate)
    basis = "estimated from other networks on this machine" if rates else None
    return step, image, basis or "a rough guess: nothing has been trained here yet"


def expected_seconds(config: Config, cache: Path) -> float:
    """The expected seconds of a run of either kind. Raises like `estimate`."""
    if isinstance(config, EnsembleConfig):
        return ensembles.expected_seconds(config, config.dataset.facts())
    return estimate(config, cache).seconds


def require_disk(config: RunConfig, facts: Facts, cache: Path) -> None:
    """Raise ConfigError if the records of a run need more than half of the free disk space."""
    steps_per_epoch = config.steps_per_epoch(train_size := config.train_size(facts))
    probes = len(config.probes.steps(config.total_steps(train_size), steps_per_epoch))
    record = snapshot_dtype(len(facts.class_names), noisy=config.label_noise.wrong_fraction(len(facts.class_names)) > 0)
    if (needed := probes * record.itemsize) > (room := free(cache) // 2):
        raise ConfigError(
            (
                ("probes",),
                f"would write {format_bytes(needed)} of records, allowed: at most {format_bytes(room)}, half of the "
                "free disk space; lower their count or the number of epochs",
            )
        )


def record_pace(config: RunConfig, facts: Facts, cache: Path, step: float, image: float) -> None:
    """Store a measured pace: seconds per step and seconds per probed image."""
    rate = 3 * _flops(config, facts) * config.batch_size / max(step - STEP_OVERHEAD, step / 10)
    with lock(cache / "speeds.lock"):  # two workers may end a run at once
        paces = _read(cache)
        paces.pop(key := _key(config, facts), None)
        paces[key] = {"step": step, "image": image, "batch_size": config.batch_size, "rate": rate}
        write_json(cache / "speeds.json", dict(list(paces.items())[-MAX_PACES:]))


def _flops(config: RunConfig, facts: Facts) -> float:
    return config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))


def _key(config: RunConfig, facts: Facts) -> str:
    precision = ["bfloat16 probes"] if config.probes.precision == "bfloat16" else []
    return json.dumps([config.model.canonical(), facts.channels, facts.side, config.precision, *precision])


def _read(cache: Path) -> dict[str, dict]:
    try:
        paces = json.loads(read(cache / "speeds.json"))
        numbers = ("step", "image", "batch_size", "rate")
        return {
            key: pace for key, pace in paces.items() if all(isinstance(pace.get(name), int | float) for name in numbers)
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # missing or damaged: only the estimate gets worse
