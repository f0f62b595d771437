"""Where a run computes, and how exactly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


def device_of(device: str | torch.device | None) -> torch.device:
    """The device of this name, None for the best one at hand. Raises ValueError for one that is not on this machine."""
    if device is None:
        return best_device()
    try:
        found = torch.device(device)
        torch.empty(0, device=found)  # a good name may still be that of a device that is not here
    except (RuntimeError, AssertionError, TypeError, ValueError):
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(
            f"device is {str(device)!r}, allowed: cpu, cuda or mps if this machine has it, or None for the best one "
            "at hand"
        )
    return found


def best_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """A device in words: 'NVIDIA H100', 'CPU'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU" if device.type == "cpu" else "Apple GPU (MPS)"


class Threads:
    """So many threads of a CPU. Stands around every step, where a generator of contextlib's costs one percent of a
    small one."""

    __slots__ = ("before", "wanted")

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        if self.before != self.wanted:
            torch.set_num_threads(self.wanted)

    def __exit__(self, *_: object) -> None:
        if self.before != self.wanted:
            torch.set_num_threads(self.before)


def arithmetic(device: torch.device, precision: str, threads: int) -> contextlib.AbstractContextManager[None]:
    """'float32' or 'bfloat16', and on a CPU so many threads; on a GPU kernels that give the same bits every time."""
    plain = device.type == "cpu" and precision == "float32"
    return Threads(threads) if plain else _arithmetic(device, precision, threads)


@contextlib.contextmanager
def _arithmetic(device: torch.device, precision: str, threads: int) -> Iterator[None]:
    with Threads(threads), contextlib.ExitStack() as stack:
        if precision == "bfloat16":
            stack.enter_context(torch.autocast(device.type, torch.bfloat16))
        if device.type == "cuda":
            stack.enter_context(repeatable())
        yield


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """On a CUDA device, kernels that give the same bits every time, and full float32 products: attention as plain
    products, since the backward passes of its fused forms add up in any order."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    filling = torch.utils.deterministic
    before = filling.fill_uninitialized_memory, torch.get_deterministic_debug_mode()
    # which would write NaN into all new memory, to find programs that read it
    filling.fill_uninitialized_memory = False
    torch.set_deterministic_debug_mode(
        "warn"
    )  # use_deterministic_algorithms would first import a compiler, for a second
    try:
        with (
            torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False, allow_tf32=False),
            sdpa_kernel(SDPBackend.MATH),
        ):
            yield
    finally:
        filling.fill_uninitialized_memory, mode = before
        torch.set_deterministic_debug_mode(mode)
