"""torchvision, also where the plain import fails: `from igbviz._torchvision import torchvision`.

A torchvision wheel built for CUDA cannot load its compiled operators next to a CPU-only torch, and then stops at
describing the first of them ("operator torchvision::nms does not exist"). Models, data sets and transforms need none of
these operators, so it is enough that the two it describes have a signature.
"""

import sys

import torch

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # the half-imported package would be taken for the whole one
    missing_operators = torch.library.Library("torchvision", "FRAGMENT")  # signatures last only as long as this object
    for operator in ("nms", "qnms"):
        missing_operators.define(operator + SIGNATURE)
    import torchvision

__all__ = ["torchvision"]
