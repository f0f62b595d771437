"""The page "The paper": the experiment in one click, its figures in the paper's layout, its claims with what was
measured, and which choices are its own and which are ours.

The address holds the view: `set` (quick, full, small), `view` (figures, claims, choices), `seed` (a number, or all),
`unit`, and `with`, an alternative that is shown beside our choice. What many viewers share is made once: the keys are
the lengths of the runs' files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz import charts
from igbviz.charts import comparison
from igbviz.charts.paper import bands, untrained_by_rank
from igbviz.charts.time_axis import Unit
from igbviz.studies.comparison import Member, Setting
from igbviz.studies.paper import experiment
from igbviz.studies.paper.experiment import ALTERNATIVES, LOSSES, SETS, TITLES, PaperRun
from igbviz.ui import refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import member_of, sentence
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views import paper_runs, paper_tables

VIEWS = {"figures": "Figures 1 and 2", "claims": "Claims", "choices": "Choices"}
ALL = "all"
EVERY = 2.0  # seconds between two looks while something goes on


def draw(cache: Path) -> None:
    """The whole page. What moves is drawn again by a timer that ends with the last run."""
    st.markdown(
        f"[Pellegrino, Szczecina and Fieguth 2025]({experiment.LINK}) trained one prejudiced network with three "
        "losses and looked after every batch. Here their experiment is run again, over several seeds: their two "
        "figures, and each result with what was measured."
    )
    set_name = from_query("set", SETS, "quick")
    linked = st.query_params.get("with", "")
    other = linked if linked in experiment.alternatives(set_name) else ""
    folder = paper_runs.cards(set_name, cache)
    variants = [""] + [other] * bool(other)
    goes_on = any(paper_runs.is_going(set_name, variant, folder, cache) for variant in variants)
    seeds = _seeds(paper_runs.seen_runs(cache, set_name, variant)[0] for variant in variants)
    view, seed, unit = _options(seeds)

    def look() -> float | None:
        st.subheader(f"{SETS[set_name].title}: {VIEWS[view].lower()}", anchor=False)
        unfinished = [paper_runs.show_progress(set_name, variant, folder, cache) for variant in variants]
        # however many sentences, the charts keep their place on the page, and with it their zoom
        place = st.container()
        runs_and_problems = {variant: paper_runs.seen_runs(cache, set_name, variant) for variant in variants}
        for problem in (problem for _, problems in runs_and_problems.values() for problem in problems):
            place.warning(sentence(problem), icon=":material/broken_image:")
        seen = {variant: runs for variant, (runs, _) in runs_and_problems.items()}
        _what_these_are(set_name, seen, place)
        if view == "choices":
            paper_tables.draw_choices(set_name, other, folder, cache)
        elif not any(seen.values()):
            st.info("No run of this set has been measured yet: press **Run** above.", icon=":material/info:")
        elif view == "claims":
            paper_tables.draw_claims(seen)
        else:
            _figures(seen, seed, unit)
        if _seeds(seen.values()) != seeds:
            st.rerun()  # there is another seed to choose
        return EVERY if any(unfinished) else None

    refresh.fragment(look, EVERY if goes_on else None)


def _seeds(several: Iterable[Sequence[PaperRun]]) -> list[int]:
    return sorted({one.seed for runs in several for one in runs})


def _what_these_are(set_name: str, seen: Mapping[str, Sequence[PaperRun]], place: Any) -> None:
    """Never a number without what it was measured on."""
    if not SETS[set_name].is_paper:
        place.warning(
            "This is a stand-in: a small network on other images. What holds here need not hold for the paper's "
            "network.",
            icon=":material/science:",
        )
    for variant, runs in seen.items():
        if runs:
            before = f"**{ALTERNATIVES[variant].title}.** " if variant else ""
            place.caption(before + "Shown: " + "; ".join(experiment.describe(runs)) + ".")
        elif variant:
            place.caption(f"**{ALTERNATIVES[variant].title}.** No run has been measured yet.")
        longest = SETS[set_name].config().epochs
        if runs and max(one.epoch for one in runs) < longest * 0.99:
            place.info(
                f"Measured up to epoch {max(one.epoch for one in runs):.3g} of this set's {longest:g}: "
                "claims about later times stay open until **Run** has gone that far.",
                icon=":material/hourglass_empty:",
            )


# What is shown of them.


def _options(seeds: Sequence[int]) -> tuple[str, str, Unit]:
    names = [*map(str, seeds), ALL]
    linked, unit = from_query("view", VIEWS, "figures"), from_query("unit", ("epoch", "step"), "epoch")
    seed = seed if (seed := st.query_params.get("seed")) in names else names[0]  # of another set, perhaps
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "View", list(VIEWS), default=linked, required=True, key="paper-view", format_func=VIEWS.get
        )
        if view == "figures":
            if len(seeds) > 0:
                seed = st.segmented_control(
                    "Seed",
                    names,
                    default=seed,
                    required=True,
                    key="paper-seed-" + "-".join(names),
                    format_func=lambda name: "all seeds" if name == ALL else name,
                )
            unit = st.segmented_control(
                "Time in", ("epoch", "step"), default=unit, required=True, key="paper-unit", format_func="{}s".format
            )
    set_query(
        view=view if view != "figures" else None,
        seed=seed if seed != names[0] else None,
        unit=unit if unit != "epoch" else None,
    )
    return view, seed, unit


def _figures(seen: Mapping[str, Sequence[PaperRun]], seed: str, unit: Unit) -> None:
    """Figure 1 and Figure 2 of one network, or of all seeds."""
    st.markdown("**Figure 1: before the first step**")
    shown = [(variant, runs, seed) for variant, runs in seen.items()]
    if len(shown) == 1 and seed != ALL:
        shown.append((*shown[0][:2], ALL))  # the one network, and beside it all of them
    for place, (variant, runs, seed_shown) in zip(st.columns(max(2, len(shown))), shown, strict=False):
        with place:
            _figure_1(variant, runs, seed_shown, titled=len(seen) > 1)
    st.markdown("**Figure 2: what the losses make of it**")
    members = {variant: _members(runs) for variant, runs in seen.items()}
    if seed == ALL:
        rows = [
            (_row_title(loss, variant), picked)
            for loss in LOSSES
            for variant, own in members.items()
            if (picked := [member for one, member in own if one.loss == loss])
        ]
        spec = bands(rows, unit)
        caption = (
            "Lines: medians over the seeds; bands: from the least to the most of them. Each network favours a class "
            "of its own, so the lines are roles: the class that it favours at Init., the highest and the median of "
            "the nine others."
        )
    else:
        picked = [
            (one, variant, member)
            for loss in LOSSES
            for variant, own in members.items()
            for one, member in own
            if one.loss == loss and str(one.seed) == seed
        ]
        if not picked:
            st.info("This seed has no run.", icon=":material/info:")
            return
        unequal = len({f"{one.epoch:.3g}" for one, *_ in picked}) > 1  # rows of unequal length say how long they are
        settings = [
            Setting(_row_title(one.loss, variant) + f" · to epoch {one.epoch:.3g}" * unequal, place, (member,))
            for place, (one, variant, member) in enumerate(picked)
        ]
        spec = comparison.grid(settings, [member.run for *_, member in picked], unit)
        caption = (
            "A row a loss, probability of the true class left, accuracy right. ★ and the bold line: the class "
            "favoured at Init. Dashed: the end of the first epoch; dotted: 1/K. Point at a line, and its class is "
            "marked at the same moment everywhere."
        )
    live_chart(payload(spec), key=f"paper-figure-2-{seed == ALL}", height=spec["layout"]["height"])
    st.caption(caption)
    names = ",".join(one.run.id for runs in seen.values() for one in runs if seed in (ALL, str(one.seed)))
    shell.link("pages/Compare.py", "Compare these runs in other ways", icon=":material/compare:", runs=names)


def _figure_1(variant: str, runs: Sequence[PaperRun], seed: str, titled: bool) -> None:
    networks = {
        one.seed: one.trajectory[:1] for one in reversed(runs)
    }  # the losses of a seed begin with the same network
    title = (ALTERNATIVES[variant].title if variant else "Our choice") if titled else ""
    if seed == ALL and networks:
        figure = payload(untrained_by_rank({number: networks[number] for number in sorted(networks)}, title))
        caption = (
            f"Mean over {len(networks)} untrained network{'s' * (len(networks) > 1)}, the classes by rank, since each "
            "favours its own; upright lines: from the least to the most of them; dots: the classes, in their colours."
        )
    elif seed.isdigit() and int(seed) in networks:
        figure = payload(charts.bars(networks[int(seed)], 0, title=title, height=340, checked=False))
        caption = "Mean probability of each class over the probed test images, whatever they show."
    else:
        st.caption("No network of this seed.")
        return
    live_chart(figure, key=f"paper-figure-1-{variant}-{seed == ALL}", height=340)
    st.caption(caption)


def _row_title(loss: str, variant: str) -> str:
    return TITLES[loss] + (f" · {ALTERNATIVES[variant].title}" if variant else "")


def _members(runs: Sequence[PaperRun]) -> list[tuple[PaperRun, Member]]:
    pairs = [(one, member_of(stamp)) for one, stamp in zip(runs, paper_runs.stamps(runs), strict=True)]
    return [(one, member) for one, member in pairs if member is not None]
