"""CUDA graphs without a GPU: captured operations are recorded on a tape and replayed from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from igbviz.training.cuda_graphs import Graph

# Operations that a GPU refuses during capture: reading a value back, or copying one from the host.
REFUSED = ("aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal", "aten::lift_fresh")


class Tape(TorchDispatchMode):
    """Records every operation with its arguments and results, and a copy of the memory from before the capture."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, list[Any]]] = []
        self.created: set[int] = set()
        self.original: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operation._schema.name
        if name in REFUSED:
            raise RuntimeError(f"{name} is not permitted while a stream is capturing")
        for memory in _memory((args, kwargs)):
            if memory.data_ptr() not in self.created:
                self.original.setdefault(memory.data_ptr(), (memory, memory.clone()))
        # Detached tensors keep the memory, even if a parameter is reassigned later.
        args, kwargs = tree_map_only(Tensor, Tensor.detach, (args, kwargs or {}))
        result = operation(*args, **kwargs)
        self.created |= {memory.data_ptr() for memory in _memory(result)} - set(self.original)
        self.operations.append((operation, args, kwargs, tree_leaves(result)))
        return result

    def rewind(self) -> None:
        """Restore the memory: a capture does not execute anything."""
        for memory, before in self.original.values():
            memory.copy_(before)

    @torch.inference_mode()
    def launch(self) -> None:
        """Run the recorded operations, writing into the recorded results."""
        for operation, args, kwargs, results in self.operations:
            for result, new in zip(results, tree_leaves(operation(*args, **kwargs)), strict=True):
                if isinstance(result, Tensor) and result.data_ptr() != new.data_ptr():
                    result.copy_(new)


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
