"""Charts: each function takes runs or what they have recorded, and returns a plotly Figure.

    igbviz.charts.curves(run, "accuracy")
    igbviz.charts.compare({"cross-entropy": run, "my loop": trajectory})

A run is a `Run`, a `Trajectory` (of untrained networks: an `Ensemble`), or a list of the records that a loop has
collected. Several runs are a list of them, a `Group`, or a mapping of names to runs or lists of runs. The Figures are
transparent and can be read on light and on dark ground; `themed` gives one the colours of a page.

Of one run, over time
    curves                a quantity of every class, on a log scale that begins with the untrained network
    bars                  the same at one probe
    wrong_labels          wrong labels memorised, resisted, and neither

Of untrained networks
    every_network         the guesses of each network as a column
    guesses               how the guess fractions are distributed, beside theory
    gamma_by_depth        the bias of each layer, beside theory
    outputs               the logits of one network
    class_probabilities   its mean probabilities
    architectures         several architectures: largest guess fraction, and gamma
    by_architecture       the same of many known ones, as the program ships it

Of several runs
    compare               a row for each: probability of the true class, accuracy
    overlay               one measure of all, the seeds of a setting as median and range
    escapes               when each seed leaves its first guess
    roles                 the favoured class and the others, over seeds
    untrained_by_rank     the predicted probabilities at Init., by rank
    group_means           means of groups, by their bias at Init. unless they are named
    result_against_start  a measure after some steps against the largest guess at Init.
    trainability          a measure over the plane of initializations, from the group of a sweep over it
    losses_over_time      what robust losses do with wrong labels or unequal classes
    trade_off             what they reach against when they escape
    escape_of_losses      which of all losses escape, as the program ships it
    escape_against_force  the same over the force of each loss at the start

Of losses and theory, without a run
    loss_curves           force, value or slope of losses over the probability of the true class
    over_lead             their gradient over the lead of the favoured class
    phase_map             a quantity over the plane of initializations
    by_depth              a quantity over the layers of a wide network

Files
    themed, to_html       a Figure in the colours of a page, and as a page of its own
    gif                   the stage of a run as an animation
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igbviz.charts.animation import gif
    from igbviz.charts.comparison import grid as compare
    from igbviz.charts.comparison import overlay
    from igbviz.charts.dynamics import over_time as group_means
    from igbviz.charts.dynamics import result_against_start, trainability
    from igbviz.charts.ensemble import gamma_by_depth, guesses
    from igbviz.charts.escape import escapes
    from igbviz.charts.escape import picture as escape_of_losses
    from igbviz.charts.interface.figures import CONFIG, themed, to_html
    from igbviz.charts.losses import over_lead
    from igbviz.charts.losses import over_p as loss_curves
    from igbviz.charts.network import class_probabilities, every_network, outputs
    from igbviz.charts.paper import bands as roles
    from igbviz.charts.paper import untrained_by_rank
    from igbviz.charts.robustness import over_time as losses_over_time
    from igbviz.charts.robustness import trade_off
    from igbviz.charts.run import bars, curves, wrong_labels
    from igbviz.charts.spectrum.escape_against_force import escape_against_force
    from igbviz.charts.theory import by_depth, phase_map
    from igbviz.charts.untrained.architectures import architectures
    from igbviz.charts.untrained.by_architecture import by_architecture

# Where each chart is drawn, as "module.function".
CHARTS = {
    "curves": "run.curves",
    "bars": "run.bars",
    "wrong_labels": "run.wrong_labels",
    "every_network": "network.every_network",
    "guesses": "ensemble.guesses",
    "gamma_by_depth": "ensemble.gamma_by_depth",
    "outputs": "network.outputs",
    "class_probabilities": "network.class_probabilities",
    "architectures": "untrained.architectures.architectures",
    "by_architecture": "untrained.by_architecture.by_architecture",
    "compare": "comparison.grid",
    "overlay": "comparison.overlay",
    "escapes": "escape.escapes",
    "roles": "paper.bands",
    "untrained_by_rank": "paper.untrained_by_rank",
    "group_means": "dynamics.over_time",
    "result_against_start": "dynamics.result_against_start",
    "trainability": "dynamics.trainability",
    "losses_over_time": "robustness.over_time",
    "trade_off": "robustness.trade_off",
    "escape_of_losses": "escape.picture",
    "escape_against_force": "spectrum.escape_against_force.escape_against_force",
    "loss_curves": "losses.over_p",
    "over_lead": "losses.over_lead",
    "phase_map": "theory.phase_map",
    "by_depth": "theory.by_depth",
}
_OTHERS = {
    "CONFIG": "interface.figures.CONFIG",
    "gif": "animation.gif",
    "themed": "interface.figures.themed",
    "to_html": "interface.figures.to_html",
}

__all__ = [
    "CHARTS",
    "CONFIG",
    "architectures",
    "bars",
    "by_architecture",
    "by_depth",
    "class_probabilities",
    "compare",
    "curves",
    "escape_against_force",
    "escape_of_losses",
    "escapes",
    "every_network",
    "gamma_by_depth",
    "gif",
    "group_means",
    "guesses",
    "loss_curves",
    "losses_over_time",
    "outputs",
    "over_lead",
    "overlay",
    "phase_map",
    "result_against_start",
    "roles",
    "themed",
    "to_html",
    "trade_off",
    "trainability",
    "untrained_by_rank",
    "wrong_labels",
]


def __getattr__(name: str) -> Any:
    """A chart is imported when it is needed: each has its own dependencies, and together they take a second."""
    if place := (CHARTS | _OTHERS).get(name):
        module, _, function = place.rpartition(".")
        return getattr(import_module(f"igbviz.charts.{module}"), function)
    raise AttributeError(f"module 'igbviz.charts' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
