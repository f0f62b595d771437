"""What a worker records: numpy records of one size, so that one process can append to a file of them while many map it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np


@dataclass(frozen=True)
class Recorded:
    """`records` (N,) so far, oldest first, and the names of the K classes that each tells of."""

    records: np.ndarray
    class_names: tuple[str, ...] = ()
    column: ClassVar[str]  # whose first axis is the classes
    least: ClassVar[str]  # what it is made of, for the sentence when there is none

    def __post_init__(self) -> None:
        names = self.class_names or tuple(str(k) for k in range(self.classes))
        if len(names) != self.classes:
            raise ValueError(f"class_names has {len(names)} names, the records have {self.classes} classes")
        object.__setattr__(self, "class_names", tuple(names))

    @classmethod
    def of(cls, records: Iterable[np.void], class_names: tuple[str, ...] = ()) -> Self:
        """Of at least one record, as the stream has yielded them."""
        if not (records := list(records)):
            raise ValueError(f"{cls.least}, but there is none")
        return cls(np.array(records), class_names)

    @classmethod
    def read(cls, path: Path, dtype: np.dtype, class_names: tuple[str, ...] = ()) -> Self:
        """The whole records of a file; a torn last one, still being written, is left out.

        The file is mapped, not read: what nobody looks at costs nothing, however long the run.
        """
        whole = path.stat().st_size // dtype.itemsize if path.exists() else 0
        return cls(np.memmap(path, dtype, "r", shape=(whole,)) if whole else np.empty(0, dtype), class_names)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, places: slice | np.ndarray) -> Self:
        return type(self)(self.records[places], self.class_names)

    @property
    def classes(self) -> int:
        return self.records.dtype[self.column].shape[0]
