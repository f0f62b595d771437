"""The figures of a lesson, by their kind."""

from __future__ import annotations

from typing import Any

from igbviz.charts import ensemble, losses, network, theory
from igbviz.charts.run import WRONG_LABELS_CHART, run_curves
from igbviz.ensembles.predictions import predicted_gamma
from igbviz.losses import force
from igbviz.studies.lessons.parts import (
    FORCE_WITH_IMAGES,
    OF_ENSEMBLES,
)

TITLE = 32  # pixels above a chart for a title that it does not have here


def figure(kind: str, result: Any, config: Any, height: int, steps_per_epoch: int | None = None) -> dict[str, Any]:
    """The figure of this kind (see `Picture`) as a dictionary.

    `result` is None for kinds OF_SETTINGS, `steps_per_epoch` for all but trainings.
    """
    if kind == "phase map":
        point = config.initialization.sigma_w2, config.initialization.sigma_b2
        return theory.phase_map.spec(config.model.activation, "depth_scale", 2 * point[0], 0.2, point, height=height)
    if kind in ("force", "loss over p", FORCE_WITH_IMAGES):
        quantity = "value" if kind == "loss over p" else "weight"
        run = (result, 0, None) if kind == FORCE_WITH_IMAGES else None
        shaded = force.zones(config.loss)
        marks = [(1 / 10, "even guess, 1/K")]
        # Of a single loss there is no legend, whose room the curve gets; a mark is named above the plot.
        drawn = losses.over_p.spec(
            {config.loss.name: config.loss}, quantity, log=True, shaded=shaded, marks=marks, run=run, height=height
        )
        drawn["layout"]["margin"]["b"] = 56
        return drawn
    if kind == "guesses":
        return ensemble.guesses.spec(result, max(result.gamma("cosine")[0], 0.0), height=height)
    if kind == "gamma_by_depth":
        return ensemble.gamma_by_depth.spec(result, predicted_gamma(config), height=height)
    if kind in OF_ENSEMBLES:
        return getattr(network, kind).spec(result, 0, height=height)
    # The page has the title above and lines carry their names, so the room of title and legend goes to the curves.
    quantity = WRONG_LABELS_CHART if kind == "wrong_labels" else kind
    options = {"title": "", "legend": False, "height": height}
    curves = run_curves(result, config, quantity, steps_per_epoch=steps_per_epoch, **options)
    curves["layout"]["margin"]["t"] -= TITLE
    return curves
