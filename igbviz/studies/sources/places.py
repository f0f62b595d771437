"""The places that several statements point to."""

from igbviz.studies.paper.claims import CLAIMS
from igbviz.studies.sources.statement import Place, place

FIRST_LOOK = "fashion-mini-mlp-{}"
CROSS_ENTROPY, PIECEWISE_ZERO = (
    FIRST_LOOK.format(run) for run in ("cross-entropy-s0-75ae6d9e02", "piecewise-zero-s0-f71620e6c6")
)


def claim(key: str) -> Place:
    """One of the paper's claims, with our verdict."""
    name = key.replace("-", " ").replace("ce ", "cross-entropy ").replace("pz", "piecewise-zero")
    return place("pages/Paper.py", CLAIMS[key].text, f"Verdict: {name}", view="claims")


def choice(text: str) -> Place:
    """One of our answers to what the paper leaves open, and what it states."""
    return place("pages/Paper.py", text, "Choices", view="choices")


def curves(label: str, *losses: str, curve: str = "weight") -> Place:
    """Losses over the probability of the true class."""
    return place("pages/Losses.py", f"of {len(losses)} loss", label, losses=",".join(losses), curve=curve)


def lesson(name: str, begins: str) -> Place:
    """A lesson at its first step, which has this title."""
    return place("pages/Lessons.py", begins, "Lesson", lesson=name)


FIGURE_1 = place("pages/Paper.py", "Figure 1: before the first step", "Figure 1")
FIGURE_2 = place("pages/Paper.py", "Figure 2: during training, one loss per row", "Figure 2")
TRAINING = place("pages/Train.py", "More of this run", "A run on the stage", run=PIECEWISE_ZERO)
SIGNAL = place("pages/Train.py", "Training signal:", "Training signal", run=PIECEWISE_ZERO, chart="signal")
FORCE = curves("Force over p", "cross-entropy", "blurry", "piecewise-zero")
WHO = place("pages/Losses.py", "Which images contribute a gradient", "Which images contribute")
ESCAPE = place("pages/Losses.py", "Which losses escape?", "Which losses escape?")
SPECTRUM = place("pages/Losses.py", "What decides whether a loss escapes", "Escape against force")
TWO_LOSSES = place(
    "pages/Compare.py", "2 runs side by side", "Two losses side by side", runs=f"{CROSS_ENTROPY},{PIECEWISE_ZERO}"
)
NOISE = place("pages/Robustness.py", "wrong labels memorized", "Wrong labels")
GUESSES = place("pages/Initialisation.py", "Guesses of every network", "Guesses of every network")
WHAT_IF = place("pages/Initialisation.py", "What if ...", "What if ...")
OUTPUTS = place("pages/Initialisation.py", "Logits of network 0", "Outputs of one network")
GUESS_LAW = place("pages/Initialisation.py", "Largest guess fraction", "Guess fractions with theory")
GAMMA_BY_DEPTH = place("pages/Initialisation.py", "Bias γ layer by layer", "γ layer by layer")
CURES = place("pages/Train.py", "Try: Cross-entropy first", "Cross-entropy first", run=PIECEWISE_ZERO)
BY_DEPTH = place("pages/Phases.py", "Correlation c of two inputs", "Correlation by depth")
PHASES = place("pages/Phases.py", "A point of the plane", "Phase diagram")
PLANE = place("pages/Dynamics.py", "over the phase diagram of tanh", "Trainability over the plane", view="plane")
STARTS = place("pages/Dynamics.py", "mean of each group over log time", "Neutral or prejudiced", view="starts")
MAJORITY = place("pages/Dynamics.py", "favoured class in the majority", "Class imbalance", view="majority")
DEPTH_LESSON = lesson("edge-of-chaos", "Twenty layers")

# Untrained networks.
TANH = "gaussian-noise-mlp-he-normal-n100-s0-8c90437665"  # 20 layers, with gradients
WIDTHS = place("pages/Initialisation.py", "The two widths that γ compares", "Outputs over centres", more="centres")
REGIMES = place("pages/Initialisation.py", "Neutral to deeply prejudiced", "Three regimes", more="regimes")
GRADIENTS = place(
    "pages/Initialisation.py", "Gradient by layer", "Measured gradients by layer", run=TANH, more="gradients"
)
RULE = place("pages/Initialisation.py", "Bias against the mean of a node", "The rule, with a slider", inside="rule")
NODES = place("pages/Initialisation.py", "Nodes of the last hidden layer", "Nodes of two networks", inside="nodes")
ARCHITECTURES = place("pages/Architectures.py", "Architectures before training", "14 architectures")
TRAINED_ARCHITECTURES = place("pages/Architectures.py", "Then train one", "A CNN and a transformer, trained")
GRADIENT_BY_DEPTH = place("pages/Phases.py", "Squared gradient, layer 1 over l", "Theory by depth")
BRIDGE = place("pages/Phases.py", "γ and c: one theory, two languages", "c against γ, measured")
LINE = place("pages/Phases.py", "Do networks train best where they begin prejudiced?", "Accuracy against γ")

# Trained networks.
IMBALANCE = place("pages/Dynamics.py", "With other ratios and depths", "Map of ratio and depth", view="majority")
EPOCH = place("pages/Paper.py", "After the first epoch", "Before and after an epoch", view="after")
LASTING = place("pages/Paper.py", "What is left of the bias", "What is left of the bias", view="after")
STEERS = place("pages/Losses.py", "Who steers the training", "Gradient by p")
ALIVE = place("pages/Train.py", "When each class comes alive", "Time to come alive", run=PIECEWISE_ZERO, chart="alive")
CONFUSION = place(
    "pages/Compare.py", "confusion", "Confusion of two runs", runs=f"{CROSS_ENTROPY},{PIECEWISE_ZERO}", tab="confusion"
)
