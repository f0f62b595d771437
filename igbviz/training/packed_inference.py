"""Probes on a CPU: the same answers of a network in eval mode, sooner.

BatchNorm is folded into the layer before it, ReLU joins that layer too, and maps keep their channels last. Then a 1x1
convolution is a matrix product over pixels, and so is one whose kernel covers the whole map: written out as a matrix it
leaves away the products with the padding, five of nine on a map of 2x2, eight of nine on a single pixel. oneDNN makes
these products with weights that it lays out once a probe, on some processors twice as fast as the library behind
`torch.nn.functional.linear`. The logits differ from the plain forward pass in their last digits.
"""

from __future__ import annotations

import itertools
import math
import platform
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import conv2d, linear
from torch.nn.utils import fuse_conv_bn_weights, fuse_linear_bn_weights

from igbviz.training.network import probing

if TYPE_CHECKING:
    from igbviz.training.evaluation import Evaluation

# times as large as its kernels a convolution may be, written out as a matrix: 1.8 for 3x3 on a map of 2x2, 9 on one of
# 3x3
GROWTH = 2
PIECE = 125  # images in one pass where there are convolutions: most of their maps stay in the cache

Sides = tuple[int, ...]  # height and width of a map


def accelerate(evaluation: Evaluation) -> None:
    """Have the probes of a network in eval mode on a CPU answered by its packed form, if it has one."""
    packs = evaluation.device.type == "cpu" and evaluation.batch_norm == "eval"
    if packs and (network := packed(evaluation.network, getattr(torch, evaluation.precision))):
        # What lies ready is as large as the network, or larger: the steps need not hold it.
        evaluation.forward, evaluation.forget = network, network.refresh


class Packed:
    """A network's forward pass, with the weights that it had when it was called first after the last `refresh`."""

    def __init__(self, network: fx.GraphModule) -> None:
        self.network = network
        self.layers = [layer for layer in network.modules() if isinstance(layer, Layer)]
        self.has_maps = any(isinstance(layer, Convolution) for layer in self.layers)

    def refresh(self) -> None:
        """Take over the weights and the running statistics as they are when it is called next: forget those that lie
        ready."""
        for layer in self.layers:
            layer.ready.clear()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, K) of images (N, C, H, W)."""
        return (
            torch.cat([self.network(piece) for piece in images.split(PIECE)]) if self.has_maps else self.network(images)
        )


class Layer(nn.Module):
    """A linear layer, with the BatchNorm and the ReLU behind it."""

    fuse = staticmethod(fuse_linear_bn_weights)

    def __init__(self, layer: nn.Module, norm: nn.Module | None, relu: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.norm, self.relu, self.dtype = layer, norm, relu, dtype
        self.by_onednn = multiplies(dtype)
        self.ready: dict[
            Sides | None, tuple[Tensor, Tensor | None]
        ] = {}  # weight and bias as last used, by the map they are for

    def forward(self, inputs: Tensor) -> Tensor:
        return self.times(inputs.to(self.dtype))

    def folded(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias that do the work of the BatchNorm as well."""
        weight, bias, norm = self.layer.weight, self.layer.bias, self.norm
        if norm is not None:
            weight, bias = self.fuse(
                weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
        return weight.detach().to(self.dtype), None if bias is None else bias.detach().to(self.dtype)

    def matrix(self, sides: Sides | None) -> tuple[Tensor, Tensor | None]:
        """Weight (outputs, inputs) and bias (outputs) of the product."""
        weight, bias = self.folded()
        return weight.flatten(1), bias

    def times(self, rows: Tensor, sides: Sides | None = None) -> Tensor:
        """The layer as a matrix product, over the last axis of `rows` (..., inputs)."""
        rows = rows.contiguous()
        if sides not in self.ready:
            weight, bias = self.matrix(sides)
            if self.by_onednn:
                weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows[..., 0].numel())
            self.ready[sides] = weight, bias
        weight, bias = self.ready[sides]
        product = (
            torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
            if self.by_onednn
            else linear(rows, weight, bias)
        )
        return (
            product.relu_() if self.relu else product
        )  # not left to oneDNN, whose own makes a 0 of NaN and hides a diverged network


class Convolution(Layer):
    """The same for a convolution: as a matrix product where it is one."""

    fuse = staticmethod(fuse_conv_bn_weights)

    def forward(self, maps: Tensor) -> Tensor:
        layer, maps, sides = self.layer, maps.to(self.dtype), tuple(maps.shape[2:])
        if self.is_dense and self.covers(sides):
            product = self.times(maps.permute(0, 2, 3, 1).flatten(1), sides)
            return product.view(len(maps), *self.sides_after(sides), -1).permute(0, 3, 1, 2)
        if self.is_dense and layer.kernel_size == (1, 1) and layer.padding == (0, 0):
            down, right = layer.stride
            return self.times(maps[:, :, ::down, ::right].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        if None not in self.ready:
            weight, bias = self.folded()
            self.ready[None] = weight.clone(memory_format=torch.channels_last), bias
        made = conv2d(maps, *self.ready[None], layer.stride, layer.padding, layer.dilation, layer.groups)
        return made.relu_() if self.relu else made

    @property
    def is_dense(self) -> bool:
        """Whether every output sees every channel of all pixels under the kernel, and the padding is known as a number."""
        layer = self.layer
        return layer.groups == 1 and layer.dilation == (1, 1) and not isinstance(layer.padding, str)

    def covers(self, sides: Sides) -> bool:
        """Whether a kernel sees the whole map, and a matrix from map to map is not much larger than the kernels."""
        kernel = self.layer.kernel_size
        numbers = math.prod(sides) * math.prod(self.sides_after(sides))
        return all(side <= reach for side, reach in zip(sides, kernel, strict=True)) and numbers <= GROWTH * math.prod(
            kernel
        )

    def sides_after(self, sides: Sides) -> Sides:
        """Height and width of what is made of a map of these."""
        layer = self.layer
        geometry = zip(sides, layer.kernel_size, layer.stride, layer.padding, strict=True)
        return tuple((side + 2 * padding - kernel) // stride + 1 for side, kernel, stride, padding in geometry)

    def matrix(self, sides: Sides | None) -> tuple[Tensor, Tensor | None]:
        """With sides: from all pixels and channels of a map to all those of the map that is made of it."""
        if sides is None:
            return super().matrix(sides)
        weight, bias = self.folded()
        (outputs, inputs, *kernel), made, layer = weight.shape, self.sides_after(sides), self.layer
        matrix = weight.new_zeros(*made, outputs, *sides, inputs)
        for place in itertools.product(*map(range, made)):
            starts = (
                at * stride - padding for at, stride, padding in zip(place, layer.stride, layer.padding, strict=True)
            )
            (rows, rows_under), (columns, columns_under) = map(_overlap, starts, kernel, sides)
            matrix[place][:, rows, columns] = weight[:, :, rows_under, columns_under].permute(0, 2, 3, 1)
        pixels = made[0] * made[1]
        return matrix.view(pixels * outputs, -1), None if bias is None else bias.repeat(pixels)


def _overlap(start: int, kernel: int, side: int) -> tuple[slice, slice]:
    """The part of a map's side that a kernel beginning at `start` lies on, and the part of the kernel that lies there."""
    first, last = max(start, 0), min(start + kernel, side)
    return slice(first, last), slice(first - start, last - start)


def multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies in this precision here. Its operators are torch's own business: another torch may have
    others."""
    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():
        return False
    if not all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")
    ):
        return False
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def packed(network: nn.Module, dtype: torch.dtype = torch.float32) -> Packed | None:
    """The packed form of a network, to be refreshed before use. None for one whose forward pass looks at values: it has
    no one graph."""
    try:
        with probing(network, "eval"):
            traced = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, TypeError, RuntimeError):
        return None
    for node in list(traced.graph.nodes):
        if isinstance(_layer(traced, node), nn.Identity):  # may stand between a layer and its ReLU
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    for node in list(traced.graph.nodes):
        layer = _layer(traced, node)
        kinds = {nn.Linear: (Layer, nn.BatchNorm1d), nn.Conv2d: (Convolution, nn.BatchNorm2d)}.get(type(layer))
        if kinds is None or getattr(layer, "padding_mode", "zeros") != "zeros":
            continue
        kind, norm_kind = kinds
        norm = _joined(traced, node, norm_kind)
        relu = _joined(traced, node, nn.ReLU) is not None
        node.target = f"packed_{node.name}"
        traced.add_submodule(node.target, kind(layer, norm, relu, dtype))
    traced.recompile()
    return Packed(traced)


def _layer(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(node.target) if node.op == "call_module" else None


def _joined(traced: fx.GraphModule, node: fx.Node, kind: type[nn.Module]) -> nn.Module | None:
    """The layer of this kind that alone takes what `node` makes; it leaves the graph. None where there is none."""
    users = list(node.users)
    layer = _layer(traced, users[0]) if len(users) == 1 else None
    if not isinstance(layer, kind):
        return None
    users[0].replace_all_uses_with(node)
    traced.graph.erase_node(users[0])
    return layer
