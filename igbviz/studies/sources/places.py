"""The places that several statements point to."""

from igbviz.studies.paper.claims import CLAIMS
from igbviz.studies.sources.statement import Place, place

FIRST_LOOK = "fashion-mini-mlp-{}"
CROSS_ENTROPY, PIECEWISE_ZERO = (
    FIRST_LOOK.format(run) for run in ("cross-entropy-s0-75ae6d9e02", "piecewise-zero-s0-f71620e6c6")
)


def claim(key: str) -> Place:
    """One of the paper's claims, with our verdict."""
    return place("pages/Paper.py", CLAIMS[key].text, f"Verdict: {key}", view="claims")


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
