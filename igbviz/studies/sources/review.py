"""A review of the paper: the experiments and checks that it asks for."""

from igbviz.studies.sources import places as at
from igbviz.studies.sources.statement import Source, Statement

REVIEW = Source(
    "A review of the paper",
    "experiments and checks that it asks for",
    "https://arxiv.org/abs/2511.20826",
    (
        Statement("Experiment 1", "Distributions over the classes before and after an epoch, by loss", (at.EPOCH,)),
        Statement(
            "Experiment 2",
            "Gradients of improbable and probable classes under each loss",
            (at.FORCE, at.STEERS, at.SIGNAL),
        ),
        Statement("Experiment 3", "How soon the classes that begin low are learned, by loss", (at.ALIVE, at.ESCAPE)),
        Statement("Method", "Vary the initialization and measure the dynamics", (at.PLANE, at.STARTS)),
        Statement(
            "Limitation", "How the bias is defined: probabilities, guesses or centres", (at.GUESS_LAW, at.OUTPUTS)
        ),
        Statement(
            "Check 1",
            "Repeat on ImageNet and other large data",
            (),
            "Image folders of any size of image can be trained on, but no result on ImageNet is shipped.",
        ),
        Statement(
            "Check 2", "Transformers and plain convolutional networks", (at.TRAINED_ARCHITECTURES, at.ARCHITECTURES)
        ),
        Statement(
            "Check 3", "The spectrum of losses between cross-entropy and piecewise-zero", (at.SPECTRUM, at.ESCAPE)
        ),
    ),
)
