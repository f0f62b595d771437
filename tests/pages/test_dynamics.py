"""The page from bias to training, headless: from a link or a point, in its three views, growing, without runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.runs.status import Status
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, list_groups, submit_sweep
from igbviz.studies import dynamics
from igbviz.ui.runs import st
from tests.support import ROOT
from tests.support.pages import address, as_read, charts, page, said
from tests.support.stored_runs import finished

PAGE = ROOT / "pages" / "Dynamics.py"
SMALL = RunConfig(
    dataset={"name": "gaussian-noise", "size": 8, "train_examples": 120, "test_examples": 60, "classes": 3},
    model={"name": "mlp", "depth": 1, "width": 8, "activation": "tanh"},
    initialization={"name": "gaussian", "sigma_w2": 1.5, "sigma_b2": 0.5},
    batch_size=10,
)


@pytest.fixture
def small() -> RunConfig:
    return dynamics.with_steps(SMALL, 4)


def made(sweep: Sweep, cache: Path, runs: int | None = None) -> Group:
    """A group of which the first runs are finished, in this process; the others are queued."""
    group = submit_sweep(sweep, cache)
    for config in sweep.configs()[:runs]:
        finished(config, cache)
    return group


def test_the_point_in_the_address_is_what_the_button_starts(own_cache: Path) -> None:
    test = page(PAGE, activation="relu", sigma_w2="2", sigma_b2="0", depth="3")
    button = test.button(key="bias-start-starts")
    assert button.label.startswith("Start 20 runs · ") and "20 runs, 0 already finished" in button.help
    test.button(key="bias-start-starts").click().run()
    (group,) = list_groups(own_cache)
    assert not test.exception and address(test)["sweep"] == group.id and address(test)["view"] == "starts"
    configs = group.sweep.configs()
    assert [config.seed for config in configs] == list(range(20))
    assert {
        (c.model.activation, c.model.depth, c.initialization.sigma_w2, c.initialization.sigma_b2) for c in configs
    } == {("relu", 3, 2, 0)}
    assert "being prepared" in said(test) and "20 queued" in said(test)


def test_neutral_and_prejudiced_starts(small: RunConfig, own_cache: Path) -> None:
    group = made(dynamics.over_seeds(small, 8), own_cache)
    test = page(PAGE, sweep=group.id)
    time, dots = charts(test)
    assert time.startswith("Balanced accuracy, mean of each group over log time: ") and "all (n = 8)" in time
    assert dots == "Balanced accuracy after 4 steps against the largest guess fraction at Init., one dot per seed"
    assert "neutral minus prejudiced is " in said(test) or "None of the 8 networks began" in said(test)
    assert f"less than **{dynamics.cut(3):.2f}** of the guesses" in said(test)
    assert test.number_input(key=f"bias-{group.sweep.base.id}-depth").value == 1, "the form begins with what is shown"


def test_the_picture_grows_with_the_runs(small: RunConfig, own_cache: Path) -> None:
    sweep = dynamics.over_seeds(small, 6)
    group = made(sweep, own_cache, runs=2)
    test = page(PAGE, sweep=group.id)
    assert "all (n = 2)" in next(iter(charts(test))) and "4 queued" in said(test)
    for config in sweep.configs()[2:]:
        finished(config, own_cache)
    st.cache_resource.clear()
    test.run()
    assert "all (n = 6)" in next(iter(charts(test))) and "queued" not in said(test)


def test_the_address_holds_the_view(small: RunConfig, own_cache: Path) -> None:
    group = made(dynamics.over_seeds(small, 3), own_cache)
    test = page(PAGE, sweep=group.id)
    test.segmented_control(key="bias-quantity-False").set_value("guess_entropy").run()
    test.select_slider(key="bias-at-4").set_value(2).run()
    assert not test.exception
    assert address(test) == {"sweep": group.id, "view": "starts", "quantity": "guess_entropy", "at": "2"}
    assert charts(test).keys() == charts(page(PAGE, **address(test))).keys()
    assert "Evenness of guesses after 2 steps" in list(charts(test))[1]


@pytest.mark.parametrize("query", [{"view": "x"}, {"quantity": "luck"}, {"at": "-3"}, {"at": "1e9"}])
def test_invalid_values_in_a_link_give_the_default(query: dict[str, str], small: RunConfig, own_cache: Path) -> None:
    group = made(dynamics.over_seeds(small, 2), own_cache)
    assert "Balanced accuracy after 4 steps" in list(charts(page(PAGE, sweep=group.id, **query)))[1]


def test_the_map_of_the_plane(small: RunConfig, own_cache: Path) -> None:
    sweep = dynamics.over_plane(small, 3, 2, largest_w=3.0, largest_b=0.2)
    group = made(sweep, own_cache, runs=5)
    broken = group.members()[4].run
    broken.write_status(Status(state="diverged", step=1, steps=4, snapshots=2))
    test = page(PAGE, sweep=group.id)
    (words,) = charts(test)
    assert words == "Training loss after 4 steps over the phase diagram of tanh: 4 of 6 points trained, 1 diverged"
    assert "5 of 6 points are trained for 4 steps; 1 of them diverged" in said(test)
    key = f"bias-{sweep.base.id}"
    assert [test.number_input(key=f"{key}-{name}").value for name in ("across", "up", "largest-w", "largest-b")] == [
        3,
        2,
        3.0,
        0.2,
    ]
    test.number_input(key=f"{key}-across").set_value(30).run()
    test.number_input(key=f"{key}-up").set_value(30).run()
    assert "900 runs, allowed: at most 500" in as_read(test.error[0]) and "bias-start-plane" not in {
        button.key for button in test.button
    }


def test_the_majority_and_the_favoured_class(small: RunConfig, own_cache: Path) -> None:
    group = made(dynamics.over_majorities(small, 4, 3), own_cache)
    test = page(PAGE, sweep=group.id)
    words, _ = charts(test)  # the second is the map
    assert all(
        f"{who} (n = 3)" in words
        for who in ("equal classes", "favoured class in the majority", "least favoured in the majority")
    )
    assert "accuracy after 4 steps: equal classes " in said(
        test
    ) and "Seed by seed, favoured minus least favoured is " in said(test)
    assert test.number_input(key=f"bias-{group.sweep.base.id}-ratio").value == 4
    assert test.number_input(key=f"bias-{group.sweep.base.id}-steps").value == 4


def test_another_view_of_the_same_setting_finds_its_sweep(small: RunConfig, own_cache: Path) -> None:
    many = made(dynamics.over_seeds(small, 2), own_cache)
    grid = made(dynamics.over_plane(small, largest_b=0.625), own_cache, runs=3)  # a quarter beyond the point
    test = page(PAGE, sweep=many.id)
    test.segmented_control(key="bias-view").set_value("majority").run()
    assert not test.exception and "not the setting chosen above" in said(test), "the shipped example stands in"
    test.segmented_control(key="bias-view").set_value("plane").run()
    assert address(test)["sweep"] == grid.id and "3 of 60 points trained" in next(iter(charts(test)))


def test_a_missing_sweep_is_one_friendly_sentence(tiny: RunConfig, own_cache: Path) -> None:
    for name in ("nowhere", "../../etc/passwd", "<script>"):
        assert "leads nowhere" in page(PAGE, sweep=name).warning[0].value
    assert "view is 'luck', allowed: one of plane, " in page(PAGE, view="luck").warning[0].value.replace("\\", "")
    other = submit_sweep(Sweep(base=tiny, axes={"optimizer.learning_rate": [0.1, 0.2]}), own_cache)
    assert "does not answer a question of this page" in page(PAGE, sweep=other.id).warning[0].value
    torn = made(dynamics.over_seeds(tiny, 2), own_cache)
    (torn.path / "sweep.json").write_text("{")
    assert "leads nowhere" in page(PAGE, sweep=torn.id).warning[0].value


@pytest.mark.parametrize(
    ("query", "words"),
    [({"depth": "many"}, "depth"), ({"sigma_w2": "-1"}, "sigma_w2"), ({"activation": "x"}, "activation")],
)
def test_a_wrong_point_is_one_sentence_and_the_default(query: dict[str, str], words: str, own_cache: Path) -> None:
    test = page(PAGE, **query)
    (error,) = test.error
    assert words in as_read(error) and "allowed" in error.value
    assert "bias-start-starts" in {button.key for button in test.button}


def test_deleted_runs_are_left_out(small: RunConfig, own_cache: Path) -> None:
    group = made(dynamics.over_seeds(small, 4), own_cache)
    group.runs[0].delete()
    assert "all (n = 3)" in next(iter(charts(page(PAGE, sweep=group.id))))


def test_the_phase_diagram_leads_here(own_cache: Path) -> None:
    for view in ("starts", "plane"):
        test = page(ROOT / "pages" / "Phases.py")
        test.number_input(key="phase-w").set_value(2.5).run()
        test.button(key=f"phase-{view}").click().run()
        assert not test.exception and test.title[0].value == "From bias to training"
        assert address(test) | {
            "view": view,
            "sigma_w2": "2.5",
            "sigma_b2": "0.05",
            "depth": "19",
            "activation": "tanh",
        } == address(test)
        assert f"bias-start-{view}" in {button.key for button in test.button}


def test_a_link_from_the_edge_of_the_phase_diagram_opens(own_cache: Path) -> None:
    """The map reaches a quarter beyond the point, which at the edge exceeds the limits of its own fields."""
    test = page(PAGE, view="plane", activation="tanh", depth="10", sigma_w2="25.0", sigma_b2="5.0", at="9" * 5000)
    assert [field.value for field in test.number_input if "up to" in field.label] == [25.0, 5.0]


@pytest.mark.parametrize(("view", "begins"), [
    ("", "Training loss after 100 steps over the phase diagram of tanh: 60 of 60 points trained"),
    ("plane", "Training loss after 100 steps over the phase diagram of tanh: 60 of 60 points trained"),
    ("starts", "Balanced accuracy, mean of each group over log time"),
    ("majority", "Balanced accuracy, mean of each group over log time: equal classes (n = 8)"),
])  # fmt: skip
def test_a_picture_is_there_before_any_run(view: str, begins: str, own_cache: Path) -> None:
    test = page(PAGE, **({"view": view} if view else {}))
    assert next(iter(charts(test))).startswith(begins)
    assert "A finished example that ships with igbviz: " in said(test) and "form" not in address(test)
    assert not test.sidebar.number_input, "the side bar has only the menu"


@pytest.mark.parametrize("view", ["plane", "starts", "majority"])
def test_the_link_restores_the_form(view: str, own_cache: Path) -> None:
    test = page(PAGE, view=view, depth="3")
    for label, value in (("Learning rate", 0.5), ("Width", 7), ("Seeds", 5), ("Points of σ²w", 4)):
        for box in [box for box in test.number_input if box.label == label]:
            box.set_value(value).run()
    test.selectbox(key=next(box.key for box in test.selectbox if box.label == "Loss")).set_value("mae").run()
    assert "not the setting chosen above" in said(test)
    again = page(PAGE, **address(test))

    def form(shown: AppTest) -> list:
        return [(box.label, box.value) for box in [*shown.number_input, *shown.selectbox]]

    assert form(again) == form(test) and ("Width", 7) in form(test) and ("Loss", "mae") in form(test)
    assert not again.exception and not again.warning
    again.button(key=f"bias-start-{view}").click().run()
    (group,) = list_groups(own_cache)
    assert address(again) | {"sweep": group.id} == address(again) and "form" not in address(again)
    assert group.sweep.base.loss.name == "mae" and group.sweep.base.model.depth == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"axes":{"batch_size":[8,16]}}', '{"base":{"loss":"luck"}}', "[" * 5000])
def test_a_broken_form_in_a_link_is_one_sentence(text: str, own_cache: Path) -> None:
    test = page(PAGE, form=text)
    assert "form cannot be read" in as_read(test.warning[0]) and charts(test)
