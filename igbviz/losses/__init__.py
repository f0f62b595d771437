"""The registry of classification losses, and the place to import them from.

`LOSSES[name](**hyperparameters)(logits, labels)` gives (batch,) values. A new loss is one class in a module of this
package and one line in `_BUILT_IN`, or a class in a plugin, see `igbviz.plugins`: its docstring is `Loss`. `LOSSES` and
`AnyLoss` are made on first use, since plugins import this package.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.losses.arrays import true_log_probability, upcast
from igbviz.losses.base import Loss, LossIssue, LossOfP
from igbviz.losses.custom import Custom
from igbviz.losses.foreign import PerSample, per_sample
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
    PHuberGCE,
    PiecewiseZero,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
    TruncatedGCE,
)
from igbviz.losses.spectrum import Mixed, SoftPiecewiseZero
from igbviz.spec import Registry, any_of, by_name

_BUILT_IN = by_name(
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
    SoftPiecewiseZero,
    PHuberGCE,
    Mixed,
    Custom,
)
if TYPE_CHECKING:
    LOSSES: Registry
    AnyLoss: TypeAlias = Any  # one of the registry, or its fields as a mapping

__all__ = [
    "LOSSES",
    "AnyLoss",
    "LossIssue",
    "Loss",
    "LossOfP",
    "PerSample",
    "per_sample",
    "true_log_probability",
    "upcast",
    *(loss.__name__ for loss in _BUILT_IN.values()),
]


def __getattr__(name: str) -> Any:
    if name not in ("LOSSES", "AnyLoss"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from igbviz.plugins.installed import with_plugins

    registry = with_plugins(_BUILT_IN, Loss)
    globals().update(LOSSES=registry, AnyLoss=any_of(registry))
    return globals()[name]
