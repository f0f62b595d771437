"""A talk of E. Francazi on bias and trainability, with the papers that it rests on."""

from igbviz.studies.sources import places as at
from igbviz.studies.sources.places import lesson
from igbviz.studies.sources.statement import Source, Statement

TALK = Source(
    "Emergence of Bias in DNN Predictions and Its Impact on Trainability",
    "a talk of E. Francazi; arXiv 2306.00809, 2505.11312, 2505.12096",
    "https://arxiv.org/abs/2306.00809",
    (
        Statement("Untrained models", "Neutrality, weak and deep prejudice", (at.REGIMES,)),
        Statement("Untrained models", "From one network to the distribution over networks", (at.GUESS_LAW, at.GUESSES)),
        Statement(
            "Setting",
            "Fixed weights, the whole data set, the frequency of the guesses",
            (at.GUESSES, lesson("before-training", "Random weights, even guesses?")),
        ),
        Statement(
            "Setting", "Outputs of a class over the data: a normal density around its centre", (at.WIDTHS, at.OUTPUTS)
        ),
        Statement("Setting", "Centres over networks: a normal density around zero", (at.WIDTHS,)),
        Statement("Setting", "γ, the variance of the centres over that of the outputs", (at.WIDTHS, at.GAMMA_BY_DEPTH)),
        Statement("Causes", "ReLU has a bias, tanh has none", (at.WHAT_IF, at.REGIMES)),
        Statement("Causes", "The rule: no bias if and only if the activation's mean over the data is zero", (at.RULE,)),
        Statement("Causes", "A shift of the activation can eliminate or trigger the bias", (at.RULE,)),
        Statement("Causes", "Max pooling causes and exacerbates it", (at.WHAT_IF, at.DEPTH_LESSON)),
        Statement("Causes", "Depth increases it", (at.GAMMA_BY_DEPTH, at.DEPTH_LESSON)),
        Statement(
            "Real settings",
            "Real data: even stronger",
            (at.ARCHITECTURES,),
            found="Not so here for most architectures: their γ is larger on noise.",
        ),
        Statement("Real settings", "A broad range of architectures", (at.ARCHITECTURES,)),
        Statement(
            "Real settings",
            "Pre-trained models",
            (at.ARCHITECTURES,),
            "Drawn where weight files are found; none ship.",
        ),
        Statement("Dynamics", "Neutral and prejudiced starts learn differently", (at.STARTS,)),
        Statement("Dynamics", "The mean over all starts mixes the two", (at.STARTS,)),
        Statement("Insight", "Hidden nodes of a neutral and of a prejudiced network", (at.NODES,)),
        Statement(
            "Normalization", "Where it is placed decides between neutral and prejudiced", (at.WHAT_IF, at.DEPTH_LESSON)
        ),
        Statement("Mean field", "The correlation of two inputs over the layers", (at.BY_DEPTH,)),
        Statement(
            "Phases", "Ordered and chaotic, with σ²w and σ²b as control parameters", (at.PHASES, at.DEPTH_LESSON)
        ),
        Statement(
            "Gradients",
            "They vanish in order, explode in chaos, and are stable between",
            (at.GRADIENTS, at.GRADIENT_BY_DEPTH),
        ),
        Statement("Link", "γ and c: c = γ / (1 + γ)", (at.BRIDGE,)),
        Statement(
            "Trainability",
            "It peaks at deep prejudice, not at neutrality",
            (at.LINE, at.PLANE),
            found="Not so here: no line that was measured has its best accuracy there.",
        ),
        Statement("Class imbalance", "How it acts together with the bias", (at.MAJORITY, at.IMBALANCE)),
        Statement("Future", "A theory of the dynamics", (), "There is no theory to be drawn yet."),
        Statement("Future", "How data and model act together", (at.ARCHITECTURES,)),
    ),
)
