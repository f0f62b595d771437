"""The members of a comparison that pages share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.studies import robustness
from igbviz.studies.comparison import Member
from igbviz.ui import members
from igbviz.ui.members import Stamp, member_of, members_of, stamps_of, without_probe
from tests.support.stored_runs import BASE, STEPS, stored, story


@pytest.fixture(autouse=True)
def nothing_cached():
    members._member.clear()
    yield
    members._member.clear()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs read, once per read."""
    names, read = [], Member.read.__func__

    def counted(cls, run: Run) -> Member | None:
        names.append(run.id)
        return read(cls, run)

    monkeypatch.setattr(Member, "read", classmethod(counted))
    return names


def test_thirty_viewers_read_each_state_of_a_run_once(tmp_path: Path, reads: list[str]) -> None:
    runs = [stored(BASE.with_(seed=seed), tmp_path, story(seed)) for seed in range(2)]
    stamps, problems = stamps_of(runs)
    with ThreadPoolExecutor(30) as viewers:
        several = list(viewers.map(lambda _: members_of(stamps, Member.read)[0], range(30)))
    assert sorted(reads) == sorted(run.id for run in runs) and not problems
    assert all(one is other for shown in several for one, other in zip(shown, several[0], strict=True))
    records = story(0, steps=BASE.probes.steps(400, 100)).records
    (runs[0].path / "trajectory.bin").write_bytes(records.tobytes())
    members_of(stamps_of(runs)[0], Member.read)
    assert len(reads) == 3, "only the run that went on is read again"


def test_a_study_that_reads_more_of_a_run_does_not_change_what_others_see(tmp_path: Path) -> None:
    run = stored(BASE.with_(imbalance={"ratio": 10, "majority": "favoured"}), tmp_path, story())
    stamp = Stamp.of(run)
    assert "majority_accuracy" in member_of(stamp, robustness.read).measures
    assert "majority_accuracy" not in member_of(stamp).measures


def test_messages_about_runs_that_cannot_be_compared(tmp_path: Path) -> None:
    fine = stored(BASE, tmp_path, story())
    torn, unsaid = (stored(BASE.with_(seed=seed), tmp_path, story()) for seed in (1, 2))
    (torn.path / "schema.json").write_text("{")
    (unsaid.path / "status.json").write_text("{")
    waiting = submit(BASE.with_(seed=3), tmp_path)
    empty = stored(BASE.with_(seed=4), tmp_path, story(steps=STEPS[:0]), "failed")
    stamps, problems = stamps_of([fine, torn, unsaid, waiting, empty])
    assert len(stamps) == 4 and len(problems) == 1 and unsaid.id in problems[0]
    shown, unprobed, problems = members_of(stamps)
    assert [member.run for member in shown] == [fine.id]
    assert len(problems) == 1 and torn.id in problems[0]
    assert [stamp.run for stamp in unprobed] == [waiting, empty] and [stamp.is_active for stamp in unprobed] == [
        True,
        False,
    ]
    assert without_probe(unprobed) == [
        f"run {empty.id} has nothing to compare: it is failed and has no probe",
        f"shown as soon as they have a probe: {waiting.id}",
    ]
