"""The page of known architectures before training: one figure of all, how to draw each again, and two trainings.

Nothing is measured here: the figure is that of `igbviz architectures`, which ships with the program.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pandas as pd
import streamlit as st

from igbviz.charts.untrained.by_architecture import CAPTION, by_architecture
from igbviz.ensembles.verdict import format_percent, with_error
from igbviz.runs.run import Run
from igbviz.runs.shipped import shipped_run
from igbviz.studies import architectures as study
from igbviz.trajectory.outcome import outcome
from igbviz.ui import shell
from igbviz.ui.live_chart import live_chart, payload

WEIGHTS = {False: "Untrained", True: "Trained weights, new last layer"}


def draw(cache: Path) -> None:
    rows = study.read()
    kinds = [kind for kind in WEIGHTS if any(row.pretrained == kind for row in rows)]
    pretrained = False
    if len(kinds) > 1:
        pretrained = st.segmented_control(
            "Weights", kinds, required=True, default=False, key="weights", label_visibility="collapsed",
            format_func=WEIGHTS.get,
        )  # fmt: skip
    figure, height, first, more = _figure(pretrained)
    st.markdown(f"**{first}**")
    live_chart(figure, key="by-architecture", height=height)
    st.caption(f"{CAPTION} {_conditions()}")
    st.markdown(more)
    _draw_again()
    _then_train(cache)
    with st.expander("The numbers and how they were measured", icon=":material/table:"):
        st.dataframe(_table(pretrained), hide_index=True)
        st.caption(_measured())


@lru_cache(maxsize=2)
def _figure(pretrained: bool) -> tuple[str, int, str, str]:
    """The figure, its height, and what came of it: the first sentence, and the others as a list."""
    rows = [row for row in study.read() if row.pretrained == pretrained]
    figure = by_architecture.spec(rows, pretrained)
    first, *more = study.findings(rows)
    return payload(figure), figure["layout"]["height"], first, "\n".join(f"- {sentence}" for sentence in more)


@lru_cache(maxsize=1)
def _conditions() -> str:
    """Images, networks and classes of the figure."""
    rows, facts = study.read(), study.provenance()
    networks = sorted({row.networks for row in rows})
    side = " x ".join(map(str, facts["image size"][1:]))
    return (
        f"{networks[0]} to {networks[-1]} networks of each architecture, {facts['inputs']} colour images of {side} "
        "pixels (standard normal pixels, or test images of CIFAR-10 standardized by channel), "
        f"{facts['classes']} classes. "
        "Initialization: the architecture's own, unless it is named."
    )


@lru_cache(maxsize=1)
def _measured() -> str:
    facts = study.provenance()
    return (
        f"Measured on {facts['date']} with `igbviz architectures`: {facts['device']}, torch {facts['torch']}, "
        f"torchvision {facts['torchvision']}, CIFAR-10 {facts['CIFAR-10']}, seed {facts['seed']}. ± is the standard "
        "error over networks. γ of the guesses comes from how often two images get the same guess; where nearly all "
        "do, it is large and uncertain. γ of the logits gives images with large logits more weight. A network without "
        "BatchNorm has one kind of statistics only. ViT has six layers, on patches of 4 x 4 pixels."
    )


@lru_cache(maxsize=2)
def _table(pretrained: bool) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "architecture": row.architecture,
            "data": row.data,
            "BatchNorm": study.STATISTICS[row.statistics] if study.has_batch_norm(row.architecture) else "none",
            "networks": row.networks,
            "largest guess": study.with_percent(row) if row.gamma else "no guess",
            "γ of the logits": with_error(*row.gamma) if row.gamma else "–",
            "γ of the guesses": with_error(*row.gamma_of_guesses) if row.gamma_of_guesses else "–",
        }
        for row in study.read()
        if row.pretrained == pretrained
    )


def _draw_again() -> None:
    """A link that opens the page of one ensemble with the networks of an architecture in its form."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Look at one of them", list(study.ARCHITECTURES), key="architecture", width=260)
        config = study.cells({name: study.ARCHITECTURES[name]})[0].config
        form = json.dumps(config.canonical(incidental=True), separators=(",", ":"))
        shell.link("pages/Initialisation.py", "Draw these networks on noise", ":material/casino:", form=form)


def _then_train(cache: Path) -> None:
    """Links to the shipped trainings of two of the architectures, and how they ended."""
    trained = {title: run for title, config in study.TRAININGS.items() if (run := shipped_run(config, cache))}
    if not trained:
        return
    st.header("Then train one", anchor=False)
    st.markdown(
        "A plain CNN and a small vision transformer, both prejudiced at the start, with cross-entropy and with "
        "piecewise-zero: the same images, half a pass over the training set. All layers are drawn by PyTorch's "
        "defaults: with its own head of zeros ViT begins with p = 1/K exactly, where piecewise-zero has no gradient."
    )
    st.markdown("\n".join(f"- {title}: {_ended(run.path)}." for title, run in trained.items()))
    with st.container(horizontal=True):
        for title, run in trained.items():
            shell.link("pages/Train.py", title, ":material/play_circle:", run=run.id)
        if len(trained) > 1:
            runs = ",".join(run.id for run in trained.values())
            shell.link("pages/Compare.py", "All beside each other", ":material/compare:", runs=runs)


@lru_cache(maxsize=16)
def _ended(folder: Path) -> str:
    """In words, where a training began and ended."""
    trajectory = Run(folder).trajectory()
    start, end = trajectory.largest_guess()[[0, -1]]
    accuracy = format_percent(outcome(trajectory).balanced_accuracy)
    change = f"the largest guess goes from {format_percent(start)} to {format_percent(end)}"
    return f"{change} in {trajectory.step[-1]:,} steps, accuracy {accuracy}"
