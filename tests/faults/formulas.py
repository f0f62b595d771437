"""Formulas of losses: a sentence, or a loss that is finite and can be drawn, typeset and judged."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from igbviz.losses import Custom
from igbviz.losses.base import probability_grid
from igbviz.losses.custom import CHOICES, FUNCTIONS, symbols
from igbviz.spec import ConfigError
from tests.faults.inputs import JSON, examine
from tests.faults.registry import Case, fault, one_sentence

LEAVES = st.sampled_from(["p", "p", "q", "g", "0", "1", "2", "0.5", "1e9", "9" * 40, "1e-300", "lambda", "__class__"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            "({}{}{})".format, inner, st.sampled_from(["+", "-", "*", "/", "**", "//", "%", "<", " if p else "]), inner
        ),
        st.builds("{}({})".format, st.sampled_from([*FUNCTIONS, "eval", "abs.abs"]), inner),
        st.builds("{}({},{})".format, st.sampled_from([*CHOICES, "exp"]), inner, inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=10,
)
TEXTS = st.text(alphabet="p0123456789.+-*/()eqxlog ,_[]{}:='\"\\\n\0é", max_size=40) | st.text(max_size=300)
PARAMETERS = st.dictionaries(st.sampled_from(["q", "g", "p", "x"]), st.floats(-3, 3) | JSON, max_size=3) | JSON


def check(given: tuple) -> None:
    formula, parameters = given
    try:
        loss = Custom(formula=formula, parameters=parameters)
    except ConfigError as error:
        one_sentence(error)
        return
    log_p = probability_grid()
    for values in (loss.f(log_p, np), loss.weight(log_p, np), loss.f(np.array([-200.0, 0.0]), np)):
        assert np.isfinite(values).all(), loss
    assert Custom.from_json(loss.to_json()) == loss and set(loss.parameters) == set(symbols(loss.formula))
    one_sentence(loss.latex())
    for issue in loss.checks():
        one_sentence(issue.sentence if hasattr(issue, "sentence") else str(issue))


@fault("formulas", "formulas of a loss, with parameters")
def formulas(case: Case) -> None:
    fitting = st.just({"q": 0.7, "g": 2})
    examine(case, st.tuples(TREES | TEXTS, fitting | PARAMETERS), check, 200)
