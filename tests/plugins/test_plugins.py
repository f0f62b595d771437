"""Installed packages that add losses, networks and data sets: they are choices like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.plugin import install, python


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("plugins") / "site")


def test_a_plugin_adds_choices_and_its_package_to_the_identity(site: Path) -> None:
    printed = python(
        """
        import json, pickle, sys
        import igbviz
        from igbviz import RunConfig
        from igbviz.cli import main
        from igbviz.runs.sweep_config import Sweep

        assert list(igbviz.losses.LOSSES)[-3:] == ["hinge", "power", "torch-only"]
        assert "two-layers" in igbviz.models.MODELS and "stripes" in igbviz.datasets.DATASETS
        assert igbviz.plugins.problems() == ()
        values = {"schedule": {"name": "switch"}, "dataset": {"name": "stripes"}}
        config = RunConfig(**values, loss={"name": "hinge", "margin": 2})
        assert config.canonical()["loss"] == {"name": "hinge", "margin": 2.0, "package": "toypack==1.0"}
        assert json.loads(config.to_json())["loss"] == config.canonical()["loss"]
        assert RunConfig.from_json(config.to_json()) == config == pickle.loads(pickle.dumps(config))
        assert config.with_(seed=1).loss == config.loss and config.loss.with_(margin=3).package == "toypack==1.0"
        assert config.loss.changes() == {"margin": 2.0} and config.loss.title == "hinge"

        other = RunConfig(**{**config.model_dump(), "loss": config.canonical()["loss"] | {"package": "toypack==0.9"}})
        assert other.id != config.id and other != config, "another version is another run"

        sweep = Sweep(base=config, axes={"loss": ["hinge", "power", "mae"], "seed": [0, 1]})
        assert len({each.id for each in sweep.configs()}) == 6

        for loss, sentence in (
            ({"name": "hinge", "margin": 0}, "loss.margin is 0, allowed: a number above 0 and at most 100"),
            ({"name": "hinge", "package": 3}, "loss.package is 3, allowed: a name and a version, as in 'toypack==1.0'"),
            ({"name": "huber", "package": "other==1"}, "loss is 'huber' of 'other==1', which is not installed here"),
        ):
            try:
                RunConfig(loss=loss)
            except igbviz.ConfigError as error:
                assert str(error) == sentence, error
            else:
                raise AssertionError(loss)
        assert main(["losses", "hinge"]) == 0
        assert not {"torch", "torchvision"} & set(sys.modules)
        """,
        site,
    )
    assert printed.startswith("hinge, of toypack 1.0\nThe multiclass hinge loss")
    assert "  margin=1.0: a number above 0 and at most 100\n" in printed


def test_without_plugins_a_configuration_says_nothing_of_packages(tmp_path: Path) -> None:
    """Identities and files of all earlier runs stay as they are."""
    from igbviz.config import RunConfig

    assert "package" not in RunConfig().to_json() and "package" not in json.dumps(RunConfig(seed=1).canonical())


def test_the_forms_show_its_fields_and_load_no_torch(site: Path, tmp_path: Path) -> None:
    """Also the page of losses, which draws two of them over p or over the lead, and leaves one out that is in torch."""
    python(
        """
        import sys
        from igbviz.runs import queue
        from tests.support import ROOT
        from tests.support.pages import as_read, page

        queue.ensure_worker = lambda *_, **__: None
        train, losses = ROOT / "pages/Train.py", ROOT / "pages/Losses.py"
        test = page(train, loss="hinge", changes='{"model":{"name":"two-layers"},"dataset":{"name":"stripes"}}')
        assert not test.error and not test.warning
        boxes = {box.label: box for box in test.number_input}
        assert boxes["Margin, exactly"].value == 1.0 and boxes["Width"].value == 64 and boxes["Noise"].value == 0.5
        assert boxes["Width"].help == "Nodes of the hidden layer."
        assert any("max(0, m + z_k - z_y)" in text.value for text in test.markdown)
        assert any(text.value.startswith("The multiclass hinge loss") for text in test.caption)

        test = page(losses, losses="hinge,power,torch-only")
        assert not test.error and [box.label for box in test.number_input if box.label.startswith(("Margin", "A"))]
        assert any("toypack 1.0" in as_read(text) for text in test.caption)
        assert not {"torch", "torchvision"} & set(sys.modules)
        """,
        site,
        tmp_path / "cache",
    )


def test_every_kind_of_loss_trains(site: Path) -> None:
    printed = python(
        """
        import igbviz
        import numpy as np

        for loss in ("hinge", "power", "torch-only"):
            parts = {"model": {"name": "two-layers"}, "dataset": {"name": "stripes"}, "loss": {"name": loss}}
            probes = list(igbviz.train(igbviz.RunConfig(**parts, epochs=4)))
            print(loss, igbviz.Trajectory.of(probes).balanced_accuracy()[-1] > 0.95)
        networks = igbviz.initialize(igbviz.EnsembleConfig(
            model={"name": "two-layers"}, dataset={"name": "stripes"}, networks=5, inputs=100
        ))
        print("untrained", len(list(networks)))
        """,
        site,
    )
    assert printed.splitlines() == ["hinge True", "power True", "torch-only True", "untrained 5"]


PART = "from typing import Literal\nfrom igbviz.losses import LossOfP\n"
POWER = """
class Power(LossOfP):
    name: Literal["{name}"] = "{name}"

    def f(self, log_p, xp):
        return log_p**2

    def weight(self, log_p, xp):
        return -2 * log_p
"""
WRONG = {  # code of a module, and the sentence about it
    "absent": ("import nowhere", "the plugin toys of absent 1.0 was left out: ModuleNotFoundError: No module named"),
    "unreadable": ("def", "the plugin toys of unreadable 1.0 was left out: SyntaxError: "),
    "quitting": ("raise SystemExit('bye')", "the plugin toys of quitting 1.0 was left out: SystemExit: bye"),
    "empty": ("", "the plugin toys of empty 1.0 was left out: it has no loss, network or data set, allowed: "),
    "circular": (
        "from igbviz import RunConfig",
        "such as igbviz.RunConfig, can be imported inside its functions only",
    ),
    "lists": ("from igbviz.losses import LOSSES", "the plugin toys of lists 1.0 was left out: the list of all choices"),
    "builtin": (PART + POWER.format(name="mae"), "Power in the plugin toys of builtin 1.0 was left out: the name"),
    "twice": (PART + POWER.format(name="power"), "the name power is that of toypack 1.0"),
    "shouting": (PART + POWER.format(name="POWER"), "its name is POWER, allowed: lower-case letters, digits"),
    "undecided": (PART + POWER.format(name="undecided") + "    q: float\n", "q is missing, allowed: a number"),
    "halfway": (PART + POWER.format(name="halfway").partition("    def weight")[0], "it lacks a method"),
    "slow": ("import torch\n" + PART + POWER.format(name="slow"), "imports torch, for which every page now waits"),
}  # fmt: skip


def test_a_plugin_that_fails_costs_one_sentence(tmp_path: Path) -> None:
    """The app and the command line work, with the other plugins; the form and the doctor say what is missing."""
    site = install(tmp_path / "site")
    (site / "torch.py").write_text("")  # the real one would take seconds
    for package, (code, _) in WRONG.items():
        install(site, code, package=package)
    install(site, PART + POWER.format(name="zealous"), package="zealous")  # after a good one, and all the bad ones
    code = """
        import igbviz
        from igbviz.cli import main
        from igbviz.cli.doctor import plugins

        assert {"zealous", "slow", "power", "hinge"} <= set(igbviz.losses.LOSSES)
        assert {"undecided", "halfway", "POWER"}.isdisjoint(igbviz.losses.LOSSES)
        assert igbviz.losses.LOSSES["mae"].__module__ == "igbviz.losses.of_probability"
        problems = igbviz.plugins.problems()
        assert plugins().found == "; ".join(problems) and plugins().remedy
        print(*problems, sep="\\n")
        assert main(["runs"]) == 0  # which says them on stderr
        """
    printed = python(code, site, tmp_path / "cache")
    sentences = printed.partition("0 runs in")[0].splitlines()
    assert len(sentences) == len(WRONG), sentences
    for package, (_, sentence) in WRONG.items():
        found = [text for text in sentences if f" {package} 1.0" in text]
        assert len(found) == 1 and sentence in found[0], (package, sentences)
    assert printed.count("\nigbviz: ") + printed.startswith("igbviz: ") >= len(WRONG) - 1


def test_the_train_form_says_what_is_missing(tmp_path: Path) -> None:
    site = install(tmp_path / "site", "import nowhere")
    python(
        """
        from igbviz.runs import queue
        from tests.support import ROOT
        from tests.support.pages import as_read, page

        queue.ensure_worker = lambda *_, **__: None
        test = page(ROOT / "pages/Train.py")
        sentence = "The plugin toys of toypack 1.0 was left out: ModuleNotFoundError: No module named 'nowhere'."
        assert sentence in [as_read(text) for text in test.caption]
        """,
        site,
        tmp_path / "cache",
    )
