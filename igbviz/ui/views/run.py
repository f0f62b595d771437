"""A run on the page: its progress, the two live charts, the state at one probe, and the exports."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz import charts
from igbviz.charts import run_export
from igbviz.charts.run import WRONG_LABELS_CHART, run_curves
from igbviz.config import RunConfig
from igbviz.losses import Custom
from igbviz.runs import sweep_config
from igbviz.runs.listing import listed
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.trajectory import Trajectory, quantities
from igbviz.ui import progress, provenance, refresh
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.messages import plain
from igbviz.ui.runs import shown_trajectory

LEFT = ("true_class_probability", "predicted_probability", "guess_fraction")
HEIGHT, BARS_HEIGHT = 480, 360  # pixels


def view(run: Run) -> None:
    """The whole view. A timer that ends with the run redraws only the part that changes."""
    try:
        status, config, recorded = run.status, run.config, len(run.trajectory())
        if problem := listed(run.path).problem:  # recorded files are missing
            raise RunError(f"run {run.id} cannot be read: {problem}")
    except RunError as error:
        st.error(f"{error}. The other runs are not affected.", icon=":material/broken_image:")
        return
    st.subheader(plain(_title(config)), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Left chart",
            LEFT,
            default=LEFT[0],
            required=True,
            key="left",
            format_func=lambda name: quantities.QUANTITIES[name].title,
        )
        unit = st.segmented_control(
            "Time in", ("epoch", "step"), default="epoch", required=True, key="unit", format_func="{}s".format
        )

    def update() -> float | None:
        now = run.status
        progress.draw(run, now)
        _charts(run, quantity, unit, now)
        return refresh.pace(now)

    refresh.fragment(update, refresh.pace(status))
    _exports(run, bool(recorded) or not status.ended)


def _title(config: RunConfig) -> str:
    loss = config.loss
    if isinstance(loss, Custom):
        settings = [loss.formula, *(f"{name} {value:g}" for name, value in loss.parameters.items())]
    else:
        settings = [
            f"{sweep_config.title(name)} {sweep_config.label(value)}"
            for name, value in loss.canonical().items()
            if name != "name"
        ]
    detail = f" ({', '.join(settings)})" if settings else ""
    data = ", ".join(filter(None, (config.dataset.name, config.label_noise.label, config.imbalance.label)))
    return f"{loss.title}{detail} · {config.model.name} · {data} · seed {config.seed}"


def _charts(run: Run, quantity: str, unit: str, status: Status) -> None:
    size = run.record_bytes
    trajectory = shown_trajectory(str(run.path), size)
    if not len(trajectory):
        if status.state == "running":
            st.info(plain(run.log(1) or status.message), icon=":material/hourglass_top:")
        elif status.state == "queued":
            st.info(
                "Queued: runs start in the order of submission, one at a time; small runs of a sweep share the cores.",
                icon=":material/hourglass_empty:",
            )
        return
    left, right = st.columns(2)
    for column, name, key in ((left, quantity, "chart-left"), (right, "accuracy", "chart-right")):
        with column:
            live_chart(_curves(str(run.path), size, name, unit), key=key, height=HEIGHT)
            st.caption(quantities.QUANTITIES[name].caption)
    if trajectory.has_noise:
        live_chart(_curves(str(run.path), size, WRONG_LABELS_CHART, unit), key="chart-wrong-labels", height=HEIGHT)
        st.caption(quantities.WRONG_LABELS.caption)
    index = len(trajectory) - 1
    slider = st.container()
    if status.ended and len(trajectory) > 1:
        index = slider.select_slider(
            "Show an earlier probe",
            range(len(trajectory)),
            value=index,
            key="moment",
            format_func=lambda i: _moment(trajectory, i),
        )
    live_chart(_bars(str(run.path), size, index), key="chart-bars", height=BARS_HEIGHT)
    st.caption(
        f"Mean probability of each class over all probed images at {_moment(trajectory, index)}, whatever their labels."
    )


def _moment(trajectory: Trajectory, index: int) -> str:
    step = int(trajectory.step[index])
    return f"step {step:,}" if step else "init"


# All viewers of a run share one figure, ready to be sent: the key is the length of the records' file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _curves(path: str, size: int, quantity: str, unit: str) -> str:
    shown, run = shown_trajectory(path, size), Run(Path(path))
    options = {"steps_per_epoch": run.steps_per_epoch, "height": HEIGHT, "checked": False}
    return payload(run_curves(shown, run.config, quantity, unit, **options))


@st.cache_resource(max_entries=64, show_spinner=False)
def _bars(path: str, size: int, index: int) -> str:
    return payload(charts.bars(shown_trajectory(path, size), index, height=BARS_HEIGHT, checked=False))


def _exports(run: Run, has_records: bool) -> None:
    """Downloads: the configuration always, the rest if there are records or may be soon."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, (suffix, mime, make) in run_export.FORMATS.items():
            if not has_records and make is not run_export.json:
                continue
            st.download_button(
                label,
                data=lambda make=make: make(run),
                file_name=f"{run.id}{suffix}",
                mime=mime,
                on_click="ignore",
                key=f"get{suffix}",
            )
    with st.expander("The same run in Python", icon=":material/code:"):
        st.code(run_export.python_lines(run.config), language="python")
    if schema := run.schema:
        config = run.config
        mode = "in eval mode" if config.probes.batch_norm == "eval" else "with batch statistics"
        probes = f"probes of {provenance.counted(schema, 'probe_images', 'test images, ')}BatchNorm {mode}"
        parameters = provenance.counted(schema, "parameters", "parameters")
        provenance.draw(run, parameters, probes, f"seed {config.seed}", precision=config.precision)
