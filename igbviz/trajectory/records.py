"""Arrays of fixed-size numpy records, which one process can append to a file while others map it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np


@dataclass(frozen=True)
class Recorded:
    """The `records` (N,) so far, oldest first, and the names of the K classes."""

    records: np.ndarray
    class_names: tuple[str, ...] = ()
    column: ClassVar[str]  # a column whose first axis is the classes
    least: ClassVar[str]  # what at least one record is needed for, in the error message of `of`

    def __post_init__(self) -> None:
        names = self.class_names or tuple(str(k) for k in range(self.classes))
        if len(names) != self.classes:
            raise ValueError(f"class_names has {len(names)} names, the records have {self.classes} classes")
        object.__setattr__(self, "class_names", tuple(names))

    @classmethod
    def of(cls, records: Iterable[np.void], class_names: tuple[str, ...] = ()) -> Self:
        """Build from the records that a stream has yielded; ValueError if there is none."""
        if not (records := list(records)):
            raise ValueError(f"{cls.least}, but there is none")
        return cls(np.array(records), class_names)

    @classmethod
    def read(cls, path: Path, dtype: np.dtype, class_names: tuple[str, ...] = ()) -> Self:
        """The complete records of a file; an incomplete last one, still being written, is left out.

        The file is memory-mapped, so columns and records that are never accessed cost nothing.
        """
        complete = path.stat().st_size // dtype.itemsize if path.exists() else 0
        return cls(np.memmap(path, dtype, "r", shape=(complete,)) if complete else np.empty(0, dtype), class_names)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: slice | np.ndarray) -> Self:
        return type(self)(self.records[index], self.class_names)

    @property
    def classes(self) -> int:
        return self.records.dtype[self.column].shape[0]
