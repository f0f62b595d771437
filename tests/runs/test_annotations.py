"""Annotations of a run: stored, bounded, shown as text, and without effect on the run."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, queue
from igbviz.runs.annotations import Annotations
from igbviz.runs.files import write_text
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import is_shipped
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError
from igbviz.ui import messages


@pytest.fixture
def run(tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    return submit(tiny, tmp_path)


def test_without_a_file_there_are_none(run: Run) -> None:
    assert annotations.read(run) == Annotations() == Annotations(name="", tags=(), note="", archived=False)


def test_they_are_stored_and_leave_the_run_unchanged(run: Run) -> None:
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    annotations.change(run, name="The stuck one", tags=["lesson 1"], note="Look at class 3.\nAnd at 8.", archived=True)
    assert annotations.read(Run(run.path)) == Annotations(
        name="The stuck one", tags=("lesson 1",), note="Look at class 3.\nAnd at 8.", archived=True
    )
    assert {file.name: file.read_bytes() for file in run.path.iterdir() if file.name != annotations.FILE} == before
    assert run.config.id == run.id


def test_changing_one_thing_keeps_the_others(run: Run) -> None:
    annotations.change(run, name="a", tags=["x", "y"], note="n")
    annotations.change(run, archived=True)
    assert annotations.change(run, add=["z", "x"], drop=["y"]) == Annotations(
        name="a", tags=("x", "z"), note="n", archived=True
    )


def test_submitting_a_labelled_run_again_keeps_them(run: Run, tiny: RunConfig) -> None:
    annotations.change(run, name="mine")
    run.write_status(Status(state="failed"))
    assert annotations.read(submit(tiny, run.cache)).name == "mine"


@pytest.mark.parametrize(
    "text", ['{"name": "a', "[]", '"a"', '{"name": 3}', '{"tags": "a"}', '{"name": null}', "[" * 100_000, "\udcff", ""]
)
def test_a_damaged_or_foreign_file_is_read_as_empty(run: Run, text: str) -> None:
    (run.path / annotations.FILE).write_bytes(text.encode(errors="surrogateescape"))
    assert annotations.read(run) == Annotations()
    assert annotations.change(run, name="new") == annotations.read(run) == Annotations(name="new")


def test_a_field_of_a_later_version_is_ignored(run: Run) -> None:
    write_text(run.path / annotations.FILE, json.dumps({"name": "a", "colour": "red"}))
    assert annotations.read(run).name == "a"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "n" * 101}, "name has 101 characters, allowed: at most 100"),
        ({"note": "n" * 5001}, "note has 5001 characters, allowed: at most 5000"),
        ({"tags": ["t" * 41]}, "tags contain 't+', which has 41 characters, allowed: at most 40"),
        ({"tags": [str(n) for n in range(21)]}, "tags are 21, allowed: at most 20 per run"),
        ({"tags": "abc"}, "tags are 'abc', allowed: a list of words"),
        ({"tags": [3]}, "allowed: a list of words"),
        ({"name": 3}, "name is 3, allowed: text"),
    ],
)
def test_a_text_that_is_too_long_is_one_sentence_and_changes_nothing(run: Run, fields: dict, message: str) -> None:
    annotations.change(run, name="before")
    with pytest.raises(ConfigError, match=message):
        annotations.change(run, **fields)
    assert annotations.read(run) == Annotations(name="before")


def test_names_and_tags_are_one_line_each_and_tags_distinct() -> None:
    annotated = Annotations(
        name="  a\n\tb\x00\u2028c ", tags=["x", " x ", "", "\n", "y\nz"], note=" first\n\x07second\n"
    )
    assert annotated == Annotations(name="a b c", tags=("x", "y z"), note="first\nsecond")


@pytest.mark.parametrize(
    "name", ["👩‍🔬 naïve Ω", "<script>alert(1)</script>", "[x](http://evil)", "../../etc", "a'b\"c", "שלום"]
)
def test_odd_characters_come_back_as_they_were(run: Run, name: str) -> None:
    annotations.change(run, name=name, tags=[name], note=name)
    assert annotations.read(run) == Annotations(name=name, tags=(name,), note=name)


def test_a_lone_surrogate_is_dropped(run: Run) -> None:
    assert annotations.change(run, name="a\ud800b").name == "ab"


def test_a_shipped_run_stays_as_it_is(run: Run) -> None:
    (run.cache / "gallery").mkdir()
    shipped = Run(run.path.rename(run.cache / "gallery" / run.id))
    with pytest.raises(RunError, match="ships with the program"):
        annotations.change(shipped, name="mine")
    assert is_shipped(shipped) and not (shipped.path / annotations.FILE).exists()


def test_a_deleted_run_is_not_brought_back_by_a_label(run: Run) -> None:
    run.delete()
    with pytest.raises(RunError, match="no longer exists"):
        annotations.change(run, name="ghost")
    assert not run.path.exists()


def test_plain_escapes_all_markdown() -> None:
    text = "[x](http://evil) ![](pixel) <b> *b* _c_ `d` # t 1. one $x$ :red[x] ~s~ a|b \\ naïve"
    plain = messages.plain(text).replace(JOINER, "")
    assert re.sub(r"\\(.)", r"\1", plain) == text
    assert not set(re.sub(r"\\.", "", plain)) & set(string.punctuation), (
        "every character with a meaning in Markdown is escaped"
    )
    assert messages.plain("a\n\n# b") == r"a \# b"


JOINER = "\u2060"  # invisible; keeps an address, an icon's name or an arrow from being read as one

TYPED = [
    "-p**g*log(p)**2",
    "__import__('os')",
    "$a$ $b$",
    ":red[x] :material/home:",
    "[a](http://b.c)",
    "`c`",
    "<b>",
    "~~d~~",
    "https://e.f",
    "www.g.h",
    "i@j.kl",
    "&amp;",
    r"\alpha",
    "_m_",
]


@pytest.mark.parametrize("typed", TYPED)
def test_a_sentence_quotes_typed_text(typed: str) -> None:
    sentence = messages.quoting(f"optimizer.learning_rate is {typed}, allowed: a number from 1e-05 to 100")
    assert sentence.startswith("optimizer.learning_rate is ") and sentence.endswith(
        ", allowed: a number from 1e-05 to 100"
    )
    assert (
        re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", sentence).replace(JOINER, "")
        == f"optimizer.learning_rate is {typed}, allowed: a number from 1e-05 to 100"
    )
    bare = re.sub(r"\\.", "", sentence.removeprefix("optimizer.learning_rate"))
    assert not set(bare) & set("*`$<&~[]@_") and "://" not in bare and "www." not in bare
