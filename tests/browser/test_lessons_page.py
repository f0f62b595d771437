"""The lessons in a browser: each from beginning to end, guesses are kept, and a presenter's keys turn the pages."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig, ensemble_dtype
from igbviz.runs import queue
from igbviz.runs.files import write_json
from igbviz.runs.shipped import shipped_run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import IMAGES, ON_STAGE, Go, Guess
from igbviz.trajectory import snapshot_dtype
from igbviz.trajectory.trajectory import P_EDGES, columns_of
from tests.support import ROOT
from tests.support.browser import visit
from tests.support.processes import end_workers

pytestmark = pytest.mark.browser


def made_up(config: RunConfig | EnsembleConfig) -> np.ndarray:
    """Made-up records of the shape that this run would have, so that the test need not train."""
    classes, rng = 10, np.random.default_rng(0)
    if isinstance(config, EnsembleConfig):
        records = np.zeros(config.networks, ensemble_dtype(classes, config.model.depth + 1))
        fractions = rng.dirichlet(np.full(classes, 0.3), config.networks)
        records["network"] = np.arange(config.networks)
        records["guesses"] = np.floor(fractions * config.inputs)
        records["guesses"][np.arange(config.networks), fractions.argmax(1)] += config.inputs - records["guesses"].sum(1)
        records["centre"], records["spread"], records["probability"] = rng.normal(size=fractions.shape), 1, fractions
        records["histogram"] = 15
        records["variance"], records["cosine"], records["nodes"] = 1, 0.5, 256
        records["layer_variance"] = 1
        records["layer_centre"] = np.linspace(0.01, 5, config.model.depth + 1)
        records["layer_cosine"] = records["layer_centre"] / (1 + records["layer_centre"])
        return records
    facts = config.dataset.facts()
    per_epoch = config.steps_per_epoch(facts.train_size)
    step = config.probes.steps(config.total_steps(facts.train_size), per_epoch)
    records = np.zeros(len(step), snapshot_dtype(classes, noisy=config.label_noise.name != "none"))
    for record, place in zip(records, np.linspace(0, 1, len(step)), strict=True):
        record["mean_prob"] = place * 0.7 * np.eye(classes) + (1 - 0.7 * place) * np.eye(classes)[3]
        record["confusion"] = np.round(200 * record["mean_prob"])
        record["p_hist"][:, len(P_EDGES) // 3] = 200
        record["silent"], record["signal"] = 0.9 - 0.5 * place, 1.4 - place
        if "memorised" in records.dtype.names:
            record["memorised"], record["resisted"], record["otherwise"] = (
                0.8 * place,
                0.7 * (1 - place),
                0.3 - 0.1 * place,
            )
    records["step"], records["epoch"] = step, step / per_epoch
    return records


def put(config: RunConfig | EnsembleConfig, cache: Path) -> None:
    """A finished run with these records, as a worker writes it."""
    run, records = submit(config, cache), made_up(config)
    facts = config.dataset.facts()
    write_json(
        run.path / "schema.json",
        {
            "columns": columns_of(records.dtype),
            "class_names": list(facts.class_names),
            "data": "made up",
            "parameters": 1,
            "inputs": 500,
            "device": "CPU",
            "threads": 1,
            "torch": "x",
            "date": "today",
        },
    )
    run.records.write_bytes(records.tobytes())
    run.write_status(Status(state="done", step=1, steps=1, snapshots=len(records), device="CPU"))
    queue.dequeue(cache, run.id)


@pytest.fixture
def app(serve, cache: Path, monkeypatch: pytest.MonkeyPatch):
    """The app on a cache with every run of the lessons, made up where none is shipped: serve(theme) -> address."""
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    for lesson in LESSONS.values():
        for config in lesson.runs.values():
            if (run := shipped_run(config, ROOT / "cache")) is None:
                put(config, cache)
            elif not (cache / "gallery" / run.id).exists():
                shutil.copytree(run.path, cache / "gallery" / run.id)
    yield lambda theme="light": serve(
        ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache), "IGBVIZ_IDLE_SECONDS": "1"}, theme=theme
    )
    end_workers(cache)


def walk(page, name: str, artefacts: Path | None = None) -> None:
    """Click from the first step to the last, with a guess wherever one is requested."""
    lesson = LESSONS[name]
    for number, step in enumerate(lesson.steps, start=1):
        page.get_by_role("heading", name=step.title, exact=True).wait_for(timeout=30_000)
        if isinstance(step, Guess):
            following = page.get_by_role("button", name="Next")
            if step.choices:
                page.get_by_role("button", name=step.choices[-1], exact=True).click()
            else:
                field = page.locator(f".st-key-lesson-answer-{name}-{step.name}-number input")
                field.fill(f"{step.high:g}")
                field.press("Enter")
            page.get_by_text("Your guess: ").first.wait_for(timeout=20_000)
            expect(following).to_be_enabled(timeout=20_000)
        elif isinstance(step, Go):
            page.get_by_text("Done.", exact=False).wait_for(timeout=20_000)
        for place, picture in enumerate(getattr(step, "pictures", ())):
            if picture.kind in ON_STAGE:
                page.locator(".igbviz-stage[data-ready]").first.wait_for(timeout=30_000)
                if picture.kind == IMAGES:
                    chosen = {"all": "All", "never": "Never heard", "memorised": "Memorised"}[picture.filter]
                    pressed = page.locator(".filters button[aria-pressed=true]")
                    expect(pressed).to_contain_text(chosen, timeout=20_000)
                continue
            kind = picture.kind.replace(" ", "-")
            page.locator(f".st-key-lesson-chart-{place}-{kind} .igbviz-live-chart[data-draws]").wait_for(timeout=30_000)
        for guess in getattr(step, "guesses", ()):
            page.get_by_text(lesson.guesses()[guess].title, exact=True).first.wait_for(timeout=20_000)
        assert page.locator("[data-testid=stException]").count() == 0
        # What the last step said stands there until Streamlit has drawn all of this one.
        expect(page.get_by_text("You guessed")).to_have_count(len(getattr(step, "guesses", ())), timeout=20_000)
        if artefacts is not None and getattr(step, "pictures", ()):
            page.screenshot(path=artefacts / f"lesson_{name}_{number}.png", full_page=True)
        if number < len(lesson.steps):
            page.get_by_role("button", name="Next").click()
    page.get_by_text(f"You made {len(lesson.guesses())} of {len(lesson.guesses())} guesses").wait_for(timeout=20_000)


def test_every_lesson_is_walked_to_its_end(app, browser, artefacts: Path) -> None:
    page = visit(browser, f"{app()}/Lessons")
    names = list(LESSONS)
    for place, name in enumerate(names):
        if place == 0:
            page.locator(f".st-key-begin-{name} button").click(timeout=30_000)
        walk(page, name, artefacts)
        if place + 1 < len(names):
            page.get_by_text(f"Next lesson: {LESSONS[names[place + 1]].title}").click()
    assert not page.outside, "nothing comes from the network"


def test_a_presenter_turns_pages_by_keyboard(app, browser, artefacts: Path) -> None:
    name = "silent-zone"
    steps = LESSONS[name].steps
    page = visit(browser, f"{app('dark')}/Lessons?lesson={name}&step=1&presenter=1", color_scheme="dark")

    def stands_at(number: int) -> None:
        page.get_by_role("heading", name=steps[number - 1].title, exact=True).wait_for(timeout=30_000)
        page.wait_for_url(lambda url: f"step={number}" in url and "presenter=1" in url, timeout=10_000)
        page.locator(".st-key-lesson-presenter button").wait_for(timeout=30_000)
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(
            timeout=30_000
        )  # the keys are in place

    stands_at(1)
    for unseen in (page.locator("[data-testid=stSidebar]"), page.get_by_role("button", name="next", exact=True)):
        unseen.wait_for(state="hidden", timeout=10_000)
    for key, number in (
        ("ArrowRight", 2),
        ("PageDown", 3),
        ("ArrowLeft", 2),
        ("PageUp", 1),
        ("PageUp", 1),
        ("PageDown", 2),
    ):
        page.keyboard.press(key)
        stands_at(number)
    size = page.locator(".st-key-lesson-words p").first.evaluate("p => parseFloat(getComputedStyle(p).fontSize)")
    assert size >= 20, "readable from the last row"
    for number in range(3, 6):
        page.keyboard.press("ArrowRight")
        stands_at(number)
        if isinstance(steps[number - 1], Go):  # the player, which knows the arrow keys too, leaves them to the pages
            page.locator(".igbviz-stage[data-ready]").wait_for(timeout=30_000)
    page.locator(".st-key-lesson-chart-1-silent .igbviz-live-chart[data-draws]").wait_for(timeout=30_000)
    page.wait_for_timeout(1000)
    page.screenshot(path=artefacts / "lesson_presenter_dark.png")
    page.get_by_role("button", name="Leave presenter view").click()
    page.wait_for_url(lambda url: "presenter" not in url and "step=5" in url, timeout=10_000)
    page.get_by_role("link", name="All lessons").wait_for(timeout=20_000)  # the last that is drawn
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=20_000)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1000)
    assert "step=5" in page.url, "elsewhere keys belong to the widgets"
