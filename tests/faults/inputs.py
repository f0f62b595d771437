"""Bad inputs, drawn by hypothesis: JSON values of all kinds, valid configurations with some of their values replaced,
and examining many of them."""

from __future__ import annotations

import copy
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from igbviz.config import PRESETS
from igbviz.datasets import DATASETS
from igbviz.ensembles import EnsembleConfig
from igbviz.losses import LOSSES
from tests.faults.registry import Case, Hung

CPU_SECONDS = 20.0  # of one input: far more than any takes, and a paused machine does not count

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 2, 10, 10_000, 2**31, 2**63, 10**30, -(10**400), 0.5, 1e-300, 1e308]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "0", "1e9", "nan", "../..", "/", "~", "\0", "\ud800", "<b>x", "$x$", "x" * 5000, *LOSSES]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | SCALARS.map(str), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMED = st.sampled_from([{"name": name} for name in (*LOSSES, *DATASETS, "mlp", "cnn", "resnet18", "sgd", "adam")])
VALID = [preset.config.model_dump(mode="json") for preset in PRESETS.values()]
VALID += [EnsembleConfig().model_dump(mode="json")]


def _places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all parts of a JSON value but the whole."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from _places(part, (*path, key))


@st.composite
def changed(draw: Callable, values: list[Any]) -> Any:
    """One of these JSON values with one to three parts replaced, removed or added."""
    value = copy.deepcopy(draw(st.sampled_from(values)))
    for _ in range(draw(st.integers(1, 3))):
        if not (places := list(_places(value))):
            break
        *path, last = draw(st.sampled_from(places))
        holder = value
        for key in path:
            holder = holder[key]
        act = draw(st.sampled_from(("replace", "replace", "replace", "name", "remove", "add")))
        if act == "remove":
            del holder[last]
        elif act == "add" and isinstance(holder, dict):
            holder[draw(st.text(max_size=10))] = draw(JSON)
        else:
            holder[last] = copy.deepcopy(draw(NAMED if act == "name" else JSON))
    return value


CONFIGS = changed(VALID) | JSON


def examine(case: Case, inputs: st.SearchStrategy, check: Callable[[Any], None], count: int) -> None:
    """Check so many inputs, each counted as a fault; what is wrong is raised with the input as a note. A case that is
    repeated alone also looks for the smallest such input."""

    @hypothesis.seed(case.random.getrandbits(64))
    @hypothesis.settings(
        max_examples=case.few(count),
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if case.is_alone else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @hypothesis.given(inputs)
    def each(value: Any) -> None:
        case.count()
        with _limited():
            check(value)

    each()


@contextmanager
def _limited() -> Iterator[None]:
    def late(*_: object) -> None:
        raise Hung(f"an input takes more than {CPU_SECONDS:g} s of processor time")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
