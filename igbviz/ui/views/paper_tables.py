"""Two views of the page "The paper": its claims with our measurements, and its choices beside ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from igbviz.charts.run_export import csv_table
from igbviz.runs.status import duration_in_words
from igbviz.studies.paper import claims, experiment
from igbviz.studies.paper.choices import CHOICES
from igbviz.studies.paper.claims import CLAIMS, CheckedClaim
from igbviz.studies.paper.experiment import ALTERNATIVES, SETS, TITLES, UNTRAINED, PaperRun
from igbviz.trajectory import Trajectory
from igbviz.ui.members import Stamp
from igbviz.ui.messages import plain
from igbviz.ui.query import set_query
from igbviz.ui.views import paper_runs

VERDICT_LOOKS = {
    "holds": ("green", ":material/check:"),
    "fails": ("red", ":material/close:"),
    "depends": ("orange", ":material/call_split:"),
    "short": ("gray", ":material/hourglass_empty:"),
    "moot": ("gray", ":material/block:"),
    "none": ("gray", ":material/hourglass_empty:"),
}
STATED_LOOKS = {"stated": "green", "in part": "orange", "ours": "blue"}
COUNTED = {  # how many claims have a verdict of this kind: one, several
    "holds": ("holds", "hold"),
    "depends": ("depends on loss or seed", "depend on loss or seed"),
    "fails": ("does not hold", "do not hold"),
    "short": ("is open", "are open"),
    "moot": ("does not apply", "do not apply"),
    "none": ("has no runs", "have no runs"),
}
MARKS = {True: "✓", False: "✗", None: "…"}


def summary(runs: Sequence[PaperRun], set_title: str) -> str:
    """What came of the paper's claims in these runs, in a sentence."""
    findings = _findings(paper_runs.stamps(runs), runs)
    numbers = Counter(claims.verdict(findings[name]).kind for name in CLAIMS)
    parts = [_counted(kind, numbers[kind]) for kind in COUNTED if numbers[kind]]
    return f"{set_title} set: of the paper's {len(CLAIMS)} claims, {', '.join(parts)}."


def _counted(kind: str, number: int) -> str:
    return f"{number} {COUNTED[kind][number > 1]}"


def draw_claims(runs_by_variant: Mapping[str, Sequence[PaperRun]]) -> None:
    """Each claim with its verdict and the numbers behind it, and all of them as a download."""
    measured = {variant: _findings(paper_runs.stamps(runs), runs) for variant, runs in runs_by_variant.items()}
    verdicts = {
        name: {variant: claims.verdict(findings[name]) for variant, findings in measured.items()} for name in CLAIMS
    }
    kinds = [own[""].kind for own in verdicts.values()]
    with st.container(horizontal=True):
        for kind, (color, icon) in VERDICT_LOOKS.items():
            if kind in kinds:
                st.badge(_counted(kind, kinds.count(kind)), color=color, icon=icon)
    st.caption(
        "✓ holds, ✗ does not hold, … not measured far enough, – not applicable: the precondition never occurs. The "
        "claims are paraphrased, and the thresholds in the definitions are ours. A verdict from one seed is no more "
        "than an example."
    )
    for name, claim in CLAIMS.items():
        with st.container(border=True):
            st.markdown(f"**{claim.text}**  :gray[{claim.where}]")
            for variant, verdict in verdicts[name].items():
                color, icon = VERDICT_LOOKS[verdict.kind]
                ours = "Our choice: " if len(runs_by_variant) > 1 else ""
                prefix = f"{ALTERNATIVES[variant].title}: " if variant else ours
                st.badge(prefix + verdict.words, color=color, icon=icon)
            left, right = st.columns([2, 3])
            left.caption(f"Checked: {claim.definition[0].lower()}{claim.definition[1:]}")
            if rows := _numbers({variant: findings[name] for variant, findings in measured.items()}):
                right.markdown(rows)
    for variant, runs in runs_by_variant.items():
        trajectories = {(run.loss, run.seed): run.trajectory for run in runs}
        st.download_button(
            "CSV" + (f", {ALTERNATIVES[variant].title}" if variant else ""),
            data=lambda trajectories=trajectories: csv_table(claims.frame(trajectories)),
            file_name=f"claims{'-' * bool(variant)}{variant}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"paper-csv-{variant}",
            icon=":material/download:",
        )


def _numbers(findings: Mapping[str, Sequence[CheckedClaim]]) -> str:
    """The measured numbers as a table: one row per loss, one column per seed."""
    seeds = sorted({check.seed for own in findings.values() for check in own})
    if not seeds:
        return ""
    lines = ["| network | " + " | ".join(f"seed {seed}" for seed in seeds) + " |", "|---" * (len(seeds) + 1) + "|"]
    for variant, own in findings.items():
        for loss in dict.fromkeys(check.loss for check in own):
            cells = {
                check.seed: f"{'–' if check.moot else MARKS[check.holds]} {check.number}"
                for check in own
                if check.loss == loss
            }
            name = "untrained network" if loss == UNTRAINED else TITLES[loss]
            name += f" · {ALTERNATIVES[variant].title}" if variant else ""
            lines.append(f"| {name} | " + " | ".join(cells.get(seed, "") for seed in seeds) + " |")
    return "\n".join(lines)


def draw_choices(set_name: str, other: str, folder: str, cache: Path) -> None:
    """What the paper says of each choice, what is used here, and the alternatives that can be run."""
    paper_config, config = SETS["full"].config(), SETS[set_name].config()
    is_full = set_name == "full"
    head = [
        "choice",
        "in the paper",
        "what it says, and what we use",
        "full set",
        *([] if is_full else [f"{SETS[set_name].title.lower()} set"]),
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for choice in CHOICES:
        where = f" {choice.where}" if choice.where else ""
        used, here = choice.used(paper_config), choice.used(config)
        cells = [
            f"**{choice.title}**",
            f":{STATED_LOOKS[choice.stated]}-badge[{choice.stated}]{where}",
            plain(choice.words),
            plain(used),
        ]
        if not is_full:
            cells.append("the same" if here == used else f"**{plain(here)}**")
        lines.append("| " + " | ".join(cells) + " |")
    st.markdown("\n".join(lines))
    st.markdown(
        "**What if the paper means something else?** Each alternative repeats the 12 runs with one choice changed; its "
        "runs are shown beside ours."
    )
    names = [name for choice in CHOICES for name in choice.others if name in experiment.alternatives(set_name)]
    titles = {name: choice.title for choice in CHOICES for name in choice.others}
    columns = st.columns(3)
    for place, name in enumerate(names):
        with columns[place % 3].container(border=True):
            alternative = ALTERNATIVES[name]
            st.markdown(f"**{titles[name]}: {alternative.title}**")
            st.caption(alternative.words)
            _alternative_button(set_name, name, other, folder, cache)


def _alternative_button(set_name: str, name: str, other: str, folder: str, cache: Path) -> None:
    count = len(paper_runs.measured_runs(cache, set_name, name)[0])
    expected = paper_runs.planned(set_name, name, folder, cache)
    with st.container(horizontal=True):
        if name == other:
            if st.button("Show ours alone", key=f"paper-alone-{name}", icon=":material/visibility_off:"):
                set_query(**{"with": None})
                st.rerun()
        elif count and st.button(
            f"Show {count} run{'s' * (count > 1)} beside ours",
            key=f"paper-beside-{name}",
            icon=":material/compare:",
        ):
            set_query(**{"with": name})
            st.rerun()
        if expected is not None and expected.finished < expected.runs:
            label = f"Run {expected.runs - expected.finished} beside ours, about {duration_in_words(expected.seconds)}"
            if st.button(label, key=f"paper-try-{name}", icon=":material/play_arrow:") and paper_runs.submit(
                set_name, name, folder, cache
            ):
                set_query(**{"with": name})
                st.rerun()


# All viewers of the same runs share the checked claims.


@st.cache_resource(max_entries=16, show_spinner=False)
def _findings(stamps: tuple[Stamp, ...], _runs: Sequence[PaperRun]) -> dict[str, list[CheckedClaim]]:
    trajectories: dict[tuple[str, int], Trajectory] = {(run.loss, run.seed): run.trajectory for run in _runs}
    return {name: claims.check_claim(claim, trajectories) for name, claim in CLAIMS.items()}
