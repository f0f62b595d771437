"""Every chart of every quantity, for runs of any length and number of classes; axis of time and size of figures."""

import base64
import json

import numpy as np
import plotly.graph_objects as go
import pytest

from igbviz.charts.colors import ANYWHERE, DARK, LIGHT, NEUTRAL_TEXT_ANYWHERE
from igbviz.charts.interface.figures import themed, to_html
from igbviz.charts.run import bars, curves, run_curves, spread_apart, wrong_labels
from igbviz.charts.time_axis import TimeAxis
from igbviz.config import RunConfig
from igbviz.training.loop import train
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import QUANTITIES
from igbviz.trajectory.trajectory import thin
from igbviz.ui.live_chart import payload
from tests.support.stored_runs import story
from tests.support.trajectories import trajectory

CHARTS = {"curves": curves, "bars": bars}
PLAN = {"steps_per_epoch": 1563, "epochs": 20}


def arrays(figure: go.Figure) -> list[np.ndarray]:
    return [
        np.asarray(values)
        for trace in figure.data
        for values in (trace.x, trace.y, trace.customdata)
        if values is not None
    ]


def resolved(sent: str) -> dict:
    """A payload as the browser resolves it, without defaults that plotly adds."""
    spec = json.loads(sent)
    shared = spec.pop("shared")

    def whole(value):
        if isinstance(value, dict):
            return (
                shared[value["$shared"]]
                if "$shared" in value
                else {name: whole(inner) for name, inner in value.items()}
            )
        return [whole(inner) for inner in value] if isinstance(value, list) else value

    spec["layout"] = {name: value for name, value in spec["layout"].items() if value != [] and name != "template"}
    return whole(spec)


@pytest.mark.parametrize("probes", [0, 1, 2, 200])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_what_a_page_sends_is_the_figure(probes: int, classes: int) -> None:
    """A page sends the dictionary, which plotly has not checked."""
    shown = trajectory(probes, classes)
    drawn = [(chart, {"quantity": quantity}) for quantity in QUANTITIES for chart in CHARTS.values()]
    for chart, options in [*drawn, (wrong_labels, {})]:
        sent = chart.spec(shown, **options)
        assert resolved(payload(sent)) == resolved(payload(go.Figure(sent)))


@pytest.mark.parametrize("chart", CHARTS)
def test_an_unknown_quantity_is_a_sentence(chart):
    with pytest.raises(ValueError, match="^quantity is 'nope', allowed: one of true_class_probability, accuracy, "):
        CHARTS[chart](trajectory(3), quantity="nope")


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("probes", [0, 1, 50])
@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_of_every_quantity(chart, quantity, probes, classes):
    figure = CHARTS[chart](trajectory(probes, classes), quantity=quantity)
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text == QUANTITIES[quantity].title
    assert figure.layout.uirevision == "kept"
    assert len(figure.data) <= 2 * 20
    assert all(
        trace.type in ("scatter", "bar") for trace in figure.data
    )  # never scattergl: a page of charts runs out of WebGL contexts
    json.loads(payload(figure))
    json.loads(figure.to_json())


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_quantities_have_their_shape(quantity):
    values = QUANTITIES[quantity].values(trajectory(7, 4))
    assert values.shape == ((7, 4) if QUANTITIES[quantity].per_class else (7,))
    assert all((QUANTITIES[quantity].title, QUANTITIES[quantity].axis, QUANTITIES[quantity].caption))


def test_a_figure_does_not_grow_with_the_run():
    short, long = (len(payload(curves(trajectory(probes, last_step=31_000), **PLAN))) for probes in (1_000, 50_000))
    assert long <= 25_000
    assert long <= short * 1.1


@pytest.mark.parametrize(("unit", "first"), [("epoch", 1 / 1563), ("step", 1.0)])
def test_init_stands_half_a_decade_before_the_first_step(unit, first):
    figure = curves(trajectory(50), unit=unit, **PLAN)
    x = figure.data[0].x
    assert x[1] == pytest.approx(first, rel=1e-6)
    assert np.log10(x[1] / x[0]) == pytest.approx(0.5, abs=1e-6)
    assert figure.layout.xaxis.ticktext[0] == "Init."
    assert figure.layout.xaxis.tickvals[0] == pytest.approx(x[0])
    assert figure.data[0].customdata[0, 0] == 0


def test_the_axis_has_decades_and_an_end_that_is_planned():
    _, words = TimeAxis(1563, 20).ticks()
    assert words == ["Init.", "0.001", "0.01", "0.1", "1", "10"]
    assert TimeAxis(1563, 20, "step").ticks()[1] == ["Init.", "1", "10", "100", "1000", "10000"]
    assert TimeAxis(10, 2).ticks()[1] == ["Init.", "0.1", "0.2", "0.5", "1", "2"]
    ranges = {tuple(curves(trajectory(probes), **PLAN).layout.xaxis.range) for probes in (0, 1, 50)}
    assert len(ranges) == 1


@pytest.mark.parametrize("axis", [TimeAxis(1, 1), TimeAxis(1563, 0.01), TimeAxis(5e5, 1e4), TimeAxis(3, 1, "step")])
def test_the_axis_holds_at_its_limits(axis):
    positions, words = axis.ticks()
    assert len(positions) == len(words) and sorted(positions) == positions
    low, high = axis.layout()["range"]
    assert low < np.log10(positions[0]) and np.log10(positions[-1]) < high


def test_epoch_one_and_marks_are_drawn_where_they_happen():
    figure = curves(trajectory(50), marks=[(3, "switch")], **PLAN)
    notes = {note.text: note.x for note in figure.layout.annotations}
    assert notes["epoch 1"] == pytest.approx(0, abs=1e-6)
    assert notes["switch"] == pytest.approx(np.log10(3), abs=1e-6)
    assert any(shape.x0 == pytest.approx(3, rel=1e-6) for shape in figure.layout.shapes)


def test_the_favoured_class_is_thick_and_named():
    run = trajectory(20)
    thick = [trace for trace in curves(run, **PLAN).data if trace.mode == "lines" and trace.line.width > 4]
    assert [trace.name for trace in thick] == [f"{run.favoured()} ★ favoured at Init."]
    assert f"<b>{run.favoured()} ★</b>" in bars(run).layout.xaxis.ticktext
    many = trajectory(20, 100)
    assert curves(many, **PLAN).data[-1].name == f"{many.favoured()} ★ favoured at Init."


def test_many_classes_are_a_band_whose_number_of_traces_is_constant():
    assert len({len(curves(trajectory(probes, 100)).data) for probes in (0, 1, 50)}) == 1
    run = trajectory(9, 100)
    names = {trace.name: trace.y for trace in curves(run, "accuracy").data}
    assert names["median class"] == pytest.approx(np.median(run.accuracy(), axis=1), abs=1e-6)


def test_the_end_label_hides_with_its_class():
    figure = curves(trajectory(20), **PLAN)
    groups = [trace.legendgroup for trace in figure.data]
    assert groups[0::2] == groups[1::2] == [str(k) for k in range(10)]


def test_labels_keep_their_distance_and_order():
    targets = np.array([0.1, 0.11, 0.1, 0.9, 0.02])
    positions = spread_apart(targets, 0.05, 0.0, 1.0)
    assert np.diff(np.sort(positions)).min() >= 0.05 - 1e-9
    assert positions.min() >= 0 and positions.max() <= 1
    assert positions[3] == pytest.approx(0.9)
    assert np.all(np.diff(positions[np.argsort(targets, kind="stable")]) > 0)
    assert np.isfinite(spread_apart(np.full(10, np.nan), 0.2, 0.0, 1.0)).all()


def test_the_missing_loss_at_init_is_a_gap():
    figure = curves(trajectory(20), "train_loss", **PLAN)
    assert np.isnan(figure.data[0].y[0]) and np.isfinite(figure.data[0].y[1:]).all()
    assert "NaN" not in payload(figure)


def test_bars_show_one_probe_on_the_scale_of_probabilities():
    run = trajectory(20)
    for index, when in ((0, "Init."), (-1, "step 19 · epoch 0.0122")):
        figure = bars(run, index)
        assert figure.data[0].y == pytest.approx(run.predicted_probability()[index])
        assert figure.layout.xaxis.title.text == when
    assert figure.layout.yaxis.range == (0, 1.02)
    assert set(figure.data[0].marker.pattern.shape) == {"", "/"}


def test_one_over_k_is_drawn_for_probabilities_only():
    assert any(note.text == "1/K" for note in curves(trajectory(5, 4)).layout.annotations)
    assert not any(note.text == "1/K" for note in curves(trajectory(5, 4), "signal").layout.annotations)


def test_payload_sends_shared_arrays_once_and_loses_nothing():
    figure = curves(trajectory(300, last_step=20_000), **PLAN)
    spec = json.loads(payload(figure))
    lines = [trace for trace in spec["data"] if trace["mode"] == "lines"]
    assert (
        len({trace["x"]["$shared"] for trace in lines}) == len({trace["customdata"]["$shared"] for trace in lines}) == 1
    )
    assert len({trace["y"]["$shared"] for trace in lines}) == 10
    for trace, original in zip(lines, figure.data[::2], strict=True):
        sent = spec["shared"][trace["y"]["$shared"]]
        assert sent["dtype"] == "f4"
        assert np.array_equal(np.frombuffer(base64.b64decode(sent["bdata"]), "<f4"), original.y)


def test_payload_depends_on_the_figure_alone():
    assert payload(curves(trajectory(9), **PLAN)) == payload(curves(trajectory(9), **PLAN))
    assert payload(curves(trajectory(9), **PLAN)) != payload(curves(trajectory(10), **PLAN))


def test_numbers_are_sent_in_single_precision():
    figure = curves(trajectory(30), **PLAN)
    assert {values.dtype for values in arrays(figure) if values.dtype.kind == "f"} == {np.dtype("float32")}


def test_themes_for_files():
    figure = curves(trajectory(5), **PLAN)
    assert figure.layout.font.color == NEUTRAL_TEXT_ANYWHERE and figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    light, dark = themed(figure, dark=False), themed(figure, dark=True)
    assert (light.layout.paper_bgcolor, dark.layout.paper_bgcolor) == ("#ffffff", "#171614")
    assert light.layout.font.color != dark.layout.font.color
    for page, palette in ((figure, ANYWHERE), (light, LIGHT), (dark, DARK)):
        assert [trace.line.color for trace in page.data[:6:2]] == list(palette[:3])
        assert [trace.textfont.color for trace in page.data[1:6:2]] == list(palette[:3])
    for page in (light, dark):
        assert page.layout.paper_bgcolor in page.layout.font.shadow  # no line strikes a text through
    assert json.loads(dark.to_json())["data"][0]["y"] == json.loads(figure.to_json())["data"][0]["y"]


def test_html_stands_alone():
    page = to_html(bars(trajectory(5)), dark=True)
    assert "background:#171614" in page
    assert len(page) > 4_000_000  # plotly.js is inside
    assert '<script src="' not in page and "cdn.plot.ly/plotly" not in page


@pytest.mark.parametrize("quantity", [name for name, what in QUANTITIES.items() if what.noisy])
def test_quantities_of_wrong_labels_are_empty_without_them(quantity):
    assert np.isnan(QUANTITIES[quantity].values(trajectory(7))).all()
    run = trajectory(7, noisy=True)
    assert np.array_equal(QUANTITIES[quantity].values(run), run.records[quantity])


@pytest.mark.parametrize("probes", [0, 1, 50])
def test_wrong_labels_are_three_fractions_in_one_chart(probes):
    run = trajectory(probes, noisy=True)
    figure = wrong_labels(run, marks=[(3, "switch")], **PLAN)
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines"}
    assert list(lines) == ["memorised", "resisted", "otherwise"] and len(figure.data) == 6
    for name, line in lines.items():
        np.testing.assert_allclose(line.y, run.records[name][thin(run.step)], rtol=1e-6)
    assert (
        len({(line.line.color, line.line.dash) for line in lines.values()})
        == len({line.line.dash for line in lines.values()})
        == 3
    )
    assert figure.layout.yaxis.range == (-0.02, 1.02) and figure.layout.showlegend
    assert tuple(figure.layout.xaxis.range) == tuple(curves(run, **PLAN).layout.xaxis.range), (
        "stands beside the other charts"
    )
    json.loads(payload(figure))


def test_a_run_without_wrong_labels_has_an_empty_chart_of_them():
    figure = wrong_labels(trajectory(50), **PLAN)
    assert all(len(trace.x) == 0 for trace in figure.data)


@pytest.mark.parametrize(
    "changes", [{}, {"epochs": 0.3}, {"imbalance": {"ratio": 4}}], ids=["plain", "short", "imbalance"]
)
def test_the_axis_stays_while_a_run_grows(tiny: RunConfig, changes: dict):
    """From the first probe on, and over every later one."""
    config = tiny.with_(**changes)
    trajectory = Trajectory.of(list(train(config, "cpu")))
    per_epoch = config.steps_per_epoch(config.train_size(config.dataset.facts()))
    first, *later = [
        run_curves(trajectory[:probes], config, "accuracy", steps_per_epoch=per_epoch)["layout"]["xaxis"]
        for probes in (1, 2, len(trajectory))
    ]
    assert all(axis["range"] == first["range"] and axis["tickvals"] == first["tickvals"] for axis in later)


def test_the_axis_of_many_classes_fits_small_shares() -> None:
    """Until one is above a quarter, on every axis that is a fraction."""
    shown = story(classes=100)
    assert curves(shown).layout.yaxis.range == (-0.02, 1.02), "ends near 1"
    records = shown.records.copy()
    records["mean_prob"] = 0.01
    low, high = curves(Trajectory(records, shown.class_names), "predicted_probability").layout.yaxis.range
    assert low < 0 and 0.02 < high < 0.03, "twice 1/K, so that the line of chance is in the middle"
