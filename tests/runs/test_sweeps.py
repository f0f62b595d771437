"""A group of runs: what a sweep describes, that entering it twice adds nothing, and that it is watched and stopped as
one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.losses import LOSSES
from igbviz.runs import queue
from igbviz.runs.listing import list_runs
from igbviz.runs.run import RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import MOST_RUNS, Sweep, cures, label, parse_values
from igbviz.runs.sweeps import Group, list_groups, outcome, plan, submit_sweep
from igbviz.spec import ConfigError
from igbviz.trajectory.outcome import escape_time
from tests.support.processes import until
from tests.support.stored_runs import finished
from tests.support.tiny import TINY

TWO_BY_TWO = {"loss": ["cross-entropy", {"name": "gce", "q": 0.7}], "seed": [0, 1]}


@pytest.fixture(autouse=True)
def nobody_works(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "worker" not in request.keywords:
        monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)


@pytest.fixture
def sweep() -> Sweep:
    return Sweep(base=TINY, axes=TWO_BY_TWO)


def queued(cache: Path) -> list[str]:
    return [entry.run_id for entry in queue.waiting(cache)]


class TestSweep:
    def test_grid_in_order(self, sweep: Sweep, tiny: RunConfig) -> None:
        expected = [
            tiny.with_(loss=loss, seed=seed)
            for loss in (LOSSES["cross-entropy"](), LOSSES["gce"](q=0.7))
            for seed in (0, 1)
        ]
        assert sweep.configs() == expected
        assert sweep.choices()[expected[2].id] == {"loss": {"name": "gce", "q": 0.7}, "seed": 0}

    def test_json_there_and_back(self, sweep: Sweep) -> None:
        again = Sweep.from_json(sweep.to_json())
        assert again == sweep and again.id == sweep.id and again.configs() == sweep.configs()

    def test_a_file_says_only_what_it_wants(self, tiny: RunConfig) -> None:
        text = json.dumps({"axes": {"seed": [0, 1], "model.depth": [2, 3]}, "title": "How deep?"})
        assert [config.model.depth for config in Sweep.from_json(text).configs()] == [2, 3, 2, 3]
        assert Sweep.from_json(text).id.startswith("how-deep-")

    def test_descriptions_ranges_and_names_are_values(self, tiny: RunConfig, sweep: Sweep) -> None:
        losses = [LOSSES["cross-entropy"](), LOSSES["gce"](q=0.7)]
        assert Sweep(base=tiny, axes={"loss": losses, "seed": range(2)}) == sweep.model_copy(
            update={"axes": sweep.axes | {"loss": [loss.model_dump() for loss in losses]}}
        )
        assert Sweep(axes={"loss.name": ["gce"]}).configs() == Sweep(axes={"loss": ["gce"]}).configs()

    def test_the_same_runs_are_the_same_sweep(self, sweep: Sweep) -> None:
        turned = {path: values[::-1] for path, values in reversed(TWO_BY_TWO.items())}
        assert Sweep(base=TINY, axes=turned).id == sweep.id
        assert Sweep(base=TINY | {"seed": 7}, axes=TWO_BY_TWO).id == sweep.id
        assert Sweep(base=TINY, axes=TWO_BY_TWO | {"seed": [0, 2]}).id != sweep.id
        assert Sweep(base=TINY, axes=TWO_BY_TWO, title="mine").id != sweep.id

    def test_duplicates_are_one_run(self) -> None:
        assert len(Sweep(base=TINY, axes={"seed": [0, 1, 0], "batch_size": [16, 16]}).configs()) == 2

    def test_a_part_comes_before_its_knobs(self) -> None:
        sweep = Sweep(
            base=TINY, axes={"loss.q": [0.3, 0.5], "loss": ["gce", "truncated-gce"], "optimizer.learning_rate": [0.1]}
        )
        assert [(config.loss.name, config.loss.q) for config in sweep.configs()] == [
            ("gce", 0.3), ("truncated-gce", 0.3), ("gce", 0.5), ("truncated-gce", 0.5)
        ]  # fmt: skip

    def test_no_axis_is_one_run(self, tiny: RunConfig) -> None:
        assert Sweep(base=tiny).configs() == [tiny]

    @pytest.mark.parametrize(
        ("axes", "sentence"),
        [
            (3, "axes is 3, allowed: a list of values for each field"),
            ({"seed": 3}, r"axes.seed is 3, allowed: a list of values, as in \[3\]"),
            ({"loss": "gce"}, "axes.loss is 'gce', allowed: a list of values"),
            ({"seed": []}, r"axes.seed is \[\], allowed: at least one value"),
            ({"seed": [0, -1]}, "axes.seed is -1, allowed: a whole number from 0"),
            ({"optimizer.learning_rate": [0.1, 0]}, "axes.optimizer.learning_rate is 0, allowed: a number above 0"),
            ({"optimizer.learning_rate": ["fast"]}, "axes.optimizer.learning_rate is 'fast', allowed"),
            ({"loss": ["gcee"]}, "axes.loss is 'gcee', allowed: one of cross-entropy"),
            ({"loss": [{"name": "gce", "q": 7}]}, "axes.loss.q is 7, allowed"),
            ({"loss": ["gce", "mae"], "loss.q": [0.5]}, "axes.loss.q is not a field of mae"),
            ({"speed": [1]}, "axes.speed is not a field"),
            ({"speed.limit": [1]}, "axes.speed.limit is not a field of a run"),
            ({"loss.q.r": [1], "loss": ["gce"]}, "axes.loss.q.r is not a field of a run"),
            ({"model": ["resnet18"], "batch_size": [16, 1]}, "axes.batch_size is 1 with resnet18, allowed: at least 2"),
            (
                {"model": [{"name": "mlp", "normalization": "batch"}]},
                "axes ask for model mlp .normalization batch.: batch_size is 1 with mlp",
            ),
            ({"seed": range(MOST_RUNS), "epochs": [1, 2]}, f"axes ask for 1,000 runs, allowed: at most {MOST_RUNS}"),
            ({"intervention": ["prayer"]}, "axes.intervention is 'prayer', allowed: one of cross-entropy-first"),
            ({"intervention": ["he-normal"]}, "axes.intervention is 'he-normal', which changes nothing"),
        ],
    )
    def test_what_cannot_be_is_one_sentence(self, axes, sentence: str) -> None:
        with pytest.raises(ConfigError, match=f"^{sentence}") as caught:
            Sweep(base={"batch_size": 1}, axes=axes)
        assert "\n" not in str(caught.value)

    def test_typed_values(self) -> None:
        assert parse_values("0.01, 1e-3,all ,true,,") == [0.01, 0.001, "all", True]
        assert parse_values('[{"name": "gce", "q": 0.5}, "mae"]') == [{"name": "gce", "q": 0.5}, "mae"]
        assert parse_values(" ") == []

    def test_values_in_words(self) -> None:
        values = [{"name": "gce", "q": 0.7}, {"name": "mae"}, 1e-05, "all", None, True, {"duration": 2}]
        assert [label(value) for value in values] == [
            "gce (q 0.7)",
            "mae",
            "1e-05",
            "all",
            "as it is",
            "True",
            "duration 2",
        ]


class TestPlan:
    def test_what_is_finished_is_not_counted_again(self, sweep: Sweep, tmp_path: Path) -> None:
        before = plan(sweep, tmp_path)
        assert (before.runs, before.finished) == (4, 0) and before.seconds > 0 and "rough" in before.basis
        finished(sweep.configs()[0], tmp_path)
        after = plan(sweep, tmp_path)
        assert after.finished == 1 and after.seconds == pytest.approx(0.75 * before.seconds)
        half = submit(sweep.configs()[1], tmp_path)
        half.write_status(Status(state="stopped", step=16, steps=32))
        assert plan(sweep, tmp_path).seconds == pytest.approx(0.625 * before.seconds)

    def test_what_cannot_start_is_said_before_anything_starts(self, tmp_path: Path) -> None:
        for part, error in (({"dataset": {"name": "image-folder", "folder": "/no/such"}}, DataError),
                            ({"model": {"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64}}, ConfigError)):  # fmt: skip
            with pytest.raises(error):
                submit_sweep(Sweep(base=TINY | part, axes={"seed": [0, 1]}), tmp_path)
        assert not list(tmp_path.iterdir())


class TestGroup:
    def test_submitting_twice_adds_nothing(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        assert [run.id for run in group.runs] == queued(tmp_path) == [config.id for config in sweep.configs()]
        written = (group.path / "sweep.json").read_bytes()
        assert (
            submit_sweep(sweep.model_dump(), tmp_path) == group == Group.open(sweep.id, tmp_path)
            and group.sweep == sweep
        )
        assert (group.path / "sweep.json").read_bytes() == written
        assert len(queued(tmp_path)) == len(list_runs(tmp_path)) == 4 and list_groups(tmp_path) == [group]

    def test_finished_runs_are_taken_as_they_are(self, sweep: Sweep, tmp_path: Path) -> None:
        runs = [
            finished(config, tmp_path, state)
            for config, state in zip(sweep.configs(), ("done", "diverged", "stopped"), strict=False)
        ]
        records = [(run.path / "trajectory.bin").read_bytes() for run in runs]
        group = submit_sweep(sweep, tmp_path)
        assert queued(tmp_path) == [config.id for config in (sweep.configs()[2], sweep.configs()[3])]
        assert group.progress().counts == {"queued": 2, "done": 1, "diverged": 1}
        assert [(run.path / "trajectory.bin").read_bytes() for run in runs] == records

    def test_a_shipped_run_is_not_made_again(self, sweep: Sweep, tmp_path: Path) -> None:
        run = finished(sweep.configs()[0], tmp_path)
        (tmp_path / "gallery").mkdir()
        run.path.rename(tmp_path / "gallery" / run.id)
        assert plan(sweep, tmp_path).finished == 1
        group = submit_sweep(sweep, tmp_path)
        assert group.progress().counts == {"queued": 3, "done": 1} and group.runs[0].path.parent.name == "gallery"

    def test_progress(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        start = group.progress()
        assert (start.counts, start.share, start.ended, str(start)) == ({"queued": 4}, 0.0, False, "4 queued")
        assert start.eta == pytest.approx(plan(sweep, tmp_path).seconds)
        one, two, three, four = group.runs
        for run in (one, two):
            run.write_status(Status(state="done", step=32, steps=32, seconds=10.0))
        three.write_status(Status(state="running", step=8, steps=32, eta=7.5))
        with queue.lock(three.path / "lock"):
            middle = group.progress()
            assert middle.counts == {"queued": 1, "running": 1, "done": 2} and middle.share == pytest.approx(2.25 / 4)
            assert middle.eta == pytest.approx(10.0 + 7.5), (
                "a run takes the ten seconds that the others took, not what was guessed"
            )
        assert group.progress().counts == {"queued": 1, "done": 2, "lost": 1}
        for run in (three, four):
            run.write_status(Status(state="diverged", step=9, steps=32))
        end = group.progress()
        assert (end.share, end.eta, end.ended) == (1.0, None, True)

    def test_stop_and_resume(self, sweep: Sweep, tmp_path: Path) -> None:
        done = finished(sweep.configs()[0], tmp_path)
        group = submit_sweep(sweep, tmp_path)
        group.stop()
        assert group.progress().counts == {"done": 1, "stopped": 3} and not queued(tmp_path)
        group.resume()
        assert group.progress().counts == {"queued": 3, "done": 1} and len(queued(tmp_path)) == 3
        assert done.status.state == "done"

    def test_two_groups_share_a_run(self, sweep: Sweep, tmp_path: Path) -> None:
        first, second = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [1, 2]}), tmp_path)
        assert len(queued(tmp_path)) == 5 and first.sharing() == [second] and second.sharing() == [first]
        first.stop()
        assert second.progress().counts == {"queued": 1, "stopped": 1} and not second.sharing()

    def test_deleted_and_torn_runs(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        group.runs[0].delete()
        (group.runs[0].path / "status.json").write_text('{"state": "do')
        progress = group.progress()
        assert progress.counts == {"queued": 2, "unreadable": 1, "missing": 1} and len(group.runs) == 3
        group.stop()
        group.resume()
        assert group.progress().counts == {"queued": 2, "unreadable": 1, "missing": 1}, (
            "what was deleted is not brought back"
        )
        submit_sweep(sweep, tmp_path)
        assert group.progress().counts == {"queued": 3, "unreadable": 1}, "unless it is asked for"
        for run in group.runs:
            run.delete()
        gone = group.progress()
        assert (gone.counts, gone.share, gone.eta, gone.ended) == ({"missing": 4}, 0.0, None, True)

    @pytest.mark.parametrize(
        "text", ["{", "[]", "3", '{"sweep": {}}', '{"sweep": {}, "expected": [], "submitted": 0}', None]
    )
    def test_a_torn_sweep_is_a_sentence_and_harms_nobody_else(
        self, text: str | None, sweep: Sweep, tmp_path: Path
    ) -> None:
        good, bad = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [5]}), tmp_path)
        if text is None:
            (bad.path / "sweep.json").unlink()
        else:
            (bad.path / "sweep.json").write_text(text)
        with pytest.raises(RunError, match=f"sweep {bad.id} cannot be read: sweep.json is") as caught:
            Group.open(bad.id, tmp_path)
        assert "\n" not in str(caught.value) and list_groups(tmp_path) == [good] and not good.sharing()
        submit_sweep(Sweep(base=TINY, axes={"seed": [5]}), tmp_path)
        assert Group.open(bad.id, tmp_path).progress().counts == {"queued": 1}, "entering it again mends it"

    def test_an_axis_of_another_program(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        text = (group.path / "sweep.json").read_text().replace('"gce"', '"lost-loss"')
        (group.path / "sweep.json").write_text(text)
        assert group.progress().counts == {"queued": 4}
        with pytest.raises(RunError, match="cannot be read: axes.loss is 'lost-loss'"):
            group.sweep  # noqa: B018

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a b", "A", "nowhere", "x" * 300])
    def test_names_never_leave_the_cache(self, name: str, sweep: Sweep, tmp_path: Path) -> None:
        submit_sweep(sweep, tmp_path)
        with pytest.raises(RunError, match="is not in the cache"):
            Group.open(name, tmp_path)

    def test_wait_gives_up(self, sweep: Sweep, tmp_path: Path) -> None:
        with pytest.raises(TimeoutError, match="still has 4 queued runs"):
            submit_sweep(sweep, tmp_path).wait(timeout=0)

    def test_newest_first(self, tmp_path: Path) -> None:
        groups = [submit_sweep(Sweep(base=TINY, axes={"seed": [seed]}), tmp_path) for seed in range(3)]
        assert list_groups(tmp_path) == groups[::-1]

    def test_outcome(self, tiny: RunConfig, tmp_path: Path) -> None:
        run = finished(tiny, tmp_path)
        group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1]}), tmp_path)
        done, waiting = group.members()
        trajectory, found = run.trajectory(), outcome(done)
        assert (
            found.accuracy == trajectory.balanced_accuracy()[-1]
            and found.largest_guess == trajectory.guess_fraction()[-1].max()
        )
        assert found.favoured == trajectory.class_names[trajectory.favoured()]
        assert found.escape == escape_time(trajectory) is not None and outcome(waiting) is None
        run.write_status(Status(state="diverged", step=9, steps=32))
        assert outcome(group.members()[0]).escape is None
        (run.path / "schema.json").write_text("{")
        waiting.run.delete()
        assert [outcome(member) for member in group.members()] == [None, None]


def test_cures_are_one_group(tiny: RunConfig) -> None:
    sweep = cures(
        tiny.with_(loss={"name": "gce"}, seed=3),
        ["zero-last-layer", {"name": "cross-entropy-first", "epochs": 0.5}],
        seeds=2,
    )
    configs = sweep.configs()
    assert configs[0] == tiny.with_(loss={"name": "gce"}, seed=3) and [config.seed for config in configs] == [3, 4] * 3
    assert configs[2].initialization.last_layer == "zero" and configs[5].schedule.duration == 0.5
    assert Sweep.from_json(sweep.to_json()).id == sweep.id
    everything = cures(tiny.with_(loss={"name": "gce"}))
    assert len(everything.configs()) == len(everything.axes["intervention"]) > 5


@pytest.mark.worker
def test_a_sweep_is_worked_off_and_stays_worked_off(sweep: Sweep, cache: Path) -> None:
    group = submit_sweep(sweep, cache)
    shares = [progress.share for progress in group.follow(every=0.05, timeout=90)]
    end = group.progress()
    assert shares == sorted(shares) and shares[-1] == end.share == 1 and end.counts == {"done": 4} and end.eta is None
    assert all(map(outcome, group.members()))
    until(lambda: not queued(cache))
    assert submit_sweep(sweep, cache) == group and group.progress().counts == {"done": 4} and len(list_runs(cache)) == 4
    assert plan(sweep, cache).finished == 4 and plan(sweep, cache).seconds == 0


@pytest.mark.worker
def test_a_group_is_stopped_as_one(slow_tiny: RunConfig, cache: Path) -> None:
    group = submit_sweep(Sweep(base=slow_tiny, axes=TWO_BY_TWO), cache)
    until(lambda: any(member.share > 0 for member in group.members()))
    group.stop()
    progress = group.wait(20)
    assert progress.counts == {"stopped": 4} and 0 < progress.share < 1
    until(lambda: not queued(cache))


# The two halves of the page, each drawn alone.


def form() -> None:
    from igbviz.config import RunConfig
    from igbviz.runs.queue import cache_folder
    from igbviz.ui.views import sweep_form
    from tests.support.tiny import TINY

    sweep_form.draw(RunConfig(**TINY), cache_folder())


def group_page() -> None:
    import streamlit as st

    from igbviz.runs.queue import cache_folder
    from igbviz.ui.views import sweep as sweep_view

    sweep_view.view(st.query_params["sweep"], cache_folder())


def drawn(script, cache: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setenv("IGBVIZ_CACHE", str(cache))
    test = AppTest.from_function(script, default_timeout=30)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(element.value for element in test.caption)


def test_the_form_starts_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = drawn(form, tmp_path, monkeypatch)
    assert test.button(key="sweep-start").label == "Start 3 runs" and "3 runs, 0 already finished" in said(test)
    test.multiselect(key="sweep-loss").select("gce").select("cross-entropy")
    test.text_input(key="sweep-rates").set_value("0.01, 0.1")
    test.selectbox(key="sweep-path").select("model.depth").run()
    test.text_input(key="sweep-values-model.depth").set_value("1, 2, 3")
    test.number_input(key="sweep-seeds").set_value(1).run()
    assert not test.exception and test.button(key="sweep-start").label == "Start 12 runs"
    test.button(key="sweep-start").click().run()
    assert not test.exception
    (group,) = list_groups(tmp_path)
    assert len(queued(tmp_path)) == 12 and group.id in test.query_params["sweep"]
    expected = {"loss": ["gce", "cross-entropy"], "optimizer.learning_rate": [0.01, 0.1], "model.depth": [1, 2, 3]}
    assert group.sweep.configs() == Sweep(base=TINY, axes=expected).configs()


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ("fast", "axes.optimizer.learning_rate is 'fast', allowed: a number above 0 and at most 100."),
        ("0.1, -1", "axes.optimizer.learning_rate is -1, allowed: a number above 0 and at most 100."),
        ("1, 2, 101", "axes.optimizer.learning_rate is 101, allowed: a number above 0 and at most 100."),
        (", ".join(f"{n / 10}" for n in range(1, 201)), "axes ask for 600 runs, allowed: at most 500."),
    ],
)
def test_a_wrong_rate_is_a_sentence_and_no_button(
    rates: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = drawn(form, tmp_path, monkeypatch)
    test.text_input(key="sweep-rates").set_value(rates).run()
    assert not test.exception and [error.value for error in test.error] == [sentence]
    assert "sweep-start" not in {button.key for button in test.button}


def test_the_page_of_a_group(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(sweep.configs()[0], tmp_path)
    group = submit_sweep(sweep, tmp_path)
    group.runs[3].delete()
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    table = test.dataframe[0].value
    assert (
        list(table["state"]) == ["done", "queued", "queued", "missing"]
        and list(table["loss"]) == ["cross-entropy"] * 2 + ["gce (q 0.7)"] * 2
    )
    assert (
        table["run"][0] == f"Train?run={sweep.configs()[0].id}"
        and 0 <= table["accuracy"][0] <= 1
        and table["run"].isna()[3]
    )
    assert "1 of its runs were deleted" in said(test)
    test.button(key="sweep-stop").click().run()
    assert not test.exception and group.progress().counts == {"done": 1, "stopped": 2, "missing": 1}
    assert "sweep-stop" not in {button.key for button in test.button}
    test.button(key="sweep-resume").click().run()
    assert not test.exception and group.progress().counts == {"queued": 2, "done": 1, "missing": 1}


def test_a_group_with_torn_files_and_one_that_shares(
    sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, other = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [0]}), tmp_path)
    finished(sweep.configs()[1], tmp_path)
    (tmp_path / "runs" / sweep.configs()[1].id / "schema.json").write_text("{")
    (tmp_path / "runs" / sweep.configs()[2].id / "status.json").write_text("{")
    test = drawn(group_page, tmp_path, monkeypatch, sweep=group.id)
    assert list(test.dataframe[0].value["state"]) == ["queued", "done", "unreadable", "queued"]
    assert test.dataframe[0].value["accuracy"].isna().all()
    assert other.id in said(test) and "one and the same" in said(test)


def test_a_link_to_no_group_is_friendly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nowhere", "../../etc", "<script>"):
        assert "leads nowhere" in drawn(group_page, tmp_path, monkeypatch, sweep=name).warning[0].value
