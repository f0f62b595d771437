"""Pictures of several runs that are no curves over time: their title, figure, data as a table, and caption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from igbviz.charts.classes.alive import alive
from igbviz.charts.classes.lasting_bias import lasting_bias
from igbviz.charts.time_axis import Unit
from igbviz.studies import alive as alive_study
from igbviz.studies import lasting_bias as bias_study
from igbviz.studies.comparison import Setting
from igbviz.trajectory.outcome import ALIVE_IN_WORDS


class Picture(NamedTuple):
    title: str
    spec: Callable[[Sequence[Setting], Unit], dict[str, Any]]
    frame: Callable[[Sequence[Setting]], pd.DataFrame]
    caption: Callable[[Sequence[Setting]], str]
    has_time: bool = True  # on an axis


PICTURES = {
    "alive": Picture(
        "Time to come alive",
        alive.spec,
        alive_study.frame,
        lambda _: f"One dot per seed; a bar up to their median. {ALIVE_IN_WORDS}",
    ),
    "lasting-bias": Picture(
        "What is left of the bias",
        lambda settings, _: lasting_bias.spec(settings),
        bias_study.frame,
        lambda settings: f"**{bias_study.sentence(settings)}** {bias_study.IN_WORDS}",
        has_time=False,
    ),
}
