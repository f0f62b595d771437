"""CUDA graphs without a GPU: what is captured is noted on a tape and played from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from igbviz.training.cuda_graphs import Graph

# What a GPU refuses while it captures: to read a value back, or to fetch one from the host.
REFUSED = ("aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal", "aten::lift_fresh")


class Tape(TorchDispatchMode):
    """Puts down every operation with its arguments and results, and keeps how the memory was that it found."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[Any, Any, Any, list[Any]]] = []
        self.made: set[int] = set()
        self.found: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operation._schema.name
        if name in REFUSED:
            raise RuntimeError(f"{name} is not permitted while a stream is capturing")
        for memory in _memory((args, kwargs)):
            if memory.data_ptr() not in self.made:
                self.found.setdefault(memory.data_ptr(), (memory, memory.clone()))
        args, kwargs = tree_map_only(
            Tensor, Tensor.detach, (args, kwargs or {})
        )  # the memory, wherever a parameter points later
        result = operation(*args, **kwargs)
        self.made |= {memory.data_ptr() for memory in _memory(result)} - set(self.found)
        self.done.append((operation, args, kwargs, tree_leaves(result)))
        return result

    def rewind(self) -> None:
        """Capturing does nothing yet."""
        for memory, before in self.found.values():
            memory.copy_(before)

    @torch.inference_mode()
    def launch(self) -> None:
        for operation, args, kwargs, results in self.done:
            for kept, fresh in zip(results, tree_leaves(operation(*args, **kwargs)), strict=True):
                if isinstance(kept, Tensor) and kept.data_ptr() != fresh.data_ptr():
                    kept.copy_(fresh)


def on_tape(work: Callable[[], Tensor], device: torch.device) -> Graph:
    """`captured.cuda_graph` for a CPU."""
    tape = Tape()
    try:
        with tape:
            result = work()
    finally:
        tape.rewind()
    return Graph(tape.launch, result)


def _memory(values: Any) -> list[torch.UntypedStorage]:
    return [value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor)]
