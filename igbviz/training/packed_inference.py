"""Faster probes on a CPU: a packed copy of a network in eval mode, with the same logits up to rounding.

BatchNorm is folded into the layer before it, ReLU is fused into that layer, and feature maps are channels-last. Then a
1x1 convolution is a matrix product over pixels, and so is one whose kernel covers the whole feature map. Written out as
a matrix, the latter skips the products with the padding: five of nine on a 2x2 map, eight of nine on a single pixel.
oneDNN computes these products from weights that are reordered once per probe; on some processors it is twice as fast as
the library behind `torch.nn.functional.linear`.
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

from igbviz.training.network import evaluation_mode

if TYPE_CHECKING:
    from igbviz.training.evaluation import Evaluation

# Largest ratio of matrix to kernel size for a convolution to be written out: 1.8 for 3x3 on a 2x2 map, 9 on 3x3.
MAX_MATRIX_GROWTH = 2
CONV_CHUNK = 125  # images per pass of a convolutional network: most of its feature maps stay in the cache

MapSize = tuple[int, ...]  # height and width of a feature map


def accelerate(evaluation: Evaluation) -> None:
    """Let probes use the packed network: on a CPU, in eval mode, if the network can be packed."""
    applies = evaluation.device.type == "cpu" and evaluation.batch_norm == "eval"
    if applies and (packed := pack_network(evaluation.network, getattr(torch, evaluation.precision))):
        # Released after each probe: packed weights take at least as much memory as the network.
        evaluation.forward, evaluation.release = packed, packed.refresh


class PackedNetwork:
    """A packed forward pass. It uses the weights as they were at the first call after the last `refresh`."""

    def __init__(self, network: fx.GraphModule) -> None:
        self.network = network
        self.layers = [layer for layer in network.modules() if isinstance(layer, PackedLinear)]
        self.has_convs = any(isinstance(layer, PackedConv) for layer in self.layers)

    def refresh(self) -> None:
        """Drop the packed weights: the next call packs the current weights and running statistics."""
        for layer in self.layers:
            layer.cache.clear()

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, K) of images (N, C, H, W)."""
        return (
            torch.cat([self.network(chunk) for chunk in images.split(CONV_CHUNK)])
            if self.has_convs
            else self.network(images)
        )


class PackedLinear(nn.Module):
    """A linear layer fused with the BatchNorm and the ReLU after it."""

    fuse = staticmethod(fuse_linear_bn_weights)

    def __init__(self, layer: nn.Module, norm: nn.Module | None, relu: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.norm, self.relu, self.dtype = layer, norm, relu, dtype
        self.by_onednn = onednn_supports(dtype)
        self.cache: dict[
            MapSize | None, tuple[Tensor, Tensor | None]
        ] = {}  # weight and bias as last used, by the map they are for

    def forward(self, inputs: Tensor) -> Tensor:
        return self.times(inputs.to(self.dtype))

    def fused_weights(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias with BatchNorm folded in, in the packed dtype."""
        weight, bias, norm = self.layer.weight, self.layer.bias, self.norm
        if norm is not None:
            weight, bias = self.fuse(
                weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
        return weight.detach().to(self.dtype), None if bias is None else bias.detach().to(self.dtype)

    def matrix(self, size: MapSize | None) -> tuple[Tensor, Tensor | None]:
        """Weight (outputs, inputs) and bias (outputs,) of the matrix product."""
        weight, bias = self.fused_weights()
        return weight.flatten(1), bias

    def times(self, rows: Tensor, size: MapSize | None = None) -> Tensor:
        """Apply the layer as a matrix product over the last axis of `rows` (..., inputs)."""
        rows = rows.contiguous()
        if size not in self.cache:
            weight, bias = self.matrix(size)
            if self.by_onednn:
                weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows[..., 0].numel())
            self.cache[size] = weight, bias
        weight, bias = self.cache[size]
        product = (
            torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
            if self.by_onednn
            else linear(rows, weight, bias)
        )
        # Not fused into the product: oneDNN's ReLU maps NaN to 0, which would hide a diverged network.
        return product.relu_() if self.relu else product


class PackedConv(PackedLinear):
    """A convolution fused with the BatchNorm and the ReLU after it, computed as a matrix product where possible."""

    fuse = staticmethod(fuse_conv_bn_weights)

    def forward(self, maps: Tensor) -> Tensor:
        layer, maps, size = self.layer, maps.to(self.dtype), tuple(maps.shape[2:])
        if self.is_dense and self.covers(size):
            product = self.times(maps.permute(0, 2, 3, 1).flatten(1), size)
            return product.view(len(maps), *self.output_size(size), -1).permute(0, 3, 1, 2)
        if self.is_dense and layer.kernel_size == (1, 1) and layer.padding == (0, 0):
            down, right = layer.stride
            return self.times(maps[:, :, ::down, ::right].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        if None not in self.cache:
            weight, bias = self.fused_weights()
            self.cache[None] = weight.clone(memory_format=torch.channels_last), bias
        output = conv2d(maps, *self.cache[None], layer.stride, layer.padding, layer.dilation, layer.groups)
        return output.relu_() if self.relu else output

    @property
    def is_dense(self) -> bool:
        """Whether the convolution has one group, no dilation and numeric padding."""
        layer = self.layer
        return layer.groups == 1 and layer.dilation == (1, 1) and not isinstance(layer.padding, str)

    def covers(self, size: MapSize) -> bool:
        """Whether the kernel covers the whole map, and the written-out matrix is not much larger than the kernels."""
        kernel = self.layer.kernel_size
        covered = all(side <= reach for side, reach in zip(size, kernel, strict=True))
        entries = math.prod(size) * math.prod(self.output_size(size))
        return covered and entries <= MAX_MATRIX_GROWTH * math.prod(kernel)

    def output_size(self, size: MapSize) -> MapSize:
        """Height and width of the output for a feature map of this size."""
        layer = self.layer
        geometry = zip(size, layer.kernel_size, layer.stride, layer.padding, strict=True)
        return tuple((side + 2 * padding - kernel) // stride + 1 for side, kernel, stride, padding in geometry)

    def matrix(self, size: MapSize | None) -> tuple[Tensor, Tensor | None]:
        """For a map size: from all pixels and channels of the input map to all those of the output map."""
        if size is None:
            return super().matrix(size)
        weight, bias = self.fused_weights()
        (outputs, inputs, *kernel), (height, width), layer = weight.shape, self.output_size(size), self.layer
        matrix = weight.new_zeros(height, width, outputs, *size, inputs)
        for pixel in itertools.product(range(height), range(width)):
            starts = (
                i * stride - padding for i, stride, padding in zip(pixel, layer.stride, layer.padding, strict=True)
            )
            (rows, kernel_rows), (columns, kernel_columns) = map(_overlap, starts, kernel, size)
            matrix[pixel][:, rows, columns] = weight[:, :, kernel_rows, kernel_columns].permute(0, 2, 3, 1)
        pixels = height * width
        return matrix.view(pixels * outputs, -1), None if bias is None else bias.repeat(pixels)


def _overlap(start: int, kernel: int, side: int) -> tuple[slice, slice]:
    """The slice of a map's side under a kernel that begins at `start`, and the matching slice of the kernel."""
    first, last = max(start, 0), min(start + kernel, side)
    return slice(first, last), slice(first - start, last - start)


def onednn_supports(dtype: torch.dtype) -> bool:
    """Whether oneDNN's matrix product supports this dtype here. Its operators are private to torch and may change."""
    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():
        return False
    if not all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_linear_pointwise", "_reorder_linear_weight", "_is_mkldnn_bf16_supported")
    ):
        return False
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def pack_network(network: nn.Module, dtype: torch.dtype = torch.float32) -> PackedNetwork | None:
    """The packed form of a network; None if it cannot be traced, because its forward pass branches on values."""
    try:
        with evaluation_mode(network, "eval"):
            traced = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, TypeError, RuntimeError):
        return None
    for node in list(traced.graph.nodes):
        if isinstance(_layer(traced, node), nn.Identity):  # may lie between a layer and its ReLU
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    for node in list(traced.graph.nodes):
        layer = _layer(traced, node)
        kinds = {nn.Linear: (PackedLinear, nn.BatchNorm1d), nn.Conv2d: (PackedConv, nn.BatchNorm2d)}.get(type(layer))
        if kinds is None or getattr(layer, "padding_mode", "zeros") != "zeros":
            continue
        kind, norm_kind = kinds
        norm = _absorb(traced, node, norm_kind)
        relu = _absorb(traced, node, nn.ReLU) is not None
        node.target = f"packed_{node.name}"
        traced.add_submodule(node.target, kind(layer, norm, relu, dtype))
    traced.recompile()
    return PackedNetwork(traced)


def _layer(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return traced.get_submodule(node.target) if node.op == "call_module" else None


def _absorb(traced: fx.GraphModule, node: fx.Node, kind: type[nn.Module]) -> nn.Module | None:
    """Remove and return the layer of this kind that is the only user of `node`; None if there is none."""
    users = list(node.users)
    layer = _layer(traced, users[0]) if len(users) == 1 else None
    if not isinstance(layer, kind):
        return None
    users[0].replace_all_uses_with(node)
    traced.graph.erase_node(users[0])
    return layer
