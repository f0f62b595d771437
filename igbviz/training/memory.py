"""What a run takes of a machine: threads, and whether it can fit into memory at all, which is asked before anything is
allocated, because an over-committed machine kills what it likes."""

from __future__ import annotations

import os

from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.spec import ConfigError

COPIES = {
    "sgd": 4,
    "adam": 5,
    "adamw": 5,
}  # of every weight: itself, its gradient, its form in a probe, what the optimizer remembers


def require_memory(config: RunConfig, facts: Facts, free: float | None = None) -> None:
    """Raise ConfigError when the weights alone need more than `free` bytes (default: what the machine has left)."""
    free = free_memory() if free is None else free
    weights = config.model.weights((facts.channels, facts.side, facts.side), len(facts.class_names))
    needed = 4.0 * weights * COPIES[config.optimizer.name]
    if needed > free:
        raise ConfigError(
            (
                ("model",),
                f"needs about {needed / 1e9:,.0f} GB of memory for training, allowed: at most "
                f"the {free / 1e9:,.0f} GB that are free here; lower its width or depth",
            )
        )


def free_memory() -> float:
    """Bytes of main memory that can be used without pushing others out; all of it where the system does not tell."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# Multiply-accumulates of a step below which one thread is used: two are a quarter faster on an idle machine, but three
# times slower when something else, such as the browser that draws the curves, wants one of two cores.
SMALL_STEP = 1e8


def one_thread(config: RunConfig, facts: Facts, asked: int = 0) -> bool:
    """Whether a run has too little to do for more than one thread of a CPU: in a step, or when it is asked about so
    many images."""
    image = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
    return image * (asked or 3 * config.batch_size) < SMALL_STEP
