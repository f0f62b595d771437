"""How long a run will take, before it starts: from what was measured on this machine, else from the size of the
network.

The worker notes the pace of every finished run in `cache/speeds.json`. Nothing here imports torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.runs.files import write_json
from igbviz.training.memory import require_memory

# For a machine where nothing has run yet: two cores of a current laptop. Rough on purpose, and said so on the page.
UNKNOWN_RATE = 4e10  # multiply-accumulates a second
PROBE_GAIN = 2.0  # times as many a second in a probe; three on an AMD EPYC
STEP_OVERHEAD = 6e-4  # seconds of Python, kernels' starts and optimizer a step
KEPT = 200  # paces remembered


@dataclass(frozen=True)
class Estimate:
    """Expected seconds of a run, its steps and probes, and what the guess rests on."""

    seconds: float
    steps: int
    probes: int
    basis: str


def estimate(config: RunConfig, cache: Path) -> Estimate:
    """Raises DataError when the data set cannot be looked at, ConfigError when the network cannot fit into this
    machine."""
    facts = config.dataset.facts()
    require_memory(config, facts)
    classes = len(facts.class_names)
    config.require_fit(facts)
    train_size = config.train_size(facts)
    steps_per_epoch = config.steps_per_epoch(train_size)
    steps = config.total_steps(train_size)
    probes = len(config.probes.steps(steps, steps_per_epoch))
    probe_images = facts.test_size if config.probes.size == "all" else min(config.probes.size, facts.test_size)
    probe_images += min(probe_images, round(train_size * config.label_noise.wrong_share(classes)))
    paces = _read(cache)
    known = paces.get(_key(config, facts))
    work = _work(config, facts)
    if known:
        step, image, basis = (
            known["step"] * config.batch_size / known["batch_size"],
            known["image"],
            "as measured on this machine",
        )
    else:
        rates = [pace["rate"] for pace in paces.values()]
        rate = median(rates) if rates else UNKNOWN_RATE
        step, image = STEP_OVERHEAD + 3 * work * config.batch_size / rate, work / (PROBE_GAIN * rate)
        basis = "guessed from other networks on this machine" if rates else "a rough guess: nothing has run here yet"
    return Estimate(steps * step + probes * probe_images * image, steps, probes, basis)


def note(config: RunConfig, facts: Facts, cache: Path, step: float, image: float) -> None:
    """Remember a measured pace: seconds a step and seconds a probed image."""
    paces = _read(cache)
    paces.pop(key := _key(config, facts), None)
    rate = 3 * _work(config, facts) * config.batch_size / max(step - STEP_OVERHEAD, step / 10)
    paces[key] = {"step": step, "image": image, "batch_size": config.batch_size, "rate": rate}
    write_json(cache / "speeds.json", dict(list(paces.items())[-KEPT:]))


def _work(config: RunConfig, facts: Facts) -> float:
    return config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))


def _key(config: RunConfig, facts: Facts) -> str:
    rough = ["bfloat16 probes"] if config.probes.precision == "bfloat16" else []
    return json.dumps([config.model.canonical(), facts.channels, facts.side, config.precision, *rough])


def _read(cache: Path) -> dict[str, dict]:
    try:
        paces = json.loads((cache / "speeds.json").read_text())
        numbers = ("step", "image", "batch_size", "rate")
        return {
            key: pace for key, pace in paces.items() if all(isinstance(pace.get(name), int | float) for name in numbers)
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # missing or torn: only the estimate is worse
