"""Image classifiers and their initializations.

To add an architecture or an initialization, write one class in `architectures` or `initializations` and add it to the
registry.
"""

from igbviz.models.architectures import Cnn, Mlp, Model, VitTiny, last_layer
from igbviz.models.initializations import INITIALIZATIONS, AnyInitialization
from igbviz.models.torchvision_networks import Torchvision
from igbviz.spec import any_of, by_name

MODELS = by_name(Mlp, Cnn, VitTiny, Torchvision)
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
