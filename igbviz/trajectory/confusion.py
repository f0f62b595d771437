"""The confusion matrices of two runs at the same step, and where they differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from igbviz.trajectory.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class Difference:
    """Two runs, A and B, at their last probes that are not after a step.

    `a` and `b` are (K, K): the fraction of the images of a true class (row) that is guessed as a class (column).
    """

    a: np.ndarray
    b: np.ndarray
    steps: tuple[int, int]  # of these probes
    class_names: tuple[str, ...]

    @property
    def values(self) -> np.ndarray:
        """(K, K) from -1 to 1, A - B; rows sum to 0."""
        return self.a - self.b

    def largest(self) -> tuple[int, int] | None:
        """The true class and the guess for which they differ most, the first such pair; None where they are equal."""
        size = np.abs(self.values)
        row, column = np.unravel_index(size.argmax(), size.shape)
        return (int(row), int(column)) if size[row, column] else None

    def named(self, row: int, column: int) -> str:
        """'Shirt guessed as Pullover: 0.42 in A, 0.10 in B'."""
        guess = "right" if row == column else f"as {self.class_names[column]}"
        values = f"{self.a[row, column]:.2f} in A, {self.b[row, column]:.2f} in B"
        return f"{self.class_names[row]} guessed {guess}: {values}"

    def sentence(self) -> str:
        """Where they differ most, as the view in a browser says it, too (charts/js/difference.js)."""
        a, b = (f"step {step:,}" if step else "Init." for step in self.steps)
        when = f"At {a}" if a == b else f"With A at {a} and B at {b}"
        if (cell := self.largest()) is None:
            return f"{when}, both guess the same."
        return f"{when}, they differ most in {self.named(*cell)}."


def difference(a: Trajectory, b: Trajectory, step: int | None = None) -> Difference:
    """Of two runs with the same classes, at `step`, or at the last step that both have reached.

    Runs may have probes at different steps, and one may end before the other: of each it is the last probe at or before
    the step.
    """
    step = min(a.step[-1], b.step[-1]) if step is None else step
    matrices, steps = [], []
    for run in (a, b):
        probe = int(np.searchsorted(run.step, step, side="right")) - 1
        counts = run.confusion[probe]
        matrices.append(counts / counts.sum(-1, keepdims=True))
        steps.append(int(run.step[probe]))
    return Difference(matrices[0], matrices[1], (steps[0], steps[1]), a.class_names)
