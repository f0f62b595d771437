"""Pellegrino, Szczecina and Fieguth (arXiv 2511.20826), statement by statement."""

from igbviz.studies.sources import places as at
from igbviz.studies.sources.places import choice, claim, curves
from igbviz.studies.sources.statement import Source, Statement

PAPER = Source(
    "Effects of Initialization Biases on Deep Neural Network Training Dynamics",
    "Pellegrino, Szczecina and Fieguth 2025",
    "https://arxiv.org/abs/2511.20826",
    (
        Statement(
            "Fig. 1", "One class has almost all the probability before training", (at.FIGURE_1, claim("one-class"))
        ),
        Statement("Sec. 1", "The preference hardly depends on the input", (claim("every-image"), at.GUESSES)),
        Statement("Sec. 1", "Much depends on whether a loss has a gradient where p is small", (at.FORCE, at.WHO)),
        Statement("Sec. 1", "The loss decides whether a network leaves its first guess", (at.ESCAPE, at.TWO_LOSSES)),
        Statement(
            "Sec. 1", "Cross-entropy balances: the favoured class falls, the others rise", (claim("ce-balances"),)
        ),
        Statement("Sec. 1", "Blurry does so more slowly", (claim("blurry-slower"),)),
        Statement(
            "Sec. 1",
            "Under piecewise-zero the favoured class dominates throughout",
            (claim("pz-throughout"), at.TRAINING),
            "The shipped runs end after the first of 20 epochs.",
        ),
        Statement("Sec. 1", "Learning may be extremely slow, or never begin", (at.ESCAPE, at.NOISE)),
        Statement("Sec. 2.1", "The bias is found in a range of architectures", (at.ARCHITECTURES,)),
        Statement("Sec. 2.1", "It comes from initialization, activation and depth", (at.WHAT_IF, at.RULE)),
        Statement(
            "Sec. 2.1",
            "More subtle biases can persist after training",
            (at.LASTING, claim("persists")),
            "The shipped runs end after the first of 20 epochs.",
        ),
        Statement("Eq. 1", "Cross-entropy", (curves("Its curve", "cross-entropy", curve="value"),)),
        Statement(
            "Eq. 2",
            "Blurry loss: cross-entropy at γ = 0, pushing the wrong way below exp(−1/γ)",
            (curves("Its curve", "blurry", curve="value"), claim("wrong-push")),
        ),
        Statement(
            "Eq. 3",
            "Piecewise-zero loss: cross-entropy at c = 0, no gradient up to c",
            (curves("Its curve", "piecewise-zero", curve="value"),),
        ),
        Statement("Sec. 2.3", "Wrong labels are learned under cross-entropy", (at.NOISE,)),
        Statement("Sec. 2.3", "Robust losses of references 5 to 15", (at.ESCAPE, at.SPECTRUM)),
        Statement("Sec. 3", "ResNet-50 with one input channel on grey CIFAR-10, Kaiming He", (choice("Network"),)),
        Statement("Sec. 3", "Batches of 32, SGD, 20 epochs, c = 0.1, γ = 0.7, d = 0", (choice("Optimizer"),)),
        Statement("Sec. 3", "d epochs of cross-entropy before the loss", (at.CURES,)),
        Statement("Sec. 3", "How strong is the bias of ResNet-50?", (at.FIGURE_1, at.ARCHITECTURES)),
        Statement("Eq. 4", "Mean probability of the true class, per class", (at.TRAINING, at.FIGURE_2)),
        Statement("Eq. 5", "Accuracy per class", (at.TRAINING, at.FIGURE_2)),
        Statement(
            "Sec. 3",
            "Measured at Init., after every batch of the first epoch, then per epoch",
            (choice("Measured when"),),
        ),
        Statement(
            "Fig. 2",
            "Three losses, two quantities, log time from Init., the first epoch dashed",
            (at.FIGURE_2, at.TWO_LOSSES),
            "The shipped runs end after the first of 20 epochs.",
        ),
        Statement("Fig. 2", "The first batch brings the probabilities closer together", (claim("first-batch"),)),
        Statement("Fig. 2", "They gather around 1/K within the first epoch", (claim("gather"),)),
        Statement(
            "Fig. 2",
            "Under cross-entropy the classes rise as a group, accuracies with them",
            (claim("ce-group"), claim("ce-accuracy")),
        ),
        Statement("Fig. 2", "Blurry: much the same, accuracies lag", (claim("blurry-group"), claim("blurry-lags"))),
        Statement(
            "Fig. 2",
            "Under piecewise-zero the favoured class stays above and rises again",
            (claim("pz-leads"), claim("pz-rebounds")),
        ),
        Statement(
            "Fig. 2",
            "All others fall, and the accuracies hardly change",
            (claim("pz-others-fall"), claim("accuracies-unchanged")),
        ),
        Statement("Sec. 4", "Accuracy lags behind probability", (claim("accuracy-lags"),)),
        Statement("Sec. 4", "Under robust losses few images contribute near 1/K", (claim("little-signal"), at.WHO)),
        Statement("Sec. 4", "Cross-entropy raises probabilities and accuracies earlier", (claim("earlier-than-pz"),)),
        Statement(
            "Sec. 4",
            "Improbable classes contribute nothing under piecewise-zero",
            (claim("improbable-silent"), at.SIGNAL),
        ),
        Statement(
            "Sec. 4",
            "Training is driven by the favoured class, always recognized",
            (claim("driven-by-favoured"), claim("pz-perfect")),
        ),
        Statement("Sec. 4", "No other class is learned", (claim("pz-others-poor"), at.ALIVE)),
        Statement(
            "Sec. 4",
            "The signal of one class may raise the probabilities of all",
            (claim("gather"),),
            "Probes record the signal of each class, not its effect on the others.",
        ),
        Statement(
            "Sec. 5",
            "The bias can persist to the end of training",
            (claim("persists"), at.LASTING),
            "The shipped runs end after the first of 20 epochs.",
        ),
    ),
)
