"""The page "The paper": the experiment in one click, its figures in the paper's layout, its claims with what was measured, and which
choices are its own and which are ours.

The address holds the view: `set` (quick, full, small), `view` (figures, claims, choices), `seed` (a number, or all), `unit`, and `with`,
an alternative that is shown beside our choice. What many viewers share is made once: the keys are the lengths of the runs' files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz import charts, compare_charts, paper, paper_claims, ui
from igbviz.comparison import Member, Setting
from igbviz.datasets import DataError
from igbviz.description import ConfigError
from igbviz.labels import plain
from igbviz.live_chart import live_chart, payload
from igbviz.paper import ALTERNATIVES, CHOICES, LOSSES, SETS, TITLES, UNTRAINED, Seen
from igbviz.paper_charts import bands, untrained_by_rank
from igbviz.paper_claims import CLAIMS, Finding
from igbviz.runs import Run, RunError
from igbviz.sweeps import Group, Plan, plan, submit_sweep
from igbviz.time_axis import Unit
from igbviz.trajectory import Trajectory

VIEWS = {"figures": "Figures 1 and 2", "claims": "Claims", "choices": "Choices"}
ALL = "all"
EVERY = 2.0  # seconds between two looks while something goes on
VERDICT_LOOKS = {
    "holds": ("green", ":material/check:"),
    "fails": ("red", ":material/close:"),
    "depends": ("orange", ":material/call_split:"),
    "short": ("gray", ":material/hourglass_empty:"),
    "moot": ("gray", ":material/block:"),
    "none": ("gray", ":material/hourglass_empty:"),
}
STATED_LOOKS = {"stated": "green", "in part": "orange", "ours": "blue"}
MARKS = {True: "✓", False: "✗", None: "…"}


def draw(cache: Path) -> None:
    """The whole page. What moves is drawn again by a timer that ends with the last run."""
    st.title("The paper", anchor=False)
    st.markdown(
        f"[Pellegrino, Szczecina and Fieguth 2025]({paper.LINK}) trained one prejudiced network with three losses and looked after "
        "every batch. Here their experiment is run again, over several seeds: their two figures, and each result with what was measured."
    )
    which = _among(st.query_params.get("set"), SETS, "quick")
    asked = st.query_params.get("with", "")
    other = asked if asked in paper.alternatives(which) else ""
    folder = _cards(which, cache)
    variants = [""] + [other] * bool(other)
    going = any(_going(which, variant, folder, cache) for variant in variants)
    seeds = _seeds(_found(cache, which, variant)[0] for variant in variants)
    view, seed, unit = _options(seeds)

    @st.fragment(run_every=EVERY if going else None)
    def moving() -> None:
        st.subheader(f"{SETS[which].title}: {VIEWS[view].lower()}", anchor=False)
        still = [_standing(which, variant, folder, cache) for variant in variants]
        said = st.container()  # however many sentences, the charts keep their place on the page, and with it their zoom
        found = {variant: _found(cache, which, variant) for variant in variants}
        for problem in (problem for _, problems in found.values() for problem in problems):
            said.warning(f"{problem[:1].upper()}{problem[1:]}.", icon=":material/broken_image:")
        seen = {variant: runs for variant, (runs, _) in found.items()}
        _what_these_are(which, seen, said)
        if view == "choices":
            _choices(which, other, folder, cache)
        elif not any(seen.values()):
            st.info("No run of this set has been measured yet: press **Run** above.", icon=":material/info:")
        elif view == "claims":
            _claims(seen)
        else:
            _figures(seen, seed, unit)
        if (going and not any(still)) or _seeds(seen.values()) != seeds:
            st.rerun()  # once more as a whole: the timer stops, or there is another seed to choose

    moving()


# What is run, and how far it is.


def _cards(which: str, cache: Path) -> str:
    """The three sizes with their buttons. Returns the folder that CIFAR-10 is read from, if one is named."""
    folder = st.session_state.get("paper-folder", "").strip()
    for column, (name, one) in zip(st.columns(len(SETS)), SETS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{one.title}**" + (" · shown below" if name == which else ""))
            st.markdown(one.words)
            wanted = _plan(name, "", folder, cache)
            if wanted is not None:
                st.caption(_expected(wanted))
            seen = len(_found(cache, name, "")[0])
            with st.container(horizontal=True):
                label = f"Show {seen} run{'s' * (seen != 1)}" if seen else "Show"
                if st.button(label, key=f"paper-show-{name}", icon=":material/visibility:", disabled=name == which):
                    ui.address(set=name, **{"with": None, "seed": None})
                    st.rerun()
                finished = wanted is not None and wanted.finished == wanted.runs
                if not finished and st.button("Run", key=f"paper-run-{name}", icon=":material/play_arrow:", type="primary"):
                    if _submit(name, "", folder, cache):
                        ui.address(set=name, **{"with": None})
                        st.rerun()
    with st.expander("CIFAR-10 as a folder of images", icon=":material/folder_open:"):
        st.text_input(
            "Folder with train/<class>/* and test/<class>/*",
            key="paper-folder",
            placeholder="empty: the original files, downloaded or found by torchvision",
            help="For machines that cannot download the original files. JPEG pictures are not quite the original pixels.",
        )
    return folder


def _expected(wanted: Plan) -> str:
    if wanted.finished == wanted.runs:
        return f"All {wanted.runs} runs are finished: {len(LOSSES)} losses × {len(paper.SEEDS)} seeds."
    done = f", {wanted.finished} of them finished" if wanted.finished else ""
    return (
        f"{wanted.runs} runs ({len(LOSSES)} losses × {len(paper.SEEDS)} seeds){done}; about {ui.duration(wanted.seconds)} on this machine, "
        f"{wanted.basis}."
    )


def _plan(which: str, alternative: str, folder: str, cache: Path) -> Plan | None:
    """None, and a sentence on the page, when the runs could not start."""
    try:
        return plan(paper.sweep(which, alternative, folder), cache)
    except (ConfigError, DataError, OSError) as error:
        st.caption(f"{plain(str(error))}.")
        return None


def _submit(which: str, alternative: str, folder: str, cache: Path) -> bool:
    try:
        submit_sweep(paper.sweep(which, alternative, folder), cache)
    except (ConfigError, DataError, RunError, OSError) as error:
        st.error(f"{plain(str(error))}.", icon=":material/error:")
        return False
    ui.forget_rows()
    return True


def _group(which: str, alternative: str, folder: str, cache: Path) -> Group | None:
    try:
        return Group.open(paper.sweep(which, alternative, folder).id, cache)
    except (RunError, ConfigError, DataError):
        return None


def _going(which: str, alternative: str, folder: str, cache: Path) -> bool:
    group = _group(which, alternative, folder, cache)
    return group is not None and not group.progress().ended


def _standing(which: str, alternative: str, folder: str, cache: Path) -> bool:
    """The bar of a group that goes on, always in the same place; whether it does."""
    place = st.container()
    group = _group(which, alternative, folder, cache)
    if group is None:
        return False
    progress = group.progress()
    words = f"{ALTERNATIVES[alternative].title}: {progress}" if alternative else str(progress)
    if progress.ended:
        if "failed" in progress.counts or "stopped" in progress.counts:
            place.caption(f"{words}. **Run** lets them go on.")
            _why(progress.members, place)
        return False
    with place.container(horizontal=True, vertical_alignment="center"):
        left = f"; {ui.duration(progress.eta)} to go" if progress.eta is not None else ""
        st.progress(progress.share, f"{words}{left}")
        if st.button("Stop all", icon=":material/stop:", key=f"paper-stop-{alternative}"):
            group.stop()
            st.rerun()
    return True


def _why(members: Sequence[Any], place: Any) -> None:
    """The reasons of those that failed, each once."""
    reasons = {member.status.message for member in members if member.state == "failed" and member.status and member.status.message}
    for reason in sorted(reasons)[:3]:
        place.error(plain(reason), icon=":material/error:")


def _found(cache: Path, which: str, alternative: str) -> tuple[list[Seen], list[str]]:
    return paper.found(ui.run_rows(cache), cache, which, alternative)


def _seeds(several: Iterable[Sequence[Seen]]) -> list[int]:
    return sorted({one.seed for runs in several for one in runs})


def _what_these_are(which: str, seen: Mapping[str, Sequence[Seen]], said: Any) -> None:
    """Never a number without what it was measured on."""
    if not SETS[which].is_paper:
        said.warning(
            "This is a stand-in: a small network on other images. What holds here need not hold for the paper's network.",
            icon=":material/science:",
        )
    for variant, runs in seen.items():
        if runs:
            before = f"**{ALTERNATIVES[variant].title}.** " if variant else ""
            said.caption(before + "Shown: " + "; ".join(paper.described(runs)) + ".")
        elif variant:
            said.caption(f"**{ALTERNATIVES[variant].title}.** No run has been measured yet.")
        longest = SETS[which].config().epochs
        if runs and max(one.epoch for one in runs) < longest * 0.99:
            said.info(
                f"Measured up to epoch {max(one.epoch for one in runs):.3g} of this set's {longest:g}: "
                "claims about later times stay open until **Run** has gone that far.",
                icon=":material/hourglass_empty:",
            )


# What is shown of them.


def _options(seeds: Sequence[int]) -> tuple[str, str, Unit]:
    asked = st.query_params.get
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "View", list(VIEWS), default=_among(asked("view"), VIEWS, "figures"), required=True, key="paper-view", format_func=VIEWS.get
        )
        names = [*map(str, seeds), ALL]
        seed, unit = _among(asked("seed"), names, names[0]), _among(asked("unit"), ("epoch", "step"), "epoch")
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
    ui.address(
        view=view if view != "figures" else None,
        seed=seed if seed != names[0] else None,
        unit=unit if unit != "epoch" else None,
    )
    return view, seed, unit


def _figures(seen: Mapping[str, Sequence[Seen]], seed: str, unit: Unit) -> None:
    """Figure 1 and Figure 2 of one network, or of all seeds."""
    st.markdown("**Figure 1: before the first step**")
    shown = [(variant, runs, seed) for variant, runs in seen.items()]
    if len(shown) == 1 and seed != ALL:
        shown.append((*shown[0][:2], ALL))  # the one network, and beside it all of them
    for place, (variant, runs, which) in zip(st.columns(max(2, len(shown))), shown, strict=False):
        with place:
            _figure_1(variant, runs, which, titled=len(seen) > 1)
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
            "Lines: medians over the seeds; bands: from the least to the most of them. Each network favours a class of its own, so the "
            "lines are roles: the class that it favours at Init., the highest and the median of the nine others."
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
        told = len({f"{one.epoch:.3g}" for one, *_ in picked}) > 1  # rows of unequal length say how long they are
        those = [
            Setting(_row_title(one.loss, variant) + f" · to epoch {one.epoch:.3g}" * told, place, (member,))
            for place, (one, variant, member) in enumerate(picked)
        ]
        spec = compare_charts.grid(those, [member.run for *_, member in picked], unit)
        caption = (
            "A row a loss, probability of the true class left, accuracy right. ★ and the bold line: the class favoured at Init. Dashed: "
            "the end of the first epoch; dotted: 1/K. Point at a line, and its class is marked at the same moment everywhere."
        )
    live_chart(payload(spec), key=f"paper-figure-2-{seed == ALL}", height=spec["layout"]["height"])
    st.caption(caption)
    names = ",".join(one.run.id for runs in seen.values() for one in runs if seed in (ALL, str(one.seed)))
    ui.link("pages/Compare.py", "Compare these runs in other ways", icon=":material/compare:", runs=names)


def _figure_1(variant: str, runs: Sequence[Seen], seed: str, titled: bool) -> None:
    networks = {one.seed: one.trajectory[:1] for one in reversed(runs)}  # the losses of a seed begin with the same network
    title = (ALTERNATIVES[variant].title if variant else "Our choice") if titled else ""
    if seed == ALL and networks:
        figure = payload(untrained_by_rank({number: networks[number] for number in sorted(networks)}, title))
        caption = (
            f"Mean over {len(networks)} untrained network{'s' * (len(networks) > 1)}, the classes by rank, since each favours its own; "
            "upright lines: from the least to the most of them; dots: the classes, in their colours."
        )
    elif seed.isdigit() and int(seed) in networks:
        figure = payload(charts.bars(networks[int(seed)], 0, title=title, height=340))
        caption = "Mean probability of each class over the probed test images, whatever they show."
    else:
        st.caption("No network of this seed.")
        return
    live_chart(figure, key=f"paper-figure-1-{variant}-{seed == ALL}", height=340)
    st.caption(caption)


def _row_title(loss: str, variant: str) -> str:
    return TITLES[loss] + (f" · {ALTERNATIVES[variant].title}" if variant else "")


def _claims(seen: Mapping[str, Sequence[Seen]]) -> None:
    measured = {variant: _findings(_stamps(runs), runs) for variant, runs in seen.items()}
    verdicts = {name: {variant: paper_claims.verdict(found[name]) for variant, found in measured.items()} for name in CLAIMS}
    kinds = [own[""].kind for own in verdicts.values()]
    words = {
        "holds": "hold",
        "depends": "depend",
        "fails": "do not hold",
        "short": "open",
        "moot": "cannot be asked",
        "none": "without runs",
    }
    with st.container(horizontal=True):
        for kind, (colour, icon) in VERDICT_LOOKS.items():
            if kind in kinds:
                st.badge(f"{kinds.count(kind)} {words[kind]}", color=colour, icon=icon)
    st.caption(
        "✓ holds, ✗ does not, … not measured far enough, – cannot be asked, as what it speaks of does not happen. The sentences are "
        "paraphrases, and the limits in the definitions are ours. A verdict over one seed is no more than an example."
    )
    for name, claim in CLAIMS.items():
        with st.container(border=True):
            st.markdown(f"**{claim.text}**  :gray[{claim.where}]")
            for variant, verdict in verdicts[name].items():
                colour, icon = VERDICT_LOOKS[verdict.kind]
                before = f"{ALTERNATIVES[variant].title}: " if variant else "Our choice: " if len(seen) > 1 else ""
                st.badge(before + verdict.words, color=colour, icon=icon)
            words, numbers = st.columns([2, 3])
            words.caption(f"Checked: {claim.definition[0].lower()}{claim.definition[1:]}")
            if rows := _numbers({variant: found[name] for variant, found in measured.items()}):
                numbers.markdown(rows)
    for variant, runs in seen.items():
        trajectories = {(one.loss, one.seed): one.trajectory for one in runs}
        st.download_button(
            "CSV" + (f", {ALTERNATIVES[variant].title}" if variant else ""),
            data=lambda trajectories=trajectories: paper_claims.frame(trajectories).to_csv(index=False).encode(),
            file_name=f"claims{'-' * bool(variant)}{variant}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"paper-csv-{variant}",
            icon=":material/download:",
        )


def _numbers(found: Mapping[str, Sequence[Finding]]) -> str:
    """The measured numbers as a table: a row a loss, a column a seed."""
    seeds = sorted({one.seed for own in found.values() for one in own})
    if not seeds:
        return ""
    lines = ["| | " + " | ".join(f"seed {seed}" for seed in seeds) + " |", "|---" * (len(seeds) + 1) + "|"]
    for variant, own in found.items():
        for loss in dict.fromkeys(one.loss for one in own):
            cells = {one.seed: f"{'–' if one.moot else MARKS[one.holds]} {one.number}" for one in own if one.loss == loss}
            name = "untrained network" if loss == UNTRAINED else TITLES[loss]
            name += f" · {ALTERNATIVES[variant].title}" if variant else ""
            lines.append(f"| {name} | " + " | ".join(cells.get(seed, "") for seed in seeds) + " |")
    return "\n".join(lines)


def _choices(which: str, other: str, folder: str, cache: Path) -> None:
    paper_config, config = SETS["full"].config(), SETS[which].config()
    is_full = which == "full"
    head = [
        "choice",
        "by the paper",
        "what it says, and what we make of it",
        "full set",
        *([] if is_full else [f"{SETS[which].title.lower()} set"]),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for choice in CHOICES:
        where = f" {choice.where}" if choice.where else ""
        used, here = choice.used(paper_config), choice.used(config)
        cells = [f"**{choice.title}**", f":{STATED_LOOKS[choice.stated]}-badge[{choice.stated}]{where}", plain(choice.words), plain(used)]
        if not is_full:
            cells.append("the same" if here == used else f"**{plain(here)}**")
        lines.append("| " + " | ".join(cells) + " |")
    st.markdown("\n".join(lines))
    st.markdown("**What if it is meant otherwise?** Each is the same 12 runs with one choice changed, shown beside ours.")
    names = [name for choice in CHOICES for name in choice.others if name in paper.alternatives(which)]
    titles = {name: choice.title for choice in CHOICES for name in choice.others}
    columns = st.columns(3)
    for place, name in enumerate(names):
        with columns[place % 3].container(border=True):
            alternative = ALTERNATIVES[name]
            st.markdown(f"**{titles[name]}: {alternative.title}**")
            st.caption(alternative.words)
            _alternative_button(which, name, other, folder, cache)


def _alternative_button(which: str, name: str, other: str, folder: str, cache: Path) -> None:
    seen = len(_found(cache, which, name)[0])
    wanted = _plan(which, name, folder, cache)
    with st.container(horizontal=True):
        if name == other:
            if st.button("Show ours alone", key=f"paper-alone-{name}", icon=":material/visibility_off:"):
                ui.address(**{"with": None})
                st.rerun()
        elif seen and st.button(f"Show {seen} run{'s' * (seen > 1)} beside ours", key=f"paper-beside-{name}", icon=":material/compare:"):
            ui.address(**{"with": name})
            st.rerun()
        if wanted is not None and wanted.finished < wanted.runs:
            label = f"Run {wanted.runs - wanted.finished} beside ours, about {ui.duration(wanted.seconds)}"
            if st.button(label, key=f"paper-try-{name}", icon=":material/play_arrow:") and _submit(which, name, folder, cache):
                ui.address(**{"with": name})
                st.rerun()


def _among(value: str | None, allowed: Any, otherwise: str) -> str:
    return value if value in allowed else otherwise


# Everybody who looks at the same runs at the same moment shares what was read of them.


def _stamps(runs: Sequence[Seen]) -> tuple[tuple[str, int, str], ...]:
    return tuple((str(one.run.path), len(one.trajectory), one.state) for one in runs)


@st.cache_resource(max_entries=16, show_spinner=False)
def _findings(stamps: tuple, _runs: Sequence[Seen]) -> dict[str, list[Finding]]:
    trajectories: dict[tuple[str, int], Trajectory] = {(one.loss, one.seed): one.trajectory for one in _runs}
    return {name: paper_claims.findings(claim, trajectories) for name, claim in CLAIMS.items()}


def _members(runs: Sequence[Seen]) -> list[tuple[Seen, Member]]:
    found = [(one, _member(*stamp)) for one, stamp in zip(runs, _stamps(runs), strict=True)]
    return [(one, member) for one, member in found if member is not None]


@st.cache_resource(max_entries=128, show_spinner=False)
def _member(path: str, probes: int, state: str) -> Member | None:
    return Member.read(Run(Path(path)))
