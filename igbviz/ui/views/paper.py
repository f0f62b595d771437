"""The page "The paper": its experiment in one click, its figures and claims with our measurements, and our choices.

The address holds the view: `set` (quick, full, small), `view` (figures, after, claims, choices), `seed` (a number, or
all), `unit`, and `with`, an alternative that is shown beside our choice. Viewers share the figures: the keys are the
lengths of the runs' files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from igbviz import charts
from igbviz.charts import comparison
from igbviz.charts.paper import bands, untrained_by_rank
from igbviz.charts.time_axis import Unit
from igbviz.studies.comparison import Member, Setting
from igbviz.studies.paper import experiment
from igbviz.studies.paper.experiment import ALTERNATIVES, LOSSES, SETS, TITLES, PaperRun
from igbviz.ui import forms, refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import member_of, sentence
from igbviz.ui.messages import quoting
from igbviz.ui.provenance import ROUNDING, ROUNDING_MEASURED
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views import paper_runs, paper_tables
from igbviz.ui.views.aftermath import paper as aftermath

VIEWS = {"figures": "Figures 1 and 2", "after": "Before and after", "claims": "Claims", "choices": "Choices"}
ALL = "all"
EVERY = 2.0  # seconds between redraws while a run is active


def draw(cache: Path) -> None:
    """The whole page: figures first, what was measured and the runs below. A timer that ends with the last run redraws
    the part that changes."""
    set_name = from_query("set", SETS, paper_runs.opening_set(cache))
    linked = st.query_params.get("with", "")
    other = linked if linked in experiment.alternatives(set_name) else ""
    folder = paper_runs.named_folder()
    variants = [""] + [other] * bool(other)
    is_active = any(paper_runs.is_going(set_name, variant, folder, cache) for variant in variants)
    seeds = _seeds(paper_runs.measured_runs(cache, set_name, variant)[0] for variant in variants)
    view, seed, unit = _options(seeds)

    def update() -> float | None:
        unfinished = [paper_runs.show_progress(set_name, variant, folder, cache) for variant in variants]
        # one container, so that the charts keep their position on the page, and with it their zoom
        place = st.container()
        runs_and_problems = {variant: paper_runs.measured_runs(cache, set_name, variant) for variant in variants}
        for problem in (problem for _, problems in runs_and_problems.values() for problem in problems):
            place.warning(quoting(sentence(problem)), icon=":material/broken_image:")
        runs_by_variant = {variant: runs for variant, (runs, _) in runs_and_problems.items()}
        has_runs = any(runs_by_variant.values())
        if has_runs:
            if view == "figures":
                st.caption(paper_tables.summary(runs_by_variant[""], SETS[set_name].title))
            if view != "after":  # whose own pictures begin with Init.
                _figure_1s(runs_by_variant, seed)
        if view == "choices":
            st.header("Choices", anchor=False)
            paper_tables.draw_choices(set_name, other, folder, cache)
        elif not has_runs:
            st.info("No run of this set has been measured yet: press **Run** below.", icon=":material/info:")
        elif view == "claims":
            st.header("Claims", anchor=False)
            paper_tables.draw_claims(runs_by_variant)
        elif view == "after":
            titles = {(loss, variant): _row_title(loss, variant) for loss in LOSSES for variant in runs_by_variant}
            members = {variant: _members(runs) for variant, runs in runs_by_variant.items()}
            aftermath.draw(aftermath.rows_of(members, titles), seed)
        else:
            _figure_2(runs_by_variant, seed, unit)
        _show_provenance(set_name, runs_by_variant)
        if _seeds(runs_by_variant.values()) != seeds:
            st.rerun()  # there is another seed to choose
        return EVERY if any(unfinished) else None

    refresh.fragment(update, EVERY if is_active else None)
    st.header("The experiment", anchor=False)
    st.markdown(
        f"[Pellegrino, Szczecina and Fieguth 2025]({experiment.LINK}) trained one network with a strong "
        "initial guessing bias (IGB) with three losses, and measured it after every batch. Here the experiment is "
        "repeated with several seeds: their two figures, and each of their claims with our measurements."
    )
    paper_runs.cards(set_name, folder, cache)
    st.caption(f"{ROUNDING} {ROUNDING_MEASURED} A difference of a few steps, or of one seed, may therefore be chance.")


def _seeds(run_lists: Iterable[Sequence[PaperRun]]) -> list[int]:
    return sorted({run.seed for runs in run_lists for run in runs})


def _show_provenance(set_name: str, runs_by_variant: Mapping[str, Sequence[PaperRun]]) -> None:
    """What the numbers above were measured on."""
    if not SETS[set_name].is_paper:
        st.warning(
            "This set is a stand-in: a small network on other images. Its results need not hold for the paper's "
            "network.",
            icon=":material/science:",
        )
    for variant, runs in runs_by_variant.items():
        if runs:
            before = f"**{ALTERNATIVES[variant].title}.** " if variant else ""
            st.caption(before + "Shown: " + "; ".join(experiment.describe(runs)) + ".")
        elif variant:
            st.caption(f"**{ALTERNATIVES[variant].title}.** No run has been measured yet.")
        longest = SETS[set_name].config().epochs
        last = max((run.epoch for run in runs), default=longest)
        if last < longest * 0.99:
            st.info(
                f"Measured up to epoch {last:.3g} of {longest:g}: claims about later times stay open until **Run** has "
                "gone that far.",
                icon=":material/hourglass_empty:",
            )


# The views.


def _options(seeds: Sequence[int]) -> tuple[str, str, Unit]:
    names = [*map(str, seeds), ALL]
    linked, unit = from_query("view", VIEWS, "figures"), "epoch"  # only a figure has a time axis
    linked_seed = st.query_params.get("seed")
    seed = linked_seed if linked_seed in names else names[0]  # the address may name a seed of another set
    with st.container(key="options", horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default=linked,
            required=True,
            key="paper-view",
            format_func=VIEWS.get,
            label_visibility="collapsed",
        )
        if view in ("figures", "after"):
            if len(seeds) > 0:
                seed = st.segmented_control(
                    "Seed",
                    names,
                    default=seed,
                    required=True,
                    key="paper-seed-" + "-".join(names),
                    format_func=lambda name: "all seeds" if name == ALL else f"seed {name}",
                    label_visibility="collapsed",
                )
        if view == "figures":
            unit = forms.time_unit("paper-unit")
    set_query(
        view=view if view != "figures" else None,
        seed=seed if seed != names[0] else None,
    )
    return view, seed, unit


def _figure_1s(runs_by_variant: Mapping[str, Sequence[PaperRun]], seed: str) -> None:
    """Figure 1: the network of a seed, and beside it those of all seeds, or of an alternative."""
    st.header("Figure 1: before the first step", anchor=False)
    shown = [(variant, runs, seed) for variant, runs in runs_by_variant.items()]
    if len(shown) == 1 and seed != ALL:
        shown.append((*shown[0][:2], ALL))  # the one network, and beside it all of them
    for place, (variant, runs, seed_shown) in zip(st.columns(max(2, len(shown))), shown, strict=False):
        with place:
            _figure_1(variant, runs, seed_shown, titled=len(runs_by_variant) > 1)


def _figure_2(runs_by_variant: Mapping[str, Sequence[PaperRun]], seed: str, unit: Unit) -> None:
    """Figure 2 of one network, or of all seeds."""
    st.header("Figure 2: during training, one loss per row", anchor=False)
    members = {variant: _members(runs) for variant, runs in runs_by_variant.items()}
    if seed == ALL:
        rows = [
            (_row_title(loss, variant), picked)
            for loss in LOSSES
            for variant, own in members.items()
            if (picked := [member for run, member in own if run.loss == loss])
        ]
        spec = bands.spec(rows, unit)
        caption = (
            "Lines: medians over the seeds; bands: from the minimum to the maximum. Each network favours its own "
            "class, so each line is a role: the class that the network favours at Init., and the maximum and the "
            "median of the nine others."
        )
    else:
        picked = [
            (run, variant, member)
            for loss in LOSSES
            for variant, own in members.items()
            for run, member in own
            if run.loss == loss and str(run.seed) == seed
        ]
        if not picked:
            st.info("There is no run of this seed.", icon=":material/info:")
            return
        unequal = len({f"{run.epoch:.3g}" for run, *_ in picked}) > 1  # rows of unequal length show their last epoch
        settings = [
            Setting(_row_title(run.loss, variant) + f" · to epoch {run.epoch:.3g}" * unequal, place, (member,))
            for place, (run, variant, member) in enumerate(picked)
        ]
        spec = comparison.grid.spec(settings, [member.run for *_, member in picked], unit)
        caption = (
            "One row per loss; left the probability of the true class, right the accuracy (recall). ★ and the bold "
            "line: the class favoured at Init. Dashed: the end of the first epoch; dotted: 1/K. Point at a line to "
            "mark its class at the same time in every panel."
        )
    live_chart(payload(spec), key=f"paper-figure-2-{seed == ALL}", height=spec["layout"]["height"])
    st.caption(caption)
    names = ",".join(run.run.id for runs in runs_by_variant.values() for run in runs if seed in (ALL, str(run.seed)))
    shell.link("pages/Compare.py", "Compare these runs in other ways", icon=":material/compare:", runs=names)


def _figure_1(variant: str, runs: Sequence[PaperRun], seed: str, titled: bool) -> None:
    # all losses of a seed start from the same network
    networks = {run.seed: run.trajectory[:1] for run in reversed(runs)}
    title = (ALTERNATIVES[variant].title if variant else "Our choice") if titled else ""
    if seed == ALL and networks:
        figure = payload(untrained_by_rank.spec({number: networks[number] for number in sorted(networks)}, title))
        caption = (
            f"Mean over {len(networks)} untrained network{'s' * (len(networks) > 1)}, the classes by rank, since each "
            "favours its own; vertical lines: from the minimum to the maximum; dots: the classes, in their colors."
        )
    elif seed.isdigit() and int(seed) in networks:
        figure = payload(charts.bars.spec(networks[int(seed)], 0, title=title, height=340))
        caption = "Mean probability of each class over all probed test images, whatever their labels."
    else:
        st.caption("There is no network of this seed.")
        return
    live_chart(figure, key=f"paper-figure-1-{variant}-{seed == ALL}", height=340)
    st.caption(caption)


def _row_title(loss: str, variant: str) -> str:
    return TITLES[loss] + (f" · {ALTERNATIVES[variant].title}" if variant else "")


def _members(runs: Sequence[PaperRun]) -> list[tuple[PaperRun, Member]]:
    pairs = [(run, member_of(stamp)) for run, stamp in zip(runs, paper_runs.stamps(runs), strict=True)]
    return [(run, member) for run, member in pairs if member is not None]
