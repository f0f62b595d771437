"""Resources of a run: its number of threads, and whether it fits into memory.

Memory is checked before anything is allocated: a machine that over-commits kills any process it likes.
"""

from __future__ import annotations

import os

from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.spec import ConfigError

# Per weight: its value, its gradient, its packed form in a probe, and the optimizer's state.
WEIGHT_COPIES = {"sgd": 4, "adam": 5, "adamw": 5}


def require_memory(config: RunConfig, facts: Facts, free: float | None = None) -> None:
    """Raise ConfigError if the weights alone need more than `free` bytes (default: the memory available now)."""
    free = free_memory() if free is None else free
    weights = config.model.weights((facts.channels, facts.side, facts.side), len(facts.class_names))
    needed = 4.0 * weights * WEIGHT_COPIES[config.optimizer.name]
    if needed > free:
        raise ConfigError(
            (
                ("model",),
                f"needs about {needed / 1e9:,.0f} GB of memory for training, allowed: at most "
                f"the {free / 1e9:,.0f} GB that are free here; lower its width or depth",
            )
        )


def free_memory() -> float:
    """Bytes of available main memory; the total where the system reports no available memory."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# Multiply-accumulates per step below which one thread is used. Two threads are a quarter faster on an idle machine, but
# three times slower when another program, such as the browser that draws the curves, needs one of two cores.
SINGLE_THREAD_MACS = 1e8


def fits_one_thread(config: RunConfig, facts: Facts, probed: int = 0) -> bool:
    """Whether a run is too small for more than one CPU thread: in a step, or in a forward pass of `probed` images."""
    macs_per_image = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
    return macs_per_image * (probed or 3 * config.batch_size) < SINGLE_THREAD_MACS
