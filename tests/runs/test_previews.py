"""Previews of untrained networks: what is asked, who answers, and that neither a training nor the cache suffers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.runs import previews
from igbviz.runs.previews import answering, files
from igbviz.runs.previews.answering import Answerer
from igbviz.runs.session import work_on
from igbviz.runs.submit import submit
from igbviz.training.loop import train
from tests.support.trajectories import same

CPU, VIEWER = torch.device("cpu"), "0123abcd"


@pytest.fixture
def answerer(cache: Path) -> Answerer:
    return Answerer(cache, CPU)


def test_only_what_init_depends_on_makes_another_preview(tiny: RunConfig) -> None:
    same_init = [{"loss": {"name": "mae"}}, {"epochs": 9}, {"stacked": True}, {"probes": {"size": 60, "count": 5}}]
    others = [{"seed": 1}, {"model": {"name": "mlp", "depth": 3}}, {"probes": {"size": 30}}, {"rounding_noise": 1}]
    key, *keys = [previews.key_of(RunConfig(**tiny.model_dump() | changes)) for changes in ({}, *same_init, *others)]
    assert keys[:4] == [key] * 4
    assert len({key, *keys[4:]}) == 5


def test_a_form_that_names_the_folder_of_a_run_describes_its_network(tiny: RunConfig) -> None:
    def of(**changes) -> RunConfig:
        return tiny.with_(dataset={"name": "image-folder", "folder": "/mine"} | changes)

    run = of(fingerprint="0123456789abcdef")
    assert previews.begin_alike(run, of()) and previews.begin_alike(run, run)
    assert not previews.begin_alike(run, of(folder="/other"))
    assert not previews.begin_alike(run, of(fingerprint="fedcba9876543210"))


def test_a_question_is_answered_once_for_all_viewers(
    tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    drawn = []
    monkeypatch.setattr(answering, "look", lambda *args, look=answering.look: drawn.append(1) or look(*args))
    keys = {previews.ask(cache, f"{viewer:08x}", tiny) for viewer in range(30)}
    assert len(keys) == 1 and len(files.asks(cache)) == 30
    while answerer.idle():
        pass
    (key,) = keys
    answer, first = previews.answer_of(cache, key), next(train(tiny, "cpu"))
    assert answer.guesses == first["confusion"].sum(0).tolist() and answer.class_names == ["0", "1", "2"]
    assert not files.asks(cache) and drawn == [1]
    previews.ask(cache, VIEWER, tiny)
    assert not files.asks(cache), "what is known is not asked again"


def test_a_newer_choice_replaces_the_older(tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch) -> None:
    newer = tiny.with_(seed=1)

    def changing_mind(*args, look=answering.look):
        looking = look(*args)
        next(looking)
        if args[0].seed == 0:
            previews.ask(cache, VIEWER, newer)
        yield
        return (yield from looking)

    monkeypatch.setattr(answering, "look", changing_mind)
    key = previews.ask(cache, VIEWER, tiny)
    assert answerer.idle() and previews.answer_of(cache, key) is None
    assert answerer.idle() and previews.answer_of(cache, previews.key_of(newer))


def test_a_reminder_does_not_end_the_look_that_it_waits_for(
    tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    def reminded(*args, look=answering.look):
        looking = look(*args)
        next(looking)
        previews.ask_again(cache, VIEWER, tiny)
        yield
        return (yield from looking)

    monkeypatch.setattr(answering, "look", reminded)
    key = previews.ask(cache, VIEWER, tiny)
    assert answerer.idle() and previews.answer_of(cache, key)
    assert answerer.idle() and not files.asks(cache)


def test_a_choice_that_is_put_back_does_not_replace_a_newer_one(tiny: RunConfig, cache: Path, monkeypatch) -> None:
    seen, newer, newest = (files.essence(tiny.with_(seed=seed)) for seed in (1, 2, 3))
    previews.ask(cache, VIEWER, newer)  # meanwhile a worker has seen the one before
    ((_, path),) = files.asks(cache)

    def read(taken: Path, read=files.read_ask) -> RunConfig | None:
        previews.ask(cache, VIEWER, newest)
        return read(taken)

    with monkeypatch.context() as patch:
        patch.setattr(files, "read_ask", read)
        assert not files.take(path, seen)
    assert files.read_ask(path) == newest and len(list(path.parent.iterdir())) == 1


def test_a_long_look_gives_way_to_a_run_and_is_not_forgotten(tiny: RunConfig, cache: Path, answerer: Answerer) -> None:
    key = previews.ask(cache, VIEWER, tiny)
    queues = iter([["trained by another"], ["trained by another", "new"]])
    answerer.queued = lambda: next(queues)
    assert answerer.idle() and previews.answer_of(cache, key) is None and len(files.asks(cache)) == 1
    answerer.queued = lambda: ["trained by another"]  # which does not keep a helper from answering
    assert answerer.idle() and previews.answer_of(cache, key)


def test_previews_do_not_change_a_bit_of_a_training(
    slow_tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    config = slow_tiny.with_(epochs=2)
    run, asked = submit(config, cache), []
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(answering, "OTHERS_FIRST", -1.0)

    def meanwhile() -> None:
        answerer.credit = 1.0
        asked.append(previews.ask(cache, VIEWER, config.with_(seed=len(asked) + 1)))
        answerer.between_steps()

    list(work_on(run, CPU, meanwhile=meanwhile))
    assert run.status.state == "done"
    assert same(run.trajectory().records, np.array(list(train(config, "cpu"))))
    assert len(asked) > 30 and all(previews.answer_of(cache, key) for key in asked)


def test_a_training_gives_previews_a_bounded_time(
    tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    clock, answered = [time.monotonic()], []
    for name in ("monotonic", "thread_time"):
        monkeypatch.setattr(answering.time, name, lambda: clock[0])

    def attend(path: Path, only_small: bool) -> bool:
        assert only_small
        clock[0] += 0.05
        answered.append(path)
        return True

    monkeypatch.setattr(answerer, "_attend", attend)
    monkeypatch.setattr(answering, "OTHERS_FIRST", -1.0)
    previews.ask(cache, VIEWER, tiny)
    began = clock[0]
    while clock[0] - began < 100:
        clock[0] += 0.01
        answerer.between_steps()
    assert 0.05 * len(answered) <= answering.AT_ONCE + answering.SHARE * 100 + 0.05
    assert len(answered) > 30


def test_after_an_expensive_preview_the_next_viewer_does_not_wait_for_minutes(
    tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    clock, answered = [time.monotonic()], []
    for name in ("monotonic", "thread_time"):
        monkeypatch.setattr(answering.time, name, lambda: clock[0])

    def attend(path: Path, only_small: bool) -> bool:
        answered.append(clock[0])
        clock[0] += 5.0  # on a slow machine, or the first in this process
        return True

    monkeypatch.setattr(answerer, "_attend", attend)
    monkeypatch.setattr(answering, "OTHERS_FIRST", -1.0)
    previews.ask(cache, VIEWER, tiny)
    while len(answered) < 4:
        clock[0] += 0.01
        answerer.between_steps()
    waits = np.diff(answered) - 5.0
    assert (0 < waits).all() and (waits < 1.1).all()


def test_a_training_leaves_a_large_network_to_an_idle_worker(
    tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch
) -> None:
    monkeypatch.setattr(answering, "OTHERS_FIRST", -1.0)
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.0)
    large = tiny.with_(model={"name": "mlp", "depth": 8, "width": 2000})
    assert previews.is_small(tiny) and not previews.is_small(large)
    key = previews.ask(cache, VIEWER, large)
    answerer.between_steps()
    assert previews.answer_of(cache, key) is None and len(files.asks(cache)) == 1
    assert answerer.idle() and previews.answer_of(cache, key)


def test_hostile_files_harm_nobody(tiny: RunConfig, cache: Path, answerer: Answerer, tmp_path: Path) -> None:
    folder, outside = cache / "previews", tmp_path / "outside"
    folder.mkdir()
    outside.write_text(tiny.model_dump_json())
    (folder / "00000001.ask").write_bytes(b"\0" * 100)
    (folder / "00000002.ask").write_text("[" * 10_000_000)
    (folder / "00000003.ask").write_text('{"model": {"name": "mlp", "depth": 1e99}}')
    os.mkfifo(folder / "00000004.ask")
    (folder / "00000005.ask").symlink_to(outside)
    (folder / "00000006.ask").mkdir()
    (folder / "../0007.ask").touch()
    key = previews.key_of(tiny)
    (folder / f"{key}.json").write_text('{"guesses": "many"}')
    previews.ask(cache, VIEWER, tiny)
    for _ in range(8):
        answerer.idle()
    assert previews.answer_of(cache, key).guesses
    assert [path.name for _, path in files.asks(cache)] == ["00000006.ask"]
    assert outside.exists() and previews.answer_of(cache, "../../etc") is None


def test_what_is_old_is_swept_and_nothing_else(tiny: RunConfig, cache: Path, tmp_path: Path) -> None:
    previews.ask(cache, VIEWER, tiny)
    folder = cache / "previews"
    for name in ("0123456789.json", ".0123abcd.ask.1-2", "notes.txt", "fresh.json"):
        (folder / name).touch()
        os.utime(folder / name, (1, 1))
    (folder / "abcdef0123.json").touch()
    files.sweep(cache)
    assert sorted(path.name for path in folder.iterdir()) == [
        "0123abcd.ask",
        "abcdef0123.json",
        "fresh.json",
        "notes.txt",
    ]
    other = tmp_path / "other"
    folder.rename(other)
    os.utime(other / "abcdef0123.json", (1, 1))
    folder.symlink_to(other)
    files.sweep(cache)
    assert (other / "abcdef0123.json").exists(), "a link to another folder is not followed"


def test_errors_are_answered_in_one_sentence(tiny: RunConfig, cache: Path, answerer: Answerer, monkeypatch) -> None:
    monkeypatch.setenv("IGBVIZ_DATA", str(cache / "data"))
    absent = tiny.with_(dataset={"name": "image-folder", "folder": str(cache / "no")})
    key = previews.ask(cache, VIEWER, absent)
    answerer.idle()
    assert "no" in previews.answer_of(cache, key).problem
    start, deep = {"name": "gaussian", "sigma_w2": 1000}, {"name": "mlp", "depth": 60, "width": 16}
    infinite = tiny.with_(initialization=start, model=deep)
    key = previews.ask(cache, VIEWER, infinite)
    answerer.idle()
    assert "infinite" in previews.answer_of(cache, key).problem
    (cache / "previews").rename(cache / "elsewhere")
    (cache / "previews").touch()
    with pytest.raises(OSError):
        previews.ask(cache, VIEWER, tiny.with_(seed=4))
