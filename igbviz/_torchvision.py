"""torchvision, also where the plain import fails: `from igbviz._torchvision import torchvision`.

A torchvision wheel built for CUDA cannot load its compiled operators beside a CPU-only torch; its import then fails
when it registers metadata for the first of them ("operator torchvision::nms does not exist"). Models, data sets and
transforms use none of these operators, so it is enough to define the signatures of the two that it registers.
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
        del sys.modules[name]  # or the partially imported package would be reused
    missing_operators = torch.library.Library("torchvision", "FRAGMENT")  # its definitions live as long as this object
    for operator in ("nms", "qnms"):
        missing_operators.define(operator + SIGNATURE)
    import torchvision

__all__ = ["torchvision"]
