"""The probes of a run: at which steps the network is evaluated, and on which images."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from igbviz.spec import Spec


class ProbePlan(Spec):
    """Probes evaluate the network on test images at chosen steps, without training on them."""

    size: Annotated[int, Field(ge=10, le=1_000_000)] | Literal["all"] = Field(
        default=2000, description="Test images per probe: a stratified, seeded subset, or 'all' of them."
    )
    schedule: Literal["log", "batch"] = Field(
        default="log",
        description="'log': a fixed number of probes, evenly spaced in log time. 'batch', as in the paper: at Init., "
        "after every batch of the first epoch, then after every epoch.",
    )
    count: int = Field(
        default=60,
        ge=2,
        le=5000,
        description="Number of probes of a 'log' schedule, including those at Init. and at the last step.",
    )
    batch_norm: Literal["eval", "batch"] = Field(
        default="eval",
        description="What BatchNorm normalizes by in a probe: its running statistics ('eval'; at Init. they change "
        "nothing), or those of the probed images in chunks of 500 ('batch'), with which an untrained network is far "
        "less biased.",
    )
    precision: Literal["same", "bfloat16"] = Field(
        default="same",
        description="Arithmetic of the probes: the run's own, or bfloat16, which takes half to two thirds of the "
        "time for convolutions where the processor has instructions for it, and changes p in its third digit. The "
        "training is the same.",
    )

    def steps(self, total: int, steps_per_epoch: int) -> np.ndarray:
        """The steps after which a run of `total` steps is probed: sorted, distinct, including 0 and `total`."""
        if self.schedule == "batch":
            first_epoch = np.arange(min(steps_per_epoch, total) + 1)
            epochs = np.arange(steps_per_epoch, total + 1, steps_per_epoch)
            return np.unique(np.concatenate([first_epoch, epochs, [total]]))
        if total + 1 <= self.count:
            return np.arange(total + 1)
        return np.concatenate([[0], _distinct(self.count - 1, total)])


@lru_cache(maxsize=64)
def _distinct(count: int, total: int) -> np.ndarray:
    """`count` distinct steps from 1 to `total`, even in log time.

    Rounding makes steps coincide (1.2 and 1.4 are both 1), so the grid is made finer until `count` are distinct.
    """
    upper = count
    while len(_even_in_log_time(upper, total)) < count:
        upper *= 2
    size = bisect_left(range(upper), count, lo=count, key=lambda n: len(_even_in_log_time(n, total)))
    return _even_in_log_time(size, total)


def _even_in_log_time(count: int, total: int) -> np.ndarray:
    return np.unique(np.geomspace(total, 1, count).round().astype(int))
