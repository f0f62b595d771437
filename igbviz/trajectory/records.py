"""Arrays of fixed-size numpy records, which one process can append to a file while others map it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np


class Comparable:
    """A dataclass with arrays. Two are equal if all of their values are, a NaN equal to a NaN; so none has a hash."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


@dataclass(frozen=True, eq=False)
class Recorded(Comparable):
    """The `records` (N,) so far, oldest first, and the names of the K classes.

    `==` compares all columns and the names, also the wall clock, in which two trainings of one configuration differ.
    """

    records: np.ndarray
    class_names: tuple[str, ...] = ()
    column: ClassVar[str]  # a column whose first axis is the classes
    noun: ClassVar[str]  # what a record is of
    least: ClassVar[str]  # what at least one record is needed for, in the error message of `of`

    def __post_init__(self) -> None:
        names = self.class_names or tuple(str(k) for k in range(self.classes))
        if len(names) != self.classes:
            raise ValueError(f"class_names has {len(names)} names, the records have {self.classes} classes")
        object.__setattr__(self, "class_names", tuple(names))

    @classmethod
    def of(cls, records: Iterable[np.void], class_names: tuple[str, ...] = ()) -> Self:
        """Build from the records that a stream yields; ValueError if there is none.

        `train(...)` and `initialize(...)` know the names of the classes, a list of their records does not.
        """
        class_names = class_names or getattr(records, "class_names", ())
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

    def __repr__(self) -> str:
        count = len(self)
        return f"<{type(self).__name__}: {count:,} {self.noun}{'s' * (count != 1)} of {self.classes:,} classes>"

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: slice | np.ndarray) -> Self:
        return type(self)(self.records[index], self.class_names)

    @property
    def classes(self) -> int:
        return self.records.dtype[self.column].shape[0]


def _equal(a: Any, b: Any) -> bool:
    """Whether two values are equal; arrays of records column by column."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return bool(a == b)
    if a.dtype.names is None:
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    return a.dtype == b.dtype and all(_equal(a[name], b[name]) for name in a.dtype.names)
