"""Work that a GPU does again and again, captured as a graph and launched whole.

A step of a network is hundreds of kernels of some microseconds each, and to launch one from Python takes longer than it runs. A graph
launches all of them at once. It reads and writes the same memory every time: what changes from one time to the next has to lie in a tensor
that stays where it is, and nothing may be read back on the way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

WARM = 3  # times that work is done as written first: libraries lay out what they need, optimizers their memory


class Graph(NamedTuple):
    """Captured work: what launches it, and the tensor that then holds its result."""

    launch: Callable[[], None]
    result: Tensor


def cuda_graph(work: Callable[[], Tensor], device: torch.device) -> Graph:
    """Capture work on a CUDA device without doing it. Raises RuntimeError where that is not possible."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph, stream=_stream(device)):
        result = work()
    return Graph(graph.replay, result)


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all captures: libraries keep memory for every stream that they have seen."""
    return torch.cuda.Stream(device)


CAPTURES: dict[str, Callable[[Callable[[], Tensor], torch.device], Graph]] = {"cuda": cuda_graph}  # by type of device


class Captured:
    """Work that is captured once it has been called with the same arguments some times in a row; with others it begins anew.

    `changes()` are the tensors that it changes. A graph is taken only where it leaves all of them, and gives, the same bits as the work
    itself. Work that cannot be captured is done as written, and a line on stderr says why.
    """

    def __init__(self, work: Callable[..., Tensor], device: torch.device, changes: Callable[[], Iterable[Tensor]] = tuple) -> None:
        self.work, self.device, self.changes = work, device, changes
        self.arguments: tuple[Any, ...] | None = None
        self.graph: Graph | None = None
        self.times = 0
        self.refused = False

    def __call__(self, *arguments: Any) -> Tensor:
        """What the work gives; where it comes from a graph, good until the next call."""
        if arguments != self.arguments:
            self.arguments, self.graph, self.times = arguments, None, 0
        if self.graph:
            self.graph.launch()
            return self.graph.result
        self.times += 1
        return self.work(*arguments) if self.refused or self.times <= WARM else self._capture()

    @torch.no_grad()
    def _capture(self) -> Tensor:
        """Do the work, and try whether a graph of it does the same."""
        work = partial(self.work, *self.arguments)
        try:
            graph = CAPTURES[self.device.type](work, self.device)
        except RuntimeError as error:
            self._refuse(str(error).splitlines()[0])
            return work()
        changed = list(self.changes())
        before = _copies(changed)
        graph.launch()
        launched = _copies([*changed, graph.result])
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
        result = work()
        if all(map(torch.equal, launched, [*changed, result])):
            self.graph = graph
        else:
            self._refuse("it does not give the same bits")
        return result

    def _refuse(self, why: str) -> None:
        self.refused = True
        print(f"not captured as a graph: {why}", file=sys.stderr)


def can_capture(device: torch.device) -> bool:
    """Whether work on this device can be captured."""
    return device.type in CAPTURES


def set_rate(optimizer: torch.optim.Optimizer, value: float, rate: Tensor) -> None:
    """Give a moving learning rate to an optimizer; where its steps are captured, through the tensor `rate`, where graphs look for it."""
    captured = can_capture(rate.device)
    if captured:
        rate.fill_(value)
    for group in optimizer.param_groups:
        group["lr"] = rate if captured else value


def update(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """The optimizer's own step. Adam wants to be told when it is captured."""
    if device.type == "cuda":
        for group in optimizer.param_groups:
            group["capturable"] = torch.cuda.is_current_stream_capturing()
    optimizer.step()


def remembered(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All tensors that an optimizer keeps from step to step."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


def _copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]
