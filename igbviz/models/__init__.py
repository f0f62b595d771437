"""Image classifiers and their initializations.

To add an architecture or an initialization, write one class in `architectures` or `initializations` and add it to the
registry.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

from igbviz.models.architectures import Cnn, Mlp, Model, VitTiny, last_layer
from igbviz.models.initializations import INITIALIZATIONS, AnyInitialization
from igbviz.models.torchvision_networks import Torchvision
from igbviz.spec import any_of, by_name

MODELS = by_name(Mlp, Cnn, VitTiny, Torchvision)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyModel: TypeAlias = Any
else:
    AnyModel = any_of(MODELS)

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
