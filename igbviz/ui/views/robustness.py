"""The robustness page: a form, a sweep of losses, and charts of what they gain and cost that grow while it runs.

The address holds its state: `view` (one of robustness.QUESTIONS), `unit`, and either `sweep` or what differs from the
defaults in the form: `losses`, `seeds` and `setting`. Without a sweep the page shows the existing runs of the setting
in the form: at first the runs that ship with the program.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from igbviz.charts import robustness as robustness_charts
from igbviz.charts.time_axis import Unit
from igbviz.config import RunConfig
from igbviz.config.optimizers import OPTIMIZERS
from igbviz.datasets import DataError
from igbviz.datasets.imbalance import Imbalance
from igbviz.datasets.label_noise import LABEL_NOISE
from igbviz.losses import LOSSES
from igbviz.models import MODELS
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import is_shipped
from igbviz.runs.status import ENDED
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group
from igbviz.spec import ConfigError, Spec
from igbviz.studies import robustness
from igbviz.studies.comparison import ESCAPE_IN_WORDS
from igbviz.studies.robustness import QUESTIONS, SEEDS
from igbviz.ui import forms, refresh, shell
from igbviz.ui.groups import linked_group, progress_of, show_other_question, show_progress, start_button, sweep_of
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, members_of
from igbviz.ui.messages import plain, quoting, show_dead_link
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.query import from_query, number_from_query, set_query
from igbviz.ui.views import pictures

SEED_RANGE = (1, 50)
BOX = 130  # pixels, of the number of seeds
FORM = ("losses", "seeds", "setting")  # the settings of the form in the address
CAVEAT = (
    "Lines and points: medians over the seeds; bands and bars: from the minimum to the maximum. *At its best* is "
    "selected on the same test images, so it is an optimistic estimate of early stopping. This is one network with one "
    f"learning rate: another setting may rank the losses differently. {ROUNDING}"
)


class Contents(NamedTuple):
    """The contents of the page: sentences, charts as (name, payload, height), and the table."""

    sentences: list[str]
    figures: list[tuple[str, str, int]]
    table: pd.DataFrame


def draw(cache: Path) -> None:
    """The whole page. A timer that ends with the last run redraws the part that changes."""
    linked = _linked(cache)
    kind = robustness.kind(linked) if linked else None
    linked_view = from_query("view", QUESTIONS, "noise")
    if "robust-view" not in st.session_state:  # the page was opened just now
        for name in QUESTIONS:
            st.session_state.pop(f"robust-{name}-start", None)
    with st.container(key="options", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        view = st.segmented_control(
            "Question", list(QUESTIONS), default=kind or linked_view, required=True, key="robust-view",
            format_func=lambda name: QUESTIONS[name].title, label_visibility="collapsed",
        )  # fmt: skip
        unit = forms.time_unit("robust-unit", "in {}s")
    if kind != view:
        linked = None
    if linked or view != linked_view:
        set_query(**dict.fromkeys(FORM))
    sweep_id = st.query_params.get("sweep") if linked else None
    set_query(view=view, sweep=sweep_id)
    describe = _form(view, linked, cache)
    try:
        sweep = linked or describe()
        if not linked:
            set_query(**_form_to_query(view, sweep))
        stamps = _stamps(sweep, cache)
    except (ConfigError, DataError, RunError, OSError):
        return  # the form reports why
    if stamps:
        _show(view, sweep, unit, cache)
    else:
        st.info(
            "Choose losses above and press **Start**. The charts grow while the networks train.",
            icon=":material/info:",
        )
        st.markdown(QUESTIONS[view].intro)


def _linked(cache: Path) -> Sweep | None:
    """The sweep that the address names; a warning where there is none."""
    if not (group := linked_group(cache)):
        return None
    sweep = sweep_of(str(group.path))
    if robustness.kind(sweep) is None:
        show_other_question(group)
        return None
    return sweep


# The form, and its settings in the address.


class Start(NamedTuple):
    """The settings with which the form begins."""

    base: RunConfig
    losses: list[dict[str, Any]]
    seeds: int


def _start(view: str) -> Start:
    """What the address says, read once when the form is first drawn: another base would need new widgets."""
    key = f"robust-{view}-start"
    if key not in st.session_state:
        seeds = number_from_query("seeds", *SEED_RANGE, SEEDS)
        st.session_state[key] = Start(_linked_base(view), _linked_losses(view), seeds)
    return st.session_state[key]


def _linked_losses(view: str) -> list[dict[str, Any]]:
    names = st.query_params.get("losses", ",".join(QUESTIONS[view].losses)).split(",")
    if unknown := [name for name in names if name not in robustness.usual_losses()]:
        show_dead_link(f"losses names {unknown[0][:80]!r}, allowed: any of {', '.join(robustness.usual_losses())}")
        names = QUESTIONS[view].losses
    return [{"name": name} for name in dict.fromkeys(names)]


def _linked_base(view: str) -> RunConfig:
    """The base of the question with the changes in `setting`, a JSON object."""
    base, text = QUESTIONS[view].base, st.query_params.get("setting")
    if text is None:
        return base
    try:
        changed = base.with_(**json.loads(text))
        if robustness.kind(robustness.over_losses(changed, QUESTIONS[view].losses)) == view:
            return changed
        show_dead_link(f"setting does not answer the question {QUESTIONS[view].title!r}")
    except ConfigError as error:
        show_dead_link(f"setting: {error}")
    except (ValueError, TypeError, RecursionError):
        show_dead_link(f"setting is {text[:80]!r}, allowed: a JSON object of settings that differ")
    return base


def _form_to_query(view: str, sweep: Sweep) -> dict[str, str | None]:
    """The losses, the seeds, and what else differs from the setting that the question begins with; None if it does
    not."""
    question, setting = QUESTIONS[view], {}
    for name in RunConfig.model_fields:
        if (value := getattr(sweep.base, name)) != getattr(question.base, name):
            setting[name] = value.canonical(incidental=True) if isinstance(value, Spec) else value
    names, seeds = [loss["name"] for loss in robustness.chosen_losses(sweep)], len(sweep.axes["seed"])
    return {
        "losses": ",".join(names) if tuple(names) != question.losses else None,
        "seeds": str(seeds) if seeds != SEEDS else None,
        "setting": json.dumps(setting, separators=(",", ":")) if setting else None,
    }


def _form(view: str, shown: Sweep | None, cache: Path) -> Callable[[], Sweep]:
    """Draw the form in a bar, the rarer choices in its drawer; return a function that checks them and builds the sweep.

    The button starts that sweep and opens it.
    """
    if shown:
        base, before, seeds = shown.base, robustness.chosen_losses(shown), len(shown.axes.get("seed", [0]))
    else:
        base, before, seeds = _start(view)
    key = f"robust-{view}-{base.id}"  # another base needs new widgets
    with st.container(key="form-bar", horizontal=True, vertical_alignment="bottom", gap="small"):
        names = st.multiselect(
            "Losses",
            robustness.usual_losses(),
            default=list(dict.fromkeys(loss["name"] for loss in before if loss["name"] != "custom")),
            format_func=lambda name: LOSSES[name].title_of(name),
            key=f"{key}-losses",
            help="Each with its default hyperparameters, or with those of the sweep shown.",
        )
        seed_count = st.number_input(
            "Seeds",
            value=min(seeds, SEED_RANGE[1]),
            step=1,
            key=f"{key}-seeds",
            help="Runs per loss, with consecutive seeds.",
            width=BOX,
        )
        drawer = st.popover("All settings", icon=":material/tune:")
        start = st.container(width="content")
    losses = [loss for name in names for loss in [old for old in before if old["name"] == name] or [{"name": name}]]
    changes: dict[str, Any] = {}
    with drawer:
        if view == "noise":
            kinds = {name: noise for name, noise in LABEL_NOISE.items() if name != "none"}
            changes["label_noise"] = forms.choose_part("Label noise", kinds, base.label_noise, f"{key}-noise")
        else:
            changes["imbalance"] = _imbalance(base.imbalance, key)
        for label, name, registry in (
            ("Network", "model", MODELS),
            ("Optimizer", "optimizer", OPTIMIZERS),
        ):
            changes[name] = forms.choose_part(label, registry, getattr(base, name), f"{key}-{name}")
        changes["dataset"] = pictures.choose_data(base.dataset, f"{key}-dataset", cache)
        for name in ("epochs", "batch_size", "seed"):
            changes[name] = forms.widget(name, RunConfig.model_fields[name], getattr(base, name), f"{key}-{name}")

    def describe() -> Sweep:
        if "imbalance" in changes:  # a run may have a ratio of 1, but this page compares nothing then
            forms.in_range(Imbalance.model_fields["ratio"].title, changes["imbalance"]["ratio"], 2, 10_000)
        return robustness.over_losses(base.with_(**changes), losses, forms.in_range("Seeds", seed_count, *SEED_RANGE))

    with start:
        start_button(describe, cache, f"robust-start-{view}", compact=True)
    return describe


def _imbalance(start: Imbalance, key: str) -> dict[str, Any]:
    fields = Imbalance.model_fields
    ratio = st.number_input(
        fields["ratio"].title, value=max(2, start.ratio), step=1, key=f"{key}-ratio", help=fields["ratio"].description
    )
    options = {"favoured": "favoured at Init.", "unfavoured": "least favoured at Init."}
    if isinstance(start.majority, int):
        options[start.majority] = f"class {start.majority}"
    majority = st.radio(
        fields["majority"].title,
        list(options),
        index=list(options).index(start.majority),
        format_func=options.get,
        key=f"{key}-majority",
    )
    return {"ratio": ratio, "majority": majority}


# The results.


def _show(view: str, sweep: Sweep, unit: Unit, cache: Path) -> None:
    question, group = QUESTIONS[view], _group(sweep, cache)

    def update() -> float | None:
        # containers of their own, so that the charts keep their position on the page, and with it their zoom
        head, picture, text, rest = (st.container() for _ in range(4))
        stamps = _stamps(sweep, cache)
        active = any(stamp.is_active for stamp in stamps)
        if group is not None:
            with head:
                show_progress(group, progress_of(str(group.path)))
        contents, problems = _contents(view, sweep.to_json(), tuple(stamps), unit)
        for problem in problems:
            text.warning(quoting(f"{problem}."), icon=":material/broken_image:")
        _draw(contents, len(stamps) < len(sweep.configs()) or active, picture, text, rest)
        if group is None:
            rest.caption(_provenance(sweep, stamps))
        return refresh.SLOW if active else None

    active = any(stamp.is_active for stamp in _stamps(sweep, cache))
    refresh.fragment(update, refresh.SLOW if active else None)
    st.markdown(question.intro)
    st.caption(f"{CAVEAT} {ESCAPE_IN_WORDS} {question.caution}")
    captions = {measure.title: measure.caption for measure in question.measures.values()}
    st.caption(" ".join(f"*{title}*: {caption}" for title, caption in captions.items()))
    runs = ",".join(config.id for config in sweep.configs())
    shell.link(
        "pages/Compare.py", "Compare these runs class by class", icon=":material/compare:",
        **({"sweep": group.id} if group else {"runs": runs}),
    )  # fmt: skip


def _draw(contents: Contents, unfinished: bool, picture: Any, text: Any, rest: Any) -> None:
    """The picture, the sentence on what came of it, and the rest below."""
    if not contents.figures:
        picture.info("The first network is being prepared ...", icon=":material/hourglass_top:")
    for place, (name, figure, height) in zip((picture, rest), contents.figures, strict=False):
        with place:
            live_chart(figure, key=f"robust-{name}", height=height)
    if contents.sentences:
        text.markdown(contents.sentences[0])
        if unfinished:
            text.caption("Not all runs are finished: these statements cover the finished ones and may change.")
        rest.markdown("\n".join(f"- {sentence}" for sentence in contents.sentences[1:]))
    if len(contents.table):
        rest.dataframe(
            contents.table, hide_index=True, key="robust-table", height=38 + 35 * len(contents.table),
            column_config={"loss": st.column_config.TextColumn("loss", pinned=True)},
        )  # fmt: skip
        rest.caption("Median (minimum–maximum) over n finished seeds, at the last probe.")


def _provenance(sweep: Sweep, stamps: Sequence[Stamp]) -> str:
    """How many runs are finished, and where shipped ones come from."""
    finished = sum(stamp.state in ENDED for stamp in stamps)
    shipped = next((run for stamp in stamps if is_shipped(run := stamp.run)), None)
    sentence = f"{finished} of {len(sweep.configs())} runs are finished"
    if shipped and {"device", "torch", "date"} <= set(schema := shipped.schema):
        sentence += (
            f"; they ship with the program, made on {schema['device']} with torch {schema['torch']}, {schema['date']}"
        )
    return plain(f"{sentence}.")


def _group(sweep: Sweep, cache: Path) -> Group | None:
    try:
        return Group.open(sweep.id, cache)
    except RunError:
        return None


def _stamps(sweep: Sweep, cache: Path) -> list[Stamp]:
    """Stamps of the existing runs of the sweep; an unreadable run has a stamp, too."""
    stamps = []
    for config in sweep.configs():
        try:
            run = Run.open(config.id, cache)
        except RunError:
            continue  # not started, or deleted
        try:
            stamps.append(Stamp.of(run))
        except RunError:
            stamps.append(Stamp.unreadable(run))
    return stamps


# All viewers of a sweep share its figures.


@st.cache_resource(max_entries=32, show_spinner=False)
def _contents(view: str, sweep_json: str, stamps: tuple[Stamp, ...], unit: str) -> tuple[Contents, list[str]]:
    """The contents of the page, and an error message for each unreadable run."""
    question, sweep = QUESTIONS[view], Sweep.from_json(sweep_json)
    members, _, problems = members_of(stamps, robustness.read)
    if not members:
        return Contents([], [], pd.DataFrame()), problems
    settings = robustness.settings(sweep, members)
    summaries = robustness.summaries(settings, question)
    drawn = {
        "trade-off": robustness_charts.trade_off.spec(settings, question, unit, summaries),
        "time": robustness_charts.over_time.spec(settings, question, unit),
    }
    figures = [(name, payload(figure), figure["layout"]["height"]) for name, figure in drawn.items()]
    escaped = [replace(summary, label=quoting(summary.label)) for summary in summaries]  # of a formula
    return Contents(robustness.sentences(escaped, question), figures, robustness.table(summaries, question)), problems
