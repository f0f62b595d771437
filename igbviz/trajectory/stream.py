"""Records as they are made in this process: one by one, with a length, and none is lost to an interruption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np


class Stream(Iterator[np.void]):
    """An iterator of records, `len(stream)` in all, which keeps in `recorded` those that it has yielded.

    So an error or a Ctrl-C in `for record in stream`, or in `list(stream)`, loses nothing. `class_names` are those of
    the K classes.
    """

    def __init__(
        self, records: Iterator[np.void], dtype: np.dtype, length: int, class_names: Iterable[str] = ()
    ) -> None:
        self.class_names: tuple[str, ...] = tuple(class_names)
        # What is yielded are views of this array, so that nothing is kept twice; what is not yet written takes no
        # memory.
        self._coming, self._kept, self._count = records, np.empty(length, dtype), 0

    def __iter__(self) -> Self:
        return self

    def __len__(self) -> int:
        """How many records there will be in the end; progress bars such as tqdm's ask for it."""
        return len(self._kept)

    def __next__(self) -> np.void:
        self._kept[self._count] = next(self._coming)
        self._count += 1
        return self._kept[self._count - 1]

    @property
    def recorded(self) -> np.ndarray:
        """(n,) the records yielded so far."""
        return self._kept[: self._count]
