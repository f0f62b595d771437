"""The paper's page, headless: its figures, claims and choices, from links, with runs of every kind and with none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from igbviz.charts import paper
from igbviz.datasets import CIFAR10
from igbviz.runs.run import Run
from igbviz.runs.sweeps import Group, list_groups
from igbviz.studies import comparison
from igbviz.studies.paper import choices, experiment
from igbviz.studies.paper.claims import CLAIMS
from igbviz.studies.paper.experiment import LOSSES, SETS
from igbviz.ui.messages import plain
from igbviz.ui.runs import forget_rows
from igbviz.ui.views import paper as paper_view
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.paper_runs import FOLDER, favouring, rising, shipped, short
from tests.support.stored_runs import stored

PAGE = ROOT / "pages/Paper.py"


def family(cache: Path, seeds: int = 2, which: str = "quick", last: int = 20, **changes) -> list[Run]:
    """All losses of a set; piecewise-zero keeps its favoured class, with the others all classes rise."""
    return [
        stored(
            SETS[which].config(loss).with_(seed=seed, **changes),
            cache,
            favouring(last) if loss == "piecewise-zero" else rising(last),
            names=list(CIFAR10),
        )
        for loss in LOSSES
        for seed in range(seeds)
    ]


def look(**query: str) -> AppTest:
    forget_rows()
    return page(PAGE, **query)


def charts(test: AppTest) -> list[dict]:
    """The figures sent to the page, from top to bottom, with their descriptions."""
    sent = [
        json.loads(json.loads(part.proto.json)["figure"])
        for part in test.get("bidi_component")
        if "figure" in part.proto.json
    ]
    for figure in sent:
        words = figure["layout"]["meta"]["words"]
        figure["words"] = words if isinstance(words, str) else figure["shared"][words["$shared"]]
    return sent


def rows_of(figure: dict) -> list[str]:
    """The headings of the rows of Figure 2, without the marks."""
    texts = [note["text"] for note in figure["layout"]["annotations"]]
    texts = [text if isinstance(text, str) else figure["shared"][text["$shared"]] for text in texts]
    return [text.split("<b>")[1].split("</b>")[0] for text in texts if text.startswith("<b>")][:-2]


def text(test: AppTest) -> str:
    return "\n".join(
        str(part.value) for kind in ("markdown", "caption", "info", "warning") for part in getattr(test, kind)
    )


@pytest.mark.parametrize("view", list(paper_view.VIEWS))
@pytest.mark.parametrize("which", list(SETS))
def test_without_runs(which: str, view: str) -> None:
    test = look(set=which, view=view)
    assert not charts(test)
    if view == "choices":
        assert all(choice.title in text(test) for choice in choices.CHOICES)
    else:
        assert "press **Run** below" in text(test)
    assert ("stand-in" in " ".join(warning.value for warning in test.warning)) == (which == "small")
    assert sum("about" in caption.value and "12 runs" in caption.value for caption in test.caption) == 3, (
        "each size says how long it takes"
    )


def test_both_figures_of_a_seed(own_cache: Path) -> None:
    family(own_cache)
    one, all_of_them, second = charts(look(seed="1"))
    assert "favoured at Init.: airplane" in one["words"] and "2 seeds" in all_of_them["words"]
    assert rows_of(second) == [experiment.TITLES[loss] for loss in LOSSES]
    assert second["words"].startswith("4 runs side by side")


def test_before_and_after_the_first_epoch(own_cache: Path) -> None:
    family(own_cache, 3, last=20)
    test = look(view="after", seed="1")
    bars, left = charts(test)[-2:]
    assert bars["words"].count("airplane 1") == 4 and "Piecewise-zero: airplane" in bars["words"]
    assert left["words"].startswith("Of all guesses in the end, the class favoured at Init. has: Cross-entropy")
    assert f"**{left['words']}**" in text(test) and "one network, seed 1" in text(test) and "epochs." in text(test)


def test_the_page_has_one_title_and_no_heading_is_skipped(own_cache: Path) -> None:
    family(own_cache, 1)
    for view in paper_view.VIEWS:
        test = look(view=view)
        levels = [part.proto.tag for part in (*test.title, *test.header, *test.subheader)]
        assert levels == ["h1"] + ["h2"] * (len(levels) - 1) and len(levels) > 2


def test_all_seeds_as_bands(own_cache: Path) -> None:
    runs = family(own_cache, 3)
    test = look(seed="all", unit="step")
    first, second = charts(test)
    assert "3 seeds" in first["words"] and second["words"] == "12 runs in 4 rows: medians and ranges over seeds"
    assert len(second["data"]) == 4 * 2 * 3 * 3, "rows, columns, roles; two edges and a median"
    assert rows_of(second) == [experiment.TITLES[loss] for loss in LOSSES]
    assert "steps" in second["layout"]["xaxis7"]["title"]["text"]
    members = [comparison.Member.read(run) for run in runs[-3:]]
    spec = paper.bands.spec([("x", members)])
    medians = {trace["name"]: trace["y"] for trace in spec["data"] if "name" in trace and trace["yaxis"] == "y"}
    assert medians["favoured at Init."] == pytest.approx(members[0].per_class["true_class_probability"][:, 0])
    assert medians["median of the others"] == pytest.approx(members[0].per_class["true_class_probability"][:, 5])


def test_untrained_networks_by_rank() -> None:
    networks = {0: rising(0), 1: favouring(0)}
    spec = paper.untrained_by_rank.spec(networks)
    bar, *dots = spec["data"]
    p = networks[0].predicted_probability()[0]
    assert bar["y"] == pytest.approx(np.sort(p)[::-1]) and len(dots) == 2
    assert dots[0]["hovertext"][0] == "seed 0: 0" and np.all(bar["error_y"]["array"] == 0)


def test_every_claim_with_its_verdict(own_cache: Path) -> None:
    family(own_cache, 2, last=20)
    test = look(view="claims")
    said = text(test)
    assert all(claim.text in said for claim in CLAIMS.values())
    assert ["2 seeds" in figure["words"] for figure in charts(test)] == [False, True], "Figure 1 above them"
    (line,) = [caption.value for caption in look().caption if "claims, " in caption.value]
    assert line.startswith(f"Quick set: of the paper's {len(CLAIMS)} claims, ")
    assert sum(map(int, re.findall(r"\b(\d+) (?:hold|do|depend|is|are|ha)", line))) == len(CLAIMS)
    assert "holds in 2 of 2 seeds" in said and "not measured far enough (0 of 2 seeds)" in said
    assert "epoch 0.2 of 20" in said and "Measured up to epoch 0.2 of 1:" in said
    assert "8 runs of 0.2 epochs, seeds 0, 1: 9 probes of 200 images" in said
    assert "| Piecewise-zero | ✓ 0.09 to 0.12 at step 10 | ✓" in said


def test_shipped_runs_from_a_folder_count(own_cache: Path) -> None:
    shipped(stored(short(SETS["quick"].config()), own_cache, rising(20), names=list(CIFAR10)))
    assert len(charts(look())) == 3
    assert "CIFAR-10 from a folder of images" in text(look(set="full"))


def test_the_page_opens_with_the_full_figure_once_a_run_came_to_its_end(own_cache: Path) -> None:
    shipped(stored(short(SETS["quick"].config()), own_cache, rising(20), names=list(CIFAR10)))
    assert "Quick set: of the paper's" in text(look())
    longer = SETS["quick"].config().with_(epochs=20, dataset=FOLDER)  # with the quick set's probes
    shipped(stored(longer, own_cache, rising(2000), names=list(CIFAR10)))
    assert "Full set: of the paper's" in text(look())
    assert "Quick set: of the paper's" in text(look(set="quick"))
    assert len(charts(look())) == 3


def test_an_open_claim_is_checked_when_the_run_has_gone_on(own_cache: Path) -> None:
    run = family(own_cache, 1, last=20)[0]
    assert "mean 0.11, lowest 0.11; epoch 0.2 of 1" not in text(look()), "that is another view"
    assert "; epoch 0.2 of 1" in text(look(view="claims"))
    (run.path / "trajectory.bin").write_bytes(rising(100).records.tobytes())
    assert "| Cross-entropy | ✓ mean 0.30, lowest 0.30 |" in text(look(view="claims"))


def test_an_alternative_beside_ours(own_cache: Path) -> None:
    family(own_cache, 2)
    waiting = look(**{"with": "he-normal"})
    assert "He normal in every layer.** No run has been measured yet" in text(waiting) and len(charts(waiting)) == 2
    family(own_cache, 1, initialization={"name": "he-normal"})
    query = {"with": "he-normal", "seed": "0"}
    ours, theirs, second = charts(look(**query))
    assert "Our choice" in ours["words"] and "He normal" in theirs["words"]
    assert (
        rows_of(second)[:2] == ["Cross-entropy", "Cross-entropy · He normal in every layer"]
        and len(rows_of(second)) == 8
    )
    assert len(rows_of(charts(look(**query | {"seed": "all"}))[-1])) == 8
    said = text(look(**query, view="claims"))
    assert "Our choice: holds in 2 of 2 seeds" in said and "He normal in every layer: holds in 1 of 1 seed" in said
    test = look(**query, view="choices")
    test.button(key="paper-alone-he-normal").click().run()
    assert (
        "with" not in test.query_params and test.button(key="paper-beside-he-normal").label == "Show 4 runs beside ours"
    )


def test_damaged_runs_are_reported_and_the_others_shown(own_cache: Path) -> None:
    runs = family(own_cache, 2, dataset=FOLDER)
    (runs[0].path / "schema.json").write_text("{")
    (runs[2].path / "config.json").write_text("[]")
    (runs[4].path / "status.json").write_text("")
    (runs[6].path / "trajectory.bin").write_bytes(b"torn")
    for view in paper_view.VIEWS:
        test = look(view=view)
        (warning,) = test.warning
        assert runs[0].id in warning.value and "4 runs of 0.2 epochs, seed 1" in text(test)


@pytest.mark.parametrize(
    "query", [{"set": "x"}, {"view": "luck", "unit": "years"}, {"seed": "-1"}, {"with": "he"}, {"with": "rate "}]
)
def test_invalid_values_in_a_link_give_the_default(query: dict[str, str], own_cache: Path) -> None:
    family(own_cache, 1)
    assert len(charts(look(**query))) == 3


def test_the_address_holds_the_view(own_cache: Path) -> None:
    family(own_cache, 2)
    test = look()
    test.segmented_control(key="paper-seed-0-1-all").set_value("all").run()
    test.segmented_control(key="paper-unit").set_value("step").run()
    assert not test.exception
    query = {key: value if isinstance(value, str) else value[0] for key, value in test.query_params.items()}
    assert query == {"seed": "all", "unit": "step"}
    assert charts(look(**query)) == charts(test), "the link alone gives the same picture"
    test.segmented_control(key="paper-view").set_value("claims").run()
    assert test.query_params["view"] in ("claims", ["claims"]) and test.query_params["seed"] in ("all", ["all"])
    test.button(key="paper-show-small").click().run()
    assert test.query_params["set"] in ("small", ["small"]) and "seed" not in test.query_params and not test.exception


def test_run_starts_the_sweep_once(own_cache: Path) -> None:
    test = look()
    test.button(key="paper-run-small").click().run()
    assert not test.exception and test.query_params["set"] in ("small", ["small"])
    (group,) = list_groups(own_cache)
    assert group.id == experiment.sweep("small").id and len(group.run_ids) == 12
    assert "12 queued" in test.get("progress")[0].proto.text
    test.button(key="paper-run-small").click().run()
    assert [each.id for each in list_groups(own_cache)] == [group.id]
    test.button(key="paper-stop-").click().run()
    assert not test.exception and Group.open(group.id, own_cache).progress().ended
    assert "12 stopped. **Run** resumes them" in text(test)


def test_an_alternative_is_run_from_its_choice(own_cache: Path) -> None:
    test = look(view="choices", set="small")
    test.button(key="paper-try-rate").click().run()
    assert not test.exception and test.query_params["with"] in ("rate", ["rate"])
    (group,) = list_groups(own_cache)
    assert {run.config.optimizer.learning_rate for run in group.runs} == {1e-4}


def test_finished_runs_need_no_run_button(own_cache: Path) -> None:
    family(own_cache, 3, "small", last=1000)
    test = look(set="small")
    assert "All 12 runs are finished" in text(test) and not [
        each for each in test.button if each.key == "paper-run-small"
    ]
    assert len(charts(test)) == 3


def test_a_missing_folder_is_reported(own_cache: Path) -> None:
    test = look()
    test.text_input(key="paper-folder").set_value("/no/such/folder").run()
    assert not test.exception and plain("/no/such/folder") in text(test)
    test.button(key="paper-run-quick").click().run()
    assert not test.exception and plain("/no/such/folder") in test.error[0].value and not list_groups(own_cache)


def test_a_link_to_no_set_says_so(own_cache: Path) -> None:
    test = look(set="stand-in")
    assert not test.exception and "set is 'stand-in', allowed: one of quick, " in as_read(test.warning[0])
    assert "leads nowhere" not in " ".join(warning.value for warning in look(set="quick").warning)
