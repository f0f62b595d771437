"""Resources of a run: its number of threads, and whether it fits into memory.

Memory is checked before anything is allocated: a machine that over-commits kills any process it likes.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.spec import ConfigError

# Per weight: its value, its gradient, its packed form in a probe, and the optimizer's state.
WEIGHT_COPIES = {"sgd": 4, "adam": 5, "adamw": 5}


def require_memory(config: RunConfig, facts: Facts, free: float | None = None) -> None:
    """Raise ConfigError if data, weights and what backpropagation keeps of a batch need more than `free` bytes.

    `free` is by default the memory available now. The need is a lower bound: no run that fits is refused. What a GPU
    keeps of a batch is in its own memory, and too much of it is one sentence there.
    """
    free = free_memory() if free is None else free
    shape, classes = (facts.channels, facts.side, facts.side), len(facts.class_names)
    weights = config.model.weights(shape, classes) * WEIGHT_COPIES[config.optimizer.name]
    data = 0 if config.dataset.is_in_memory else (facts.train_size + facts.test_size) * math.prod(shape)
    batch = min(config.batch_size, facts.train_size)
    kept = 0.0 if has_gpu() else batch * config.model.activations(shape, classes)
    if config.precision == "bfloat16":
        kept /= 2
    if 4.0 * (weights + data + kept) <= free:
        return
    field, remedy = max(
        (weights, ("model", "lower its width or depth")),
        (data, ("dataset", "choose fewer or smaller images")),
        (kept, ("batch_size", f"lower it from {config.batch_size:,}")),
    )[1]
    raise ConfigError(
        (
            (field,),
            f"needs about {4e-9 * (weights + data + kept):,.0f} GB of memory for training, allowed: at most "
            f"the {free / 1e9:,.0f} GB that are free here; {remedy}",
        )
    )


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is in this machine; asked without torch, which takes a second to import."""
    return os.path.isdir("/proc/driver/nvidia/gpus")


def free_memory() -> float:
    """Bytes of main memory available to this process, within the limits of its container."""
    return min(_free_of_machine(), _free_of_container())


def _free_of_machine() -> float:
    """The total where the system reports no available memory."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# Of each version of control groups: its folder of memory groups, and the files with the limit and the usage.
_CGROUPS = {
    "v2": ("", "memory.max", "memory.current", "inactive_file"),
    "v1": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _free_of_container(process: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """What the control groups of this process leave of their limits; infinite without a limit."""
    try:
        lines = [line.split(":", 2) for line in process.read_text().splitlines()]
    except OSError:  # not Linux
        return math.inf
    left = math.inf
    for number, controllers, group in (line for line in lines if len(line) == 3):
        if number != "0" and "memory" not in controllers.split(","):
            continue
        folder, limit, usage, reclaimable = _CGROUPS["v2" if number == "0" else "v1"]
        # Every group above has a limit of its own. In a container the path may be that outside: its root has the limit.
        for path in (Path(group), *Path(group).parents):
            place = root / folder / str(path).strip("/")
            try:
                statistics = dict(line.split() for line in (place / "memory.stat").read_text().splitlines())
                used = int((place / usage).read_text()) - int(statistics.get(reclaimable, 0))
                left = min(left, int((place / limit).read_text()) - used)
            except (OSError, ValueError):  # no such group, or "max"
                continue
    return max(left, 0.0)


# Multiply-accumulates per step below which one thread is used. Two threads are a quarter faster on an idle machine, but
# three times slower when another program, such as the browser that draws the curves, needs one of two cores.
SINGLE_THREAD_MACS = 1e8


def fits_one_thread(config: RunConfig, facts: Facts, probed: int = 0) -> bool:
    """Whether a run is too small for more than one CPU thread: in a step, or in a forward pass of `probed` images."""
    macs_per_image = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
    return macs_per_image * (probed or 3 * config.batch_size) < SINGLE_THREAD_MACS
