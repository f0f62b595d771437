"""The finished examples on the page from bias to training: as today's forms describe them, and as runs give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from igbviz.runs.sweeps import submit_sweep
from igbviz.studies import dynamics, dynamics_examples
from igbviz.studies.comparison import Member
from igbviz.studies.dynamics_examples import DATA, QUANTITIES
from tests.support.stored_runs import finished


def test_every_question_has_the_example_that_its_form_describes() -> None:
    examples, sweeps = dynamics_examples.read(), dynamics_examples.sweeps()
    assert examples.keys() == sweeps.keys() == dynamics.KINDS.keys() and DATA.stat().st_size < 200_000
    for name, example in examples.items():
        assert example.sweep.id == sweeps[name].id and dynamics.kind(example.sweep) == name
        assert [member.run for member in example.members] == [config.id for config in example.sweep.configs()]
        assert all(member.state == "done" for member in example.members)
        steps = dynamics.probed_steps(example.sweep.configs()[-1])
        assert example.members[-1].step.tolist() == [0, *steps]
        assert example.provenance["seconds"] > 1 and "/" not in example.provenance["data"]


def test_what_is_kept_of_a_run_is_what_the_run_says(tmp_path: Path) -> None:
    sweep = dynamics.over_seeds(dynamics.with_steps(dynamics.BASE, 5), 2)
    group = submit_sweep(sweep, tmp_path)
    for config in sweep.configs():
        finished(config, tmp_path)
    dynamics_examples.write({"starts": group}, tmp_path / "kept.json")
    (example,) = dynamics_examples.read(tmp_path / "kept.json").values()
    assert example.sweep == sweep
    for kept, run in zip(example.members, group.runs, strict=True):
        member = Member.read(run)
        assert (kept.config, kept.outcome, kept.favoured, kept.state) == (
            member.config, member.outcome, member.favoured, member.state,
        )  # fmt: skip
        np.testing.assert_array_equal(kept.step, member.step)
        for name in QUANTITIES:
            np.testing.assert_allclose(kept.measures[name], member.measures[name], rtol=1e-4)
