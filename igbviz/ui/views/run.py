"""A run on the page: its progress, the stage, what might cure a stuck start, more charts, and the exports."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import streamlit as st

from igbviz.charts import run_export
from igbviz.charts.classes.alive import alive
from igbviz.charts.run import WRONG_LABELS_CHART, run_curves
from igbviz.charts.time_axis import Unit
from igbviz.config import RecordedConfig, RunConfig
from igbviz.config.interventions import suggested
from igbviz.config.presets import look_for
from igbviz.config.recorded import headline
from igbviz.losses import Custom
from igbviz.runs import shipped, sweep_config
from igbviz.runs.listing import listed
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.studies.comparison import Setting
from igbviz.trajectory import quantities
from igbviz.trajectory.outcome import ALIVE_IN_WORDS
from igbviz.trajectory.trajectory import EVENNESS_THRESHOLD
from igbviz.ui import forms, progress, provenance, refresh
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, member_of
from igbviz.ui.messages import plain, show_error
from igbviz.ui.query import from_query, set_query
from igbviz.ui.race.buttons import race_buttons
from igbviz.ui.race.lanes import verdict_of
from igbviz.ui.runs import shown_trajectory
from igbviz.ui.share import hidden
from igbviz.ui.stage import stage
from igbviz.ui.views import interventions

ALIVE = "alive"  # in place of a quantity: the picture of when each class comes alive
MORE = ("signal", "silent", ALIVE, "guess_entropy", "train_loss")  # what the stage does not show
OF_LOSS = ("signal", "silent")  # these of them need the loss
NO_LOSS = (
    "The probe did not know the loss of this training, so its training signal and the images it ignores are unknown."
)
HEIGHT = 420  # pixels


def view(run: Run) -> None:
    """The whole view; embedded, only the stage. Timers that end with the run redraw only the parts that change."""
    try:
        status, config, recorded = run.status, run.config, len(run.trajectory())
        if problem := listed(run.path).problem:  # recorded files are missing
            raise RunError(f"run {run.id} cannot be read: {problem}")
    except RunError as error:
        show_error(f"{error}. The other runs are not affected", icon=":material/broken_image:")
        return

    def follow() -> float | None:
        now = run.status
        if not st.context.is_embedded:
            progress.draw(run, now)
        _stage(run, config, now)
        return refresh.pace(now)

    if not (st.context.is_embedded or hidden.is_hidden("more")):
        _races(run, config, status)
    refresh.fragment(follow, refresh.pace(status))
    if st.context.is_embedded or hidden.is_hidden("more"):
        return
    if look := look_for(config):
        st.caption(look)
    interventions.draw(run)
    has_records = bool(recorded) or not status.ended  # there are some, or may be soon
    if has_records:
        _more(run, status)
    _exports(run, has_records)


def _races(run: Run, config: RunConfig | RecordedConfig, status: Status) -> None:
    """Beside the verdict: races of this run, against itself with a cure where it is stuck."""
    found = verdict_of(run, status.state)
    with contextlib.suppress(RunError):
        repeated = shipped.config_to_repeat(run)
        cures = suggested(config, 1) if found and found.stuck and status.ended else []
        race_buttons(repeated, run.cache, cure=cures[0] if cures else None)


def title_of(run: Run) -> str:
    """The title of a run in Markdown, its loss in large letters; empty if the run cannot be read."""
    try:
        return _title(run.config)
    except RunError:
        return ""


def _title(config: RunConfig | RecordedConfig) -> str:
    """'Blurry (gamma 0.5)', and below it in small letters 'fully connected on Fashion-MNIST mini · seed 0'."""
    if isinstance(config, RecordedConfig):
        seed = "" if config.seed is None else f" · seed {config.seed}"
        what = f"{config.loss.title}, {config.model.title} on {config.dataset.title}{seed}"
        return f"{plain(config.title)} :small[{plain(what)}]"
    loss, model, dataset = config.loss, config.model, config.dataset
    if isinstance(loss, Custom):
        settings = [loss.formula, *(f"{name} {value:g}" for name, value in loss.parameters.items())]
    else:
        settings = [
            sweep_config.title(name) + ("" if value is True else f" {sweep_config.label(value)}")
            for name, value in loss.changes().items()
        ]
    detail = f" ({', '.join(settings)})" if settings else ""
    network = model.title_of(model.name)
    parts = (dataset.title_of(dataset.name), config.label_noise.label, config.imbalance.label)
    data = ", ".join(filter(None, parts))
    rest = f"{network[:1].lower()}{network[1:]} on {data} · seed {config.seed}"
    return f"{plain(loss.title + detail)} :small[{plain(rest)}]"


def _stage(run: Run, config: RunConfig | RecordedConfig, status: Status) -> None:
    # a waiting worker has its first probe within half a second, sooner than the next refresh would show it
    new = not status.ended and time.time() - status.submitted < 1
    if refresh.soon(lambda: run.record_bytes > 0, 0.4 if new else 0):
        stage({headline(config): run}, key="stage")
    elif status.state == "running":
        st.info(plain(run.log(1) or status.message), icon=":material/hourglass_top:")
    elif status.state == "queued":
        st.info(plain(status.message), icon=":material/hourglass_empty:")  # its place, and the minutes until its turn


def _more(run: Run, status: Status) -> None:
    """The chart of wrong labels, if there are any, and one of the quantities that the stage does not show."""
    st.header("More of this run", anchor=False)
    so_far = shown_trajectory(str(run.path), run.record_bytes)
    more = MORE if so_far.has_loss else tuple(name for name in MORE if name not in OF_LOSS)
    if not so_far.has_loss:
        st.caption(NO_LOSS)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Quantity",
            more,
            default=from_query("chart", more, more[0]),
            required=True,
            key="chart",
            format_func=lambda name: "Time to come alive" if name == ALIVE else quantities.QUANTITIES[name].title,
            help=f"{ALIVE_IN_WORDS} An image is ignored (silent) where the loss has zero gradient. Guesses are even "
            f"where their entropy is at least {EVENNESS_THRESHOLD:g} of its maximum.",
        )
        unit = forms.time_unit("unit", hide_label=False, has_epochs=so_far.has_epochs)
    set_query(chart=quantity if quantity != more[0] else None)

    def follow() -> float | None:
        now, size = run.status, run.record_bytes
        if size:
            if shown_trajectory(str(run.path), size).has_noise:
                live_chart(
                    _curves(str(run.path), size, WRONG_LABELS_CHART, unit), key="chart-wrong-labels", height=HEIGHT
                )
                st.caption(quantities.WRONG_LABELS.caption)
            if quantity == ALIVE:
                figure, height = _alive(Stamp.of(run, now.state), unit)
                live_chart(figure, key="chart-alive", height=height)
                st.caption(f"{ALIVE_IN_WORDS} A bar is the time until then.")
            else:
                live_chart(_curves(str(run.path), size, quantity, unit), key="chart-more", height=HEIGHT)
                st.caption(quantities.QUANTITIES[quantity].caption)
        return refresh.pace(now)

    refresh.fragment(follow, refresh.pace(status))


# All viewers of a run share one figure, ready to be sent: the key is the length of the records' file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _curves(path: str, size: int, quantity: str, unit: str) -> str:
    shown, run = shown_trajectory(path, size), Run(Path(path))
    options = {"steps_per_epoch": run.steps_per_epoch, "height": HEIGHT}
    return payload(run_curves(shown, run.config, quantity, unit, **options))


@st.cache_resource(max_entries=64, show_spinner=False)
def _alive(stamp: Stamp, unit: Unit) -> tuple[str, int]:
    """When each class comes alive, from all probes, not only the drawn ones: the picture and its height."""
    setting = Setting("", 0, tuple(filter(None, [member_of(stamp)])))
    figure = alive.spec([setting], unit)
    return payload(figure), figure["layout"]["height"]


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
        probed = "samples" if run.is_recorded else "test images"
        probes = f"probes of {provenance.counted(schema, 'probe_images', f'{probed}, ')}BatchNorm {mode}"
        parameters = provenance.counted(schema, "parameters", "parameters")
        seed = "" if config.seed is None else f"seed {config.seed}"
        provenance.draw(run, parameters, probes, seed, precision=getattr(config, "precision", ""))
