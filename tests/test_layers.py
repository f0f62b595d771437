"""Imports point down, and describing or showing a run never imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "igbviz"

# From the ground up. A module may import those of lower lines, and on its own line those to its left.
LAYERS = [
    ["description", "recorded", "trajectory", "colours", "_torchvision", "kernels", "recursion", "phases", "guessing", "theory", "seeds"],
    ["devices", "captured", "checkpoints"],
    ["loss_base", "losses_of_p", "losses_normalised", "losses_of_logits", "formula_loss", "losses", "layers", "image_folder"],
    ["metrics", "dataset_base", "downloads", "datasets", "models"],
    ["initializations", "optimizers", "probes", "schedules", "label_noise", "imbalance"],
    ["config", "estimators", "ensemble_records", "records", "status", "files", "spreads", "furniture"],
    [
        "presets",
        "memory",
        "untrained",
        "packing",
        "training_data",
        "training",
        "lanes",
        "ensemble_config",
        "ensemble_measures",
        "stacked_mlp",
        "initial_networks",
        "initializing",
        "ensembles",
        "what_if",
        "predictions",
        "dispatch",
        "time_axis",
        "charts",
        "theory_charts",
        "loss_charts",
        "initial_charts",
    ],
    ["run_charts", "run_folder", "listing", "runs"],
    ["estimates", "export", "escape", "gallery", "labels", "library", "bundles", "interventions", "sweep_config", "sweeps"],
    ["comparison", "compare_charts", "compare_views", "bias_to_training", "bias_charts", "robustness", "robust_charts"],
    ["paper", "paper_checks", "paper_claims", "paper_charts"],
    ["lesson_steps", "lessons_untrained", "lessons_escape", "lessons_robust", "lessons_depth", "lessons"],
    ["session", "worker"],
    [
        "live_chart",
        "sliders",
        "ui",
        "standing",
        "library_page",
        "sweep_form",
        "sweep_view",
        "compare_page",
        "run_form",
        "interventions_view",
        "run_view",
        "initial_form",
        "initial_view",
        "bias_view",
        "robust_view",
        "paper_runs",
        "paper_tables",
        "paper_view",
        "lesson_view",
        "loss_page",
    ],
    ["cli"],
    ["__init__", "__main__"],
]
RANK = {name: (height, place) for height, names in enumerate(LAYERS) for place, name in enumerate(names)}
STREAMLIT = set(next(names for names in LAYERS if "ui" in names))


def imports(path: Path) -> set[str]:
    """Modules of the package that this file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "igbviz":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("igbviz."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("igbviz.")}
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_imports_point_down(path: Path) -> None:
    assert path.stem in RANK, f"give {path.stem} a layer"
    upward = {name for name in imports(path) if RANK[name] >= RANK[path.stem]}
    assert not upward, f"{path.stem} imports {upward} from above"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_streamlit_stays_at_the_edge(path: Path) -> None:
    text = path.read_text()
    assert path.stem in STREAMLIT or not ("import streamlit" in text or "from streamlit" in text)


def test_pages_need_no_torch() -> None:
    names = sorted({name for path in [*PACKAGE.parent.glob("pages/*.py"), PACKAGE.parent / "app.py"] for name in imports(path)})
    lines = "; ".join(f"import igbviz.{name}" for name in names)
    code = f"import sys, igbviz; {lines}; igbviz.RunConfig().id; assert not {{'torch', 'torchvision'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=True)
