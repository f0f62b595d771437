"""The classifiers of torchvision, adapted to small and grey images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from igbviz.models.architectures import Model, Shape, next_multiple

# Every classifier of torchvision, with the billions of multiply-accumulates for one 224x224 image (from the metadata of
# its weights, scaled to 224 if those are for another size). A table, so that listing the networks needs no torchvision.
TORCHVISION = {
    "alexnet": 0.714,
    "convnext_base": 15.36,
    "convnext_large": 34.36,
    "convnext_small": 8.684,
    "convnext_tiny": 4.456,
    "densenet121": 2.834,
    "densenet161": 7.728,
    "densenet169": 3.36,
    "densenet201": 4.291,
    "efficientnet_b0": 0.386,
    "efficientnet_b1": 0.5985,
    "efficientnet_b2": 0.6582,
    "efficientnet_b3": 1.019,
    "efficientnet_b4": 1.527,
    "efficientnet_b5": 2.477,
    "efficientnet_b6": 3.432,
    "efficientnet_b7": 5.261,
    "efficientnet_v2_l": 12.21,
    "efficientnet_v2_m": 5.353,
    "efficientnet_v2_s": 2.847,
    "googlenet": 1.498,
    "inception_v3": 3.206,
    "maxvit_t": 5.558,
    "mnasnet0_5": 0.104,
    "mnasnet0_75": 0.215,
    "mnasnet1_0": 0.314,
    "mnasnet1_3": 0.526,
    "mobilenet_v2": 0.301,
    "mobilenet_v3_large": 0.217,
    "mobilenet_v3_small": 0.057,
    "regnet_x_16gf": 15.94,
    "regnet_x_1_6gf": 1.603,
    "regnet_x_32gf": 31.74,
    "regnet_x_3_2gf": 3.177,
    "regnet_x_400mf": 0.414,
    "regnet_x_800mf": 0.8,
    "regnet_x_8gf": 7.995,
    "regnet_y_128gf": 127.5,
    "regnet_y_16gf": 15.91,
    "regnet_y_1_6gf": 1.612,
    "regnet_y_32gf": 32.28,
    "regnet_y_3_2gf": 3.176,
    "regnet_y_400mf": 0.402,
    "regnet_y_800mf": 0.834,
    "regnet_y_8gf": 8.473,
    "resnet101": 7.801,
    "resnet152": 11.51,
    "resnet18": 1.814,
    "resnet34": 3.664,
    "resnet50": 4.089,
    "resnext101_32x8d": 16.41,
    "resnext101_64x4d": 15.46,
    "resnext50_32x4d": 4.23,
    "shufflenet_v2_x0_5": 0.04,
    "shufflenet_v2_x1_0": 0.145,
    "shufflenet_v2_x1_5": 0.296,
    "shufflenet_v2_x2_0": 0.583,
    "squeezenet1_0": 0.819,
    "squeezenet1_1": 0.349,
    "swin_b": 15.43,
    "swin_s": 8.741,
    "swin_t": 4.491,
    "swin_v2_b": 15.56,
    "swin_v2_s": 8.84,
    "swin_v2_t": 4.548,
    "vgg11": 7.609,
    "vgg11_bn": 7.609,
    "vgg13": 11.31,
    "vgg13_bn": 11.31,
    "vgg16": 15.47,
    "vgg16_bn": 15.47,
    "vgg19": 19.63,
    "vgg19_bn": 19.63,
    "vit_b_16": 17.56,
    "vit_b_32": 4.409,
    "vit_h_14": 167.3,
    "vit_l_16": 61.55,
    "vit_l_32": 15.38,
    "wide_resnet101_2": 22.75,
    "wide_resnet50_2": 11.4,
}
if TYPE_CHECKING:
    AnyName: TypeAlias = str
else:
    AnyName = Literal[tuple(TORCHVISION)]
# The minimum side that an architecture accepts, found by trial and rounded up to a usual size; others accept any.
MIN_SIDE = {
    "alexnet": 64,
    "convnext": 32,
    "densenet": 32,
    "googlenet": 16,
    "inception": 96,
    "squeezenet": 24,
    "swin": 4,
    "vgg": 32,
}
WITHOUT_BATCH_NORM = ("alexnet", "convnext", "squeezenet", "swin", "vit")
VGG_HEAD = 0.1236e9  # multiply-accumulates of the ImageNet head, the same for any image size


class Torchvision(Model):
    """An untrained classifier of torchvision.

    Among them AlexNet (Krizhevsky 2014, arXiv 1404.5997), VGG (Simonyan and Zisserman 2015, arXiv 1409.1556), ResNet
    (He et al. 2016, arXiv 1512.03385), DenseNet (Huang et al. 2017, arXiv 1608.06993), EfficientNet (Tan and Le 2019,
    arXiv 1905.11946), ViT (Dosovitskiy et al. 2021, arXiv 2010.11929) and ConvNeXt (Liu et al. 2022, arXiv 2201.03545).

    For grey images, the first convolution keeps the first of its three colour channels. Images that are not square, or
    too small for the architecture, are resized by a layer in front.
    """

    name: AnyName = "resnet18"
    compact_head: bool = Field(
        default=True,
        description="Affects VGG only: one linear layer in place of its ImageNet head, whose 120 million weights act "
        "on a single pixel here.",
    )
    title: ClassVar[str] = "torchvision"
    help: ClassVar[str] = (
        "An ImageNet architecture, untrained. The vision transformers start with a head of zeros: every class at "
        "exactly 1/K."
    )

    @property
    def has_batch_norm(self) -> bool:
        return (
            self.name.endswith("_bn") if self.name.startswith("vgg") else not self.name.startswith(WITHOUT_BATCH_NORM)
        )

    @property
    def ends_in_bias(self) -> bool:
        return not self.name.startswith("squeezenet")  # its logits pass through a ReLU

    @property
    def _replaces_head(self) -> bool:
        return self.compact_head and self.name.startswith("vgg")

    def side(self, shape: Shape) -> int:
        """The side of the square images that the network receives, after resizing if necessary."""
        side = max(shape[1:])
        if self.name.startswith("vit"):
            return next_multiple(int(self.name.split("_")[-1]), side)  # whole patches
        if self.name.startswith("maxvit"):
            return next_multiple(224, side)  # whole windows of 7x7 at 1/32 of the resolution
        return max([side, *(minimum for prefix, minimum in MIN_SIDE.items() if self.name.startswith(prefix))])

    def build(self, shape: Shape, classes: int) -> Any:
        from igbviz._torchvision import torchvision
        from igbviz.models.layers import adapt_to_images, compact_vgg

        side = self.side(shape)
        if self._replaces_head:
            return adapt_to_images(compact_vgg(getattr(torchvision.models, self.name), classes), shape, side)
        without_extra_heads = {"aux_logits": False, "init_weights": True}
        options = {
            "googlenet": without_extra_heads,
            "inception": without_extra_heads,
            "maxvit": {"input_size": (side, side)},
            "vit": {"image_size": side},
        }.get(self.name.split("_")[0], {})
        return adapt_to_images(
            torchvision.models.get_model(self.name, weights=None, num_classes=classes, **options), shape, side
        )

    def flops(self, shape: Shape, classes: int) -> float:
        head = VGG_HEAD if self.name.startswith("vgg") else 0.0
        side = self.side(shape)
        if self.name.startswith("swin"):
            # Small feature maps are padded to whole windows of 7x7 or 8x8: 28 and 32 pixels cost as much as 80.
            side = max(side, 80)
        body = (TORCHVISION[self.name] * 1e9 - head) * (side / 224) ** 2
        return body + (0.0 if self._replaces_head else head)
