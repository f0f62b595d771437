"""A figure on its way to the browser: short, and every value in it."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from igbviz.ui.live_chart import payload


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "dtype"),
    [([0.0, 0.5, np.nan, -np.inf], "f4"), ([0.1, 1e60], "f8"), ([0.1, 1e-60], "f8"), ([[0.5, 2.0]], "f4")],
)
def test_floats_are_single_unless_that_would_lose_a_point(values: list, dtype: str) -> None:
    sent = json.loads(payload({"data": [{"y": np.array(values)}]}))
    (array,) = sent["shared"]
    assert sent["data"] == [{"y": {"$shared": 0}}] and array["dtype"] == dtype
    decoded = np.frombuffer(base64.b64decode(array["bdata"]), dtype)
    np.testing.assert_allclose(decoded, np.ravel(values), rtol=1e-6)
    assert array.get("shape") == ("1, 2" if np.ndim(values) == 2 else None)
