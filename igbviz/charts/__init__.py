"""Charts: each function takes runs or what they have recorded, and returns a plotly Figure.

    igbviz.charts.curves(run, "accuracy")
    igbviz.charts.compare({"cross-entropy": run, "my loop": trajectory})

A run is a `Run`, a `Trajectory` (of untrained networks: an `Ensemble`), or a list of the records that a loop has
collected. Several runs are a list of them, a `Group`, or a mapping of names to runs or lists of runs. The Figures are
transparent and can be read on light and on dark ground; `themed` gives one the colours of a page.

Of one run, over time
    curves                a quantity of every class, on a log scale that begins with the untrained network
    bars                  the same at one probe
    alive                 when each class comes alive, of one run or over seeds
    wrong_labels          wrong labels memorised, resisted, and neither

Of untrained networks
    every_network         the guesses of each network as a column
    guesses               how the guess fractions are distributed, beside theory
    gamma_by_depth        the bias of each layer, beside theory
    outputs               the logits of one network
    class_probabilities   its mean probabilities
    shifted_activation    a shifted activation and the mean of a node over the data
    gamma_against_mean    the bias against that mean: zero where it is zero
    hidden_nodes          hidden nodes of a neutral and of a prejudiced network
    centres               its logits over the centres of all networks: the two widths that gamma compares
    gradients             the gradient of each layer, beside theory
    regimes               neutral, prejudiced and deeply prejudiced networks side by side
    architectures         several architectures: largest guess fraction, and gamma
    by_architecture       the same of many known ones, as the program ships it

Of several runs
    compare               a row for each: probability of the true class, accuracy
    overlay               one measure of all, the seeds of a setting as median and range
    confusion_difference  what two runs confuse at one step, A, B and A - B
    escapes               when each seed leaves its first guess
    lasting_bias          what the favoured class still has of all guesses and errors in the end
    first_epoch           every class before the first step and after one epoch
    roles                 the favoured class and the others, over seeds
    untrained_by_rank     the predicted probabilities at Init., by rank
    group_means           means of groups, by their bias at Init. unless they are named
    result_against_start  a measure after some steps against the largest guess at Init.
    trainability          a measure over the plane of initializations, from the group of a sweep over it
    imbalance_map         whether the class in the majority is the favoured one: over ratio and depth, as shipped
    losses_over_time      what robust losses do with wrong labels or unequal classes
    trade_off             what they reach against when they escape
    escape_of_losses      which of all losses escape, as the program ships it
    escape_against_force  the same over the force of each loss at the start

Of losses and theory, without a run
    who_steers            the gradient of the images of a run by their probability, under each loss
    loss_curves           force, value or slope of losses over the probability of the true class
    over_lead             their gradient over the lead of the favoured class
    phase_map             a quantity over the plane of initializations
    by_depth              a quantity over the layers of a wide network

Measured on the phase diagram
    correlation_against_gamma   c and gamma of untrained networks, and c = gamma / (1 + gamma)
    accuracy_against_gamma      accuracy after some steps over gamma at Init., along a line of the plane

Files
    themed, to_html       a Figure in the colours of a page, and as a page of its own
    gif                   the stage of a run as an animation
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igbviz.charts.animation import gif
    from igbviz.charts.classes.alive import alive
    from igbviz.charts.classes.first_epoch import first_epoch
    from igbviz.charts.classes.lasting_bias import lasting_bias
    from igbviz.charts.classes.who_steers import who_steers
    from igbviz.charts.comparison import grid as compare
    from igbviz.charts.comparison import overlay
    from igbviz.charts.confusion.difference import confusion_difference
    from igbviz.charts.dynamics.groups import over_time as group_means
    from igbviz.charts.dynamics.groups import result_against_start
    from igbviz.charts.dynamics.imbalance_map import imbalance_map
    from igbviz.charts.dynamics.plane import trainability
    from igbviz.charts.ensemble import gamma_by_depth, guesses
    from igbviz.charts.escape import escapes
    from igbviz.charts.escape import picture as escape_of_losses
    from igbviz.charts.interface.figures import CONFIG, themed, to_html
    from igbviz.charts.losses import over_lead
    from igbviz.charts.losses import over_p as loss_curves
    from igbviz.charts.network import class_probabilities, every_network, outputs
    from igbviz.charts.paper import bands as roles
    from igbviz.charts.paper import untrained_by_rank
    from igbviz.charts.phases.bridge import correlation_against_gamma
    from igbviz.charts.phases.line import accuracy_against_gamma
    from igbviz.charts.robustness import over_time as losses_over_time
    from igbviz.charts.robustness import trade_off
    from igbviz.charts.run import bars, curves, wrong_labels
    from igbviz.charts.spectrum.escape_against_force import escape_against_force
    from igbviz.charts.theory import by_depth, phase_map
    from igbviz.charts.untrained.architectures import architectures
    from igbviz.charts.untrained.by_architecture import by_architecture
    from igbviz.charts.untrained.centres import centres
    from igbviz.charts.untrained.gradients import gradients
    from igbviz.charts.untrained.hidden_nodes import hidden_nodes
    from igbviz.charts.untrained.regimes import regimes
    from igbviz.charts.untrained.shift import gamma_against_mean, shifted_activation

# Where each chart is drawn, as "module.function".
CHARTS = {
    "curves": "run.curves",
    "bars": "run.bars",
    "wrong_labels": "run.wrong_labels",
    "alive": "classes.alive.alive",
    "every_network": "network.every_network",
    "guesses": "ensemble.guesses",
    "gamma_by_depth": "ensemble.gamma_by_depth",
    "outputs": "network.outputs",
    "class_probabilities": "network.class_probabilities",
    "shifted_activation": "untrained.shift.shifted_activation",
    "gamma_against_mean": "untrained.shift.gamma_against_mean",
    "hidden_nodes": "untrained.hidden_nodes.hidden_nodes",
    "centres": "untrained.centres.centres",
    "gradients": "untrained.gradients.gradients",
    "regimes": "untrained.regimes.regimes",
    "architectures": "untrained.architectures.architectures",
    "by_architecture": "untrained.by_architecture.by_architecture",
    "compare": "comparison.grid",
    "overlay": "comparison.overlay",
    "confusion_difference": "confusion.difference.confusion_difference",
    "escapes": "escape.escapes",
    "lasting_bias": "classes.lasting_bias.lasting_bias",
    "first_epoch": "classes.first_epoch.first_epoch",
    "roles": "paper.bands",
    "untrained_by_rank": "paper.untrained_by_rank",
    "group_means": "dynamics.groups.over_time",
    "result_against_start": "dynamics.groups.result_against_start",
    "trainability": "dynamics.plane.trainability",
    "imbalance_map": "dynamics.imbalance_map.imbalance_map",
    "losses_over_time": "robustness.over_time",
    "trade_off": "robustness.trade_off",
    "escape_of_losses": "escape.picture",
    "escape_against_force": "spectrum.escape_against_force.escape_against_force",
    "who_steers": "classes.who_steers.who_steers",
    "loss_curves": "losses.over_p",
    "over_lead": "losses.over_lead",
    "phase_map": "theory.phase_map",
    "by_depth": "theory.by_depth",
    "correlation_against_gamma": "phases.bridge.correlation_against_gamma",
    "accuracy_against_gamma": "phases.line.accuracy_against_gamma",
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
    "accuracy_against_gamma",
    "alive",
    "architectures",
    "bars",
    "by_architecture",
    "by_depth",
    "centres",
    "class_probabilities",
    "compare",
    "confusion_difference",
    "correlation_against_gamma",
    "curves",
    "escape_against_force",
    "escape_of_losses",
    "escapes",
    "every_network",
    "first_epoch",
    "gamma_against_mean",
    "gamma_by_depth",
    "gif",
    "gradients",
    "group_means",
    "guesses",
    "hidden_nodes",
    "imbalance_map",
    "lasting_bias",
    "loss_curves",
    "losses_over_time",
    "outputs",
    "over_lead",
    "overlay",
    "phase_map",
    "regimes",
    "result_against_start",
    "roles",
    "shifted_activation",
    "themed",
    "to_html",
    "trade_off",
    "trainability",
    "untrained_by_rank",
    "who_steers",
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
