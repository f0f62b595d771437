"""Image classifiers and their initializations.

To add an architecture or an initialization, write one class in `architectures` or `initializations` and add it to the
registry; a plugin adds architectures from outside, see `igbviz.plugins`. `MODELS` and `AnyModel` are made on first use,
since plugins import this package.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.models.architectures import Cnn, Mlp, Model, VitTiny, last_layer
from igbviz.models.initializations import INITIALIZATIONS, AnyInitialization
from igbviz.models.torchvision_networks import Torchvision
from igbviz.spec import Registry, any_of, by_name

_BUILT_IN = by_name(Mlp, Cnn, VitTiny, Torchvision)
if TYPE_CHECKING:
    MODELS: Registry
    AnyModel: TypeAlias = Any  # one of the registry, or its fields as a mapping

__all__ = [
    "INITIALIZATIONS",
    "MODELS",
    "AnyInitialization",
    "AnyModel",
    "Cnn",
    "Mlp",
    "Model",
    "Torchvision",
    "VitTiny",
    "last_layer",
]


def __getattr__(name: str) -> Any:
    if name not in ("MODELS", "AnyModel"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from igbviz.plugins.installed import with_plugins

    registry = with_plugins(_BUILT_IN, Model)
    globals().update(MODELS=registry, AnyModel=any_of(registry))
    return globals()[name]
