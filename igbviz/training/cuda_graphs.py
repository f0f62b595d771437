"""Work that a GPU does again and again, captured as a graph and launched whole: on request, IGBVIZ_CUDA_GRAPHS=1.

A step of a network is hundreds of kernels of some microseconds each, and to launch one from Python takes longer than it
runs. A graph launches all of them at once. It reads and writes the same memory every time: what changes from one time
to the next has to lie in a tensor that stays where it is, and nothing may be read back on the way.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Generator, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from igbviz.config import RunConfig

if TYPE_CHECKING:
    from igbviz.training.evaluation import Evaluation
    from igbviz.training.loop import Training

WARM = 3  # times that work is done as written first: libraries lay out what they need, optimizers their memory

Work = Callable[[], Tensor]


class Graph(NamedTuple):
    """Captured work: what launches it, and the tensor that then holds its result."""

    launch: Callable[[], None]
    result: Tensor


class Captured:
    """Work that is captured once it has been called with the same arguments some times in a row; with others it begins
    anew.

    `changes()` are the tensors that it changes. A graph is taken only where it leaves all of them, and gives, the same
    bits as the work itself. Work that cannot be captured is done as written, and a line on stderr says why. Where
    capturing failed half way, nothing more is captured by this process: what that leaves behind in torch is not to be
    built on.
    """

    trusted: ClassVar[bool] = True

    def __init__(
        self, work: Callable[..., Tensor], device: torch.device, changes: Callable[[], Iterable[Tensor]] = tuple
    ) -> None:
        self.work, self.device, self.changes = work, device, changes
        self.arguments: tuple[Any, ...] | None = None
        self.graph: Graph | None = None
        self.times = 0
        self.refused = False

    def __call__(self, *arguments: Any) -> Tensor:
        """What the work gives; where it comes from a graph, good until any graph is launched again."""
        if arguments != self.arguments:
            self.arguments, self.graph, self.times = arguments, None, 0
        if self.graph:
            self.graph.launch()
            return self.graph.result
        self.times += 1
        work = partial(self.work, *arguments)
        if self.refused or not Captured.trusted or self.times < WARM:
            return work()
        return self._watch(work) if self.times == WARM else self._capture(work)

    def _watch(self, work: Work) -> Tensor:
        """Do the work once more as written; it is not captured where it waits for the device."""
        result, why = WATCHES.get(self.device.type, lambda work: (work(), ""))(work)
        if why:
            self._refuse(why)
        return result

    @torch.no_grad()
    def _capture(self, work: Work) -> Tensor:
        """Do the work, and try whether a graph of it does the same."""
        changed, before = list(self.changes()), []
        try:
            return self._try(work, changed, before)
        except RuntimeError as error:  # of memory, too: there is room for the work itself
            why = str(error.__context__ or error)
        # Not within `except`: an exception holds all that was there when it came.
        _copy(before, changed)
        self._refuse(why)
        return work()

    def _try(self, work: Work, changed: list[Tensor], before: list[Tensor]) -> Tensor:
        Captured.trusted = False  # until this has ended well
        graph = CAPTURES[self.device.type](work, self.device)
        Captured.trusted = True
        before += _copies(changed)
        graph.launch()
        launched = _copies([*changed, graph.result])
        _copy(before, changed)
        result = work()
        if all(map(torch.equal, launched, [*changed, result])):
            self.graph = graph
        else:
            self._refuse("it does not give the same bits")
        return result

    def _refuse(self, why: str) -> None:
        self.refused = True
        print(f"not captured as a graph: {(why.splitlines() or [''])[0]}", file=sys.stderr)


def cuda_graph(work: Work, device: torch.device) -> Graph:
    """Capture work on a CUDA device without doing it. Raises RuntimeError where that is not possible."""
    # A workspace of cuBLAS belongs to the graph during whose capture it was made: none may be left from, or for,
    # another one. And no graph may be collected as garbage meanwhile.
    collects = gc.isenabled()
    gc.disable()
    with torch.cuda.device(device):
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        torch._C._cuda_clearCublasWorkspaces()
        try:
            with torch.cuda.graph(graph, *_room(device)):
                result = work()
        finally:
            torch.cuda.set_stream(stream)  # a failed capture leaves its own
            torch._C._cuda_clearCublasWorkspaces()
            if collects:
                gc.enable()
    return Graph(graph.replay, result)


@cache
def _room(device: torch.device) -> tuple[Any, torch.cuda.Stream]:
    """Memory and stream of all captures: graphs are launched one after the other, and none leaves anything for another."""
    return torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)


def cuda_watch(work: Work) -> tuple[Tensor, str]:
    """Do work on a CUDA device, and tell what in it waited for the device: nothing, where it may be captured."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            result = work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return result, next((str(one.message) for one in told if "called a synchronizing" in str(one.message)), "")


# By type of device.
CAPTURES: dict[str, Callable[[Work, torch.device], Graph]] = {"cuda": cuda_graph}
WATCHES: dict[str, Callable[[Work], tuple[Tensor, str]]] = {"cuda": cuda_watch}


def wanted(device: torch.device) -> bool:
    """Whether somebody asked for graphs, and work on this device can be captured."""
    return device.type in CAPTURES and os.environ.get("IGBVIZ_CUDA_GRAPHS") == "1"


class Steps(Protocol):
    """What takes optimizer steps: a training, or a stack of them."""

    config: RunConfig
    device: torch.device
    is_stochastic: bool
    optimizer: torch.optim.Optimizer
    loss_sum: Tensor
    descend: Callable[[Tensor, Any], None]

    def tensors(self) -> list[Tensor]:
        """All weights and buffers, as they lie in memory now."""


def accelerate(training: Training) -> None:
    """Have the steps and the probes of a training launched as graphs, where that is wanted."""
    accelerate_steps(training)
    if wanted(training.device):
        training.evaluation.ticks = CapturedProbe(training.evaluation)


def accelerate_steps(steps: Steps) -> None:
    """Have steps launched as graphs, where that is wanted: not with dropout, which is seeded between steps."""
    if wanted(steps.device) and not steps.is_stochastic:
        steps.descend = CapturedStep(steps)


class CapturedStep:
    """`descend` of a training or a stack. Each shape of a batch has a graph of its own."""

    def __init__(self, steps: Steps) -> None:
        self.steps = weakref.proxy(steps)  # a reference cycle would keep the data of a finished run
        self.rate = torch.zeros((), device=steps.device)  # where graphs find a learning rate that moves
        self.graphs: dict[torch.Size, tuple[Tensor, Captured]] = {}

    def __call__(self, rows: Tensor, loss: Any) -> None:
        steps = self.steps
        if rows.shape not in self.graphs:
            batch = rows.clone()
            self.graphs[rows.shape] = batch, _captured_descent(steps, batch)
        batch, captured = self.graphs[rows.shape]
        batch.copy_(rows)
        if steps.config.optimizer.moves:
            for group in steps.optimizer.param_groups:
                self.rate.fill_(group["lr"])
                group["lr"] = self.rate
        captured(loss, steps.loss_sum.data_ptr(), steps.tensors()[0].data_ptr())


def _captured_descent(steps: Steps, batch: Tensor) -> Captured:
    as_written = steps.__class__.descend

    def work(loss: Any, *_: int) -> Tensor:
        if steps.device.type == "cuda":
            for group in steps.optimizer.param_groups:  # Adam wants to be told
                group["capturable"] = torch.cuda.is_current_stream_capturing()
        as_written(steps, batch, loss)
        return steps.loss_sum

    return Captured(work, steps.device, lambda: [*steps.tensors(), *moments(steps.optimizer), steps.loss_sum])


class CapturedProbe:
    """`ticks` of an evaluation: all of a probe but its way to the host."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = own = weakref.proxy(evaluation)
        self.loss_sums = sums = [torch.zeros(())]  # the one to come along
        self.captured = Captured(
            lambda loss, *_: own.reduce(torch.cat(list(own.logits(own.images, own.wrong_images))), loss, sums[0]),
            evaluation.device,
        )

    def __call__(self, loss: Any, loss_sum: Tensor) -> Generator[None, None, dict[str, Any]]:
        self.loss_sums[0] = loss_sum
        weights = next(self.evaluation.network.parameters())
        row = self.captured(loss, loss_sum.data_ptr(), weights.data_ptr())
        return self.evaluation.columns(row.cpu().numpy())
        yield  # a generator, as the other way is; this one does everything at once


def moments(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All tensors that an optimizer keeps from step to step."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


def _copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def _copy(values: Iterable[Tensor], tensors: Iterable[Tensor]) -> None:
    for value, tensor in zip(values, tensors, strict=False):  # as many as there are
        tensor.copy_(value)
