"""Losses of torch and of one's own: the values of the samples, and the scalar that training descends."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from igbviz.losses import CrossEntropy, Focal, PerSample, per_sample
from igbviz.spec import ConfigError
from igbviz.training.metrics import measure
from tests.support.losses import draw

WEIGHTS = torch.tensor([0.2, 1.0, 3.0, 0.5, 2.0])


class Margin(nn.Module):
    """A module without a `reduction`, one value per sample."""

    def forward(self, logits, labels):
        return functional.multi_margin_loss(logits, labels, reduction="none")


TORCH = {
    "module": (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(reduction="none")),
    "weights and smoothing": (
        nn.CrossEntropyLoss(weight=WEIGHTS.double(), label_smoothing=0.1),
        nn.CrossEntropyLoss(weight=WEIGHTS.double(), label_smoothing=0.1, reduction="none"),
    ),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss(reduction="none")),
    "function": (functional.cross_entropy, partial(functional.cross_entropy, reduction="none")),
    "partial": (
        partial(functional.cross_entropy, label_smoothing=0.3),
        partial(functional.cross_entropy, label_smoothing=0.3, reduction="none"),
    ),
    "own module": (Margin(), Margin()),
    "own function": (lambda logits, labels: Margin()(logits, labels),) * 2,
}


@pytest.mark.parametrize("loss, alone", TORCH.values(), ids=TORCH)
def test_values_are_those_of_the_samples_and_training_is_that_of_the_loss(loss, alone) -> None:
    logits, labels = draw(classes=5)
    assert torch.equal(PerSample(loss).values_in_batch(logits, labels), alone(logits, labels))
    trained = loss(logits, labels)
    assert torch.equal(PerSample(loss).batch_loss(logits, labels), trained.mean())

    leaf = logits.detach().requires_grad_()
    assert torch.equal(PerSample(loss).descend(leaf, labels), trained.mean())
    plain = logits.detach().requires_grad_()
    loss(plain, labels).mean().backward()
    assert torch.equal(leaf.grad, plain.grad)


def test_a_loss_of_torch_is_never_changed() -> None:
    class Fails(nn.CrossEntropyLoss):
        def forward(self, logits, labels):
            assert self.reduction == "none" and self.weight is WEIGHTS
            raise RuntimeError("no")

    loss = Fails(weight=WEIGHTS)
    with pytest.raises(RuntimeError):
        PerSample(loss).values_in_batch(*draw(classes=5))
    assert loss.reduction == "mean"


def test_the_measures_are_those_of_the_same_loss_of_igbviz() -> None:
    logits, labels = draw(classes=3)
    ours, theirs = (measure(logits, labels, loss) for loss in (CrossEntropy(), PerSample(nn.CrossEntropyLoss())))
    for name, column in ours.items():
        assert column == pytest.approx(theirs[name]), name


def test_what_a_scalar_does_to_a_sample_is_unknown() -> None:
    logits, labels = draw(classes=3)
    scalar = PerSample(lambda logits, labels: functional.cross_entropy(logits, labels))
    scalar.require_fit(logits, labels)
    assert scalar.values_in_batch(logits, labels).isnan().all() and len(scalar.values(logits, labels)) == len(logits)
    assert scalar.batch_loss(logits, labels) == functional.cross_entropy(logits, labels)
    columns, known = (measure(logits, labels, loss) for loss in (scalar, CrossEntropy()))
    for name in ("signal", "silent"):
        assert np.isnan(columns.pop(name)).all() and np.isfinite(known.pop(name)).all()
    assert all((columns[name] == known[name]).all() for name in known)


def test_a_loss_of_igbviz_stays_itself() -> None:
    assert per_sample(focal := Focal(gamma=1)) is focal
    assert repr(per_sample(nn.CrossEntropyLoss())) == "PerSample(CrossEntropyLoss())"
    assert repr(per_sample(functional.cross_entropy)) == "PerSample(cross_entropy)"


@pytest.mark.parametrize(
    "loss, sentence",
    {
        "name": ("gce", "loss is 'gce', allowed: a function"),
        "class": (nn.CrossEntropyLoss, "is the class CrossEntropyLoss, allowed: an instance of it"),
        "class of igbviz": (CrossEntropy, "is the class CrossEntropy, allowed: an instance"),
        "too many": (nn.L1Loss(), "loss fails with logits of shape|loss gives a tensor of shape"),
        "matrix": (lambda logits, labels: logits, r"gives a tensor of shape \(7, 5\) for 7 samples, allowed"),
        "number": (lambda logits, labels: 1.0, "gives a value of type float, allowed: a tensor"),
        "one argument": (lambda logits: logits, "fails with logits of shape .*allowed: a function of the two"),
        "constant": (lambda logits, labels: logits.detach().mean(-1), "has no gradient, allowed: values that torch"),
    }.values(),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_what_cannot_be_a_loss_is_one_sentence(loss, sentence: str) -> None:
    logits, labels = (part[:7] for part in draw(classes=5))
    with pytest.raises(ConfigError, match=sentence) as caught:
        per_sample(loss).require_fit(logits, labels)
    assert "\n" not in str(caught.value)
