"""CUDA graphs for the steps and probes of a run: on request, IGBVIZ_CUDA_GRAPHS=1.

A training step is hundreds of kernels of a few microseconds each; launching one from Python takes longer than running
it. A CUDA graph launches all of them at once. It always reads and writes the same memory: every input that changes has
to be in a tensor at a fixed address, and nothing may be read back to the host during the work.
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

WARMUP_CALLS = 3  # eager calls before capture, in which libraries and optimizers allocate their memory

Work = Callable[[], Tensor]


class Graph(NamedTuple):
    """A captured graph: how to launch it, and the tensor that then holds its result."""

    launch: Callable[[], None]
    result: Tensor


class CapturedFunction:
    """A function that is captured as a graph after some calls with the same arguments; new arguments start over.

    `mutated()` returns the tensors that the function changes. A graph is used only if it gives the same bits as the
    eager call, in all of these and in the result. A function that cannot be captured stays eager, and a line on stderr
    says why. If a capture fails half way, this process captures nothing more, since torch may be left inconsistent.
    """

    can_capture: ClassVar[bool] = True

    def __init__(
        self, work: Callable[..., Tensor], device: torch.device, mutated: Callable[[], Iterable[Tensor]] = tuple
    ) -> None:
        self.work, self.device, self.mutated = work, device, mutated
        self.arguments: tuple[Any, ...] | None = None
        self.graph: Graph | None = None
        self.calls = 0
        self.is_rejected = False

    def __call__(self, *arguments: Any) -> Tensor:
        """The result of the work; if a graph computed it, valid until any graph is launched again."""
        if arguments != self.arguments:
            self.arguments, self.graph, self.calls = arguments, None, 0
        if self.graph:
            self.graph.launch()
            return self.graph.result
        self.calls += 1
        work = partial(self.work, *arguments)
        if self.is_rejected or not CapturedFunction.can_capture or self.calls < WARMUP_CALLS:
            return work()
        return self._run_checked(work) if self.calls == WARMUP_CALLS else self._capture(work)

    def _run_checked(self, work: Work) -> Tensor:
        """Run eagerly once more; reject the work if it synchronizes with the device."""
        result, reason = SYNC_CHECKS.get(self.device.type, lambda work: (work(), ""))(work)
        if reason:
            self._reject(reason)
        return result

    @torch.no_grad()
    def _capture(self, work: Work) -> Tensor:
        """Capture the work, and keep the graph if it reproduces the eager call."""
        mutated, before = list(self.mutated()), []
        try:
            return self._capture_and_verify(work, mutated, before)
        except RuntimeError as error:  # also out of memory: the eager call may still fit
            reason = str(error.__context__ or error)
        # Outside of `except`: the exception keeps the frames alive, and their memory.
        _copy(before, mutated)
        self._reject(reason)
        return work()

    def _capture_and_verify(self, work: Work, mutated: list[Tensor], before: list[Tensor]) -> Tensor:
        CapturedFunction.can_capture = False  # until the capture has succeeded
        graph = CAPTURES[self.device.type](work, self.device)
        CapturedFunction.can_capture = True
        before += _copies(mutated)
        graph.launch()
        launched = _copies([*mutated, graph.result])
        _copy(before, mutated)
        result = work()
        if all(map(torch.equal, launched, [*mutated, result])):
            self.graph = graph
        else:
            self._reject("the graph does not give the same bits")
        return result

    def _reject(self, reason: str) -> None:
        self.is_rejected = True
        print(f"not captured as a graph: {(reason.splitlines() or [''])[0]}", file=sys.stderr)


def cuda_graph(work: Work, device: torch.device) -> Graph:
    """Capture work on a CUDA device without running it. Raises RuntimeError if it cannot be captured."""
    # A cuBLAS workspace belongs to the graph in whose capture it was allocated, so none may be shared between graphs.
    # And no graph may be garbage-collected during a capture.
    gc_was_enabled = gc.isenabled()
    gc.disable()
    with torch.cuda.device(device):
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        torch._C._cuda_clearCublasWorkspaces()
        try:
            with torch.cuda.graph(graph, *_pool_and_stream(device)):
                result = work()
        finally:
            torch.cuda.set_stream(stream)  # a failed capture leaves its own stream current
            torch._C._cuda_clearCublasWorkspaces()
            if gc_was_enabled:
                gc.enable()
    return Graph(graph.replay, result)


@cache
def _pool_and_stream(device: torch.device) -> tuple[Any, torch.cuda.Stream]:
    """One memory pool and stream for all captures: graphs run one at a time, and none reads another's memory."""
    return torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)


def find_synchronization(work: Work) -> tuple[Tensor, str]:
    """Run work on a CUDA device; returns its result and the first synchronization in it, '' if it can be captured."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            result = work()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    messages = (str(warning.message) for warning in caught)
    return result, next((message for message in messages if "called a synchronizing" in message), "")


# By device type.
CAPTURES: dict[str, Callable[[Work, torch.device], Graph]] = {"cuda": cuda_graph}
SYNC_CHECKS: dict[str, Callable[[Work], tuple[Tensor, str]]] = {"cuda": find_synchronization}


def is_enabled(device: torch.device) -> bool:
    """Whether graphs are requested, and this device supports them."""
    return device.type in CAPTURES and os.environ.get("IGBVIZ_CUDA_GRAPHS") == "1"


class Stepper(Protocol):
    """Anything that takes optimizer steps: a training, or a stack of them."""

    config: RunConfig
    device: torch.device
    is_stochastic: bool
    optimizer: torch.optim.Optimizer
    loss_sum: Tensor
    descend: Callable[[Tensor, Any], None]

    def tensors(self) -> list[Tensor]:
        """All weights and buffers, at their current addresses."""


def accelerate(training: Training) -> None:
    """Launch the steps and probes of a training as graphs, if enabled."""
    accelerate_steps(training)
    if is_enabled(training.device):
        training.evaluation.ticks = CapturedProbe(training.evaluation)


def accelerate_steps(steps: Stepper) -> None:
    """Launch steps as graphs, if enabled; not for stochastic layers, which are seeded anew in every step."""
    if is_enabled(steps.device) and not steps.is_stochastic:
        steps.descend = CapturedStep(steps)


class CapturedStep:
    """`descend` of a training or a stack, with one graph per batch shape."""

    def __init__(self, steps: Stepper) -> None:
        self.steps = weakref.proxy(steps)  # a reference cycle would keep the data of a finished run alive
        self.rate = torch.zeros((), device=steps.device)  # graphs read a scheduled learning rate from here
        self.graphs: dict[torch.Size, tuple[Tensor, CapturedFunction]] = {}

    def __call__(self, rows: Tensor, loss: Any) -> None:
        steps = self.steps
        if rows.shape not in self.graphs:
            batch = rows.clone()
            self.graphs[rows.shape] = batch, _capture_descent(steps, batch)
        batch, captured = self.graphs[rows.shape]
        batch.copy_(rows)
        if steps.config.optimizer.rate_changes:
            for group in steps.optimizer.param_groups:
                self.rate.fill_(group["lr"])
                group["lr"] = self.rate
        captured(loss, steps.loss_sum.data_ptr(), steps.tensors()[0].data_ptr())


def _capture_descent(steps: Stepper, batch: Tensor) -> CapturedFunction:
    eager_descend = steps.__class__.descend

    def work(loss: Any, *_: int) -> Tensor:
        if steps.device.type == "cuda":
            for group in steps.optimizer.param_groups:  # Adam checks this flag
                group["capturable"] = torch.cuda.is_current_stream_capturing()
        eager_descend(steps, batch, loss)
        return steps.loss_sum

    return CapturedFunction(
        work, steps.device, lambda: [*steps.tensors(), *optimizer_tensors(steps.optimizer), steps.loss_sum]
    )


class CapturedProbe:
    """`ticks` of an evaluation: all of a probe but the copy to the host."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = probe = weakref.proxy(evaluation)
        self.loss_sums = loss_sums = [
            torch.zeros(())
        ]  # of the current call; a list, so that the closure sees it change
        self.captured = CapturedFunction(
            lambda loss, *_: probe.reduce(
                torch.cat(list(probe.logits(probe.images, probe.wrong_images))), loss, loss_sums[0]
            ),
            evaluation.device,
        )

    def __call__(self, loss: Any, loss_sum: Tensor) -> Generator[None, None, dict[str, Any]]:
        self.loss_sums[0] = loss_sum
        weights = next(self.evaluation.network.parameters())
        vector = self.captured(loss, loss_sum.data_ptr(), weights.data_ptr())
        return self.evaluation.columns(vector.cpu().numpy())
        yield  # unreachable: makes this a generator, like `Evaluation.ticks`


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All tensors in the state of an optimizer."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


def _copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def _copy(values: Iterable[Tensor], tensors: Iterable[Tensor]) -> None:
    for value, tensor in zip(values, tensors, strict=False):  # `values` may be shorter after a failed capture
        tensor.copy_(value)
