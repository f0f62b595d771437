"""The device a run computes on, and its numerics: precision, number of threads, deterministic kernels."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Iterator

import torch

from igbviz.spec import ConfigError, short


def device_of(device: str | torch.device | None) -> torch.device:
    """The device of this name, or the best one available for None. Raises ValueError if this machine lacks it."""
    if device is None:
        return best_device()
    try:
        checked = torch.device(device)
        torch.empty(0, device=checked)  # a valid name may still be that of a device this machine lacks
    except (RuntimeError, AssertionError, TypeError, ValueError):
        checked = None
    if checked is None or checked.type not in ("cpu", "cuda", "mps"):
        allowed = "cpu, cuda or mps if this machine has it, or None for the best one available"
        raise ConfigError((("device",), f"is {short(str(device))}, allowed: {allowed}"))
    return checked


def best_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """A readable name of a device: 'NVIDIA H100', 'CPU'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU" if device.type == "cpu" else "Apple GPU (MPS)"


def machine(device: torch.device) -> dict[str, str]:
    """What a training ran on, and when: part of the provenance of its results."""
    return {
        "device": device_name(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


class NumThreads:
    """Context manager that sets torch's number of CPU threads.

    A class because it is entered in every step, where a `contextlib` generator costs 1 % of a small one.
    """

    __slots__ = ("before", "threads")

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        if self.before != self.threads:
            torch.set_num_threads(self.threads)

    def __exit__(self, *_: object) -> None:
        if self.before != self.threads:
            torch.set_num_threads(self.before)


def compute_context(device: torch.device, precision: str, threads: int) -> contextlib.AbstractContextManager[None]:
    """Precision 'float32' or 'bfloat16', the number of CPU threads, and deterministic kernels on a CUDA device."""
    plain = device.type == "cpu" and precision == "float32"
    return NumThreads(threads) if plain else _compute_context(device, precision, threads)


@contextlib.contextmanager
def _compute_context(device: torch.device, precision: str, threads: int) -> Iterator[None]:
    with NumThreads(threads), contextlib.ExitStack() as stack:
        if precision == "bfloat16":
            stack.enter_context(torch.autocast(device.type, torch.bfloat16))
        if device.type == "cuda":
            stack.enter_context(deterministic_kernels())
        yield


@contextlib.contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Deterministic CUDA kernels and full float32 matrix products, without TF32.

    Attention is computed as plain matrix products, since the backward passes of the fused kernels sum in any order.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    deterministic = torch.utils.deterministic
    before = deterministic.fill_uninitialized_memory, torch.get_deterministic_debug_mode()
    deterministic.fill_uninitialized_memory = False  # it would write NaN into all newly allocated memory
    # Not use_deterministic_algorithms, which first imports a compiler: a second.
    torch.set_deterministic_debug_mode("warn")
    try:
        with (
            torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False, allow_tf32=False),
            sdpa_kernel(SDPBackend.MATH),
        ):
            yield
    finally:
        deterministic.fill_uninitialized_memory, mode = before
        torch.set_deterministic_debug_mode(mode)


def warm_up(device: torch.device) -> None:
    """Use the device, autograd and an optimizer once, so that the first run does not wait for their start-up."""
    layer = torch.nn.Linear(8, 8).to(device)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    layer(torch.zeros(4, 8, device=device)).sum().backward()
    optimizer.step()
