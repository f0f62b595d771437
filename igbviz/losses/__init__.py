"""The registry of classification losses, and the place to import them from.

`LOSSES[name](**hyperparameters)(logits, labels)` gives (batch,) values. A new loss is one class in a module of this
package and one line in `LOSSES`.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.losses.base import Loss, LossIssue, LossOfP, true_log_probability, upcast
from igbviz.losses.custom import Custom
from igbviz.losses.normalized import (
    ActiveNegativeCrossEntropy,
    ActiveNegativeFocal,
    NceAel,
    NceAgce,
    NceAul,
    NceMae,
    NceRce,
    NflRce,
    NormalizedCrossEntropy,
    NormalizedFocal,
)
from igbviz.losses.of_logits import (
    Curriculum,
    HardBootstrapping,
    LabelSmoothing,
    LogitClip,
    LogitNorm,
    MaxMahalanobis,
    SoftBootstrapping,
)
from igbviz.losses.of_probability import (
    AsymmetricExponential,
    AsymmetricGCE,
    AsymmetricUnhinged,
    Blurry,
    CrossEntropy,
    Focal,
    GeneralizedCrossEntropy,
    MeanAbsoluteError,
    PHuberCrossEntropy,
    PiecewiseZero,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
    TruncatedGCE,
)
from igbviz.spec import any_of, by_name

LOSSES = by_name(
    CrossEntropy,
    Blurry,
    PiecewiseZero,
    LabelSmoothing,
    Focal,
    MeanAbsoluteError,
    GeneralizedCrossEntropy,
    TruncatedGCE,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
    NormalizedCrossEntropy,
    NormalizedFocal,
    NceRce,
    NceMae,
    NflRce,
    ActiveNegativeCrossEntropy,
    ActiveNegativeFocal,
    AsymmetricGCE,
    AsymmetricUnhinged,
    AsymmetricExponential,
    NceAgce,
    NceAul,
    NceAel,
    Curriculum,
    PHuberCrossEntropy,
    MaxMahalanobis,
    SoftBootstrapping,
    HardBootstrapping,
    LogitNorm,
    LogitClip,
    Custom,
)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyLoss: TypeAlias = Any
else:
    AnyLoss = any_of(LOSSES)

__all__ = [
    "LOSSES",
    "AnyLoss",
    "LossIssue",
    "Loss",
    "LossOfP",
    "true_log_probability",
    "upcast",
    *(loss.__name__ for loss in LOSSES.values()),
]
