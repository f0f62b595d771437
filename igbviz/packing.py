"""Probes on a CPU: the same answers of a convolutional network in eval mode, sooner.

BatchNorm is folded into the convolution before it, and in float32 the maps stay in oneDNN's own layout from the first convolution to
the logits, so that nothing is reordered between two layers. In bfloat16 the weights are rounded once a probe, not at every use. The
logits differ from the plain forward pass in their last digits.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import conv2d, linear
from torch.nn.utils import fuse_conv_bn_weights

# What takes maps in any layout. A network with other layers behind its first convolution is left as it is.
LAYERS = (nn.Linear, nn.ReLU, nn.MaxPool2d, nn.Flatten, nn.Identity, nn.Dropout)
FUNCTIONS = (operator.add, operator.iadd, torch.add, torch.flatten)


class Packed(fx.Interpreter):
    """A network's forward pass, node by node, with the weights that it had at the last `refresh`."""

    def __init__(self, network: fx.GraphModule, norms: dict[str, str | None], dtype: torch.dtype) -> None:
        """`norms` names the layers with weights, and the BatchNorm that is folded into each."""
        super().__init__(network)
        self.norms, self.dtype = norms, dtype
        self.folded = {norm for norm in norms.values() if norm}
        self.weights: dict[str, tuple[Tensor, Tensor | None]] = {}

    @torch.inference_mode()
    def refresh(self) -> None:
        """Take over the weights and the running statistics as they are now."""
        for name, norm_name in self.norms.items():
            layer = self.module.get_submodule(name)
            weight, bias = layer.weight, layer.bias
            if norm_name:
                norm = self.module.get_submodule(norm_name)
                weight, bias = fuse_conv_bn_weights(weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            self.weights[name] = weight.to(self.dtype), None if bias is None else bias.to(self.dtype)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target in self.folded:
            return args[0]
        if target not in self.norms:
            return super().call_module(target, args, kwargs)
        layer, inputs = self.module.get_submodule(target), self._enter(args[0])
        if isinstance(layer, nn.Linear):
            return linear(inputs, *self.weights[target])
        return conv2d(inputs, *self.weights[target], layer.stride, layer.padding, layer.dilation, layer.groups)

    def output(self, target: Any, args: Any, kwargs: Any) -> Any:
        (logits,) = args
        return logits.to_dense() if logits.is_mkldnn else logits

    def _enter(self, maps: Tensor) -> Tensor:
        if self.dtype == torch.float32:
            return maps if maps.is_mkldnn else maps.to_mkldnn()
        return maps.to(self.dtype, memory_format=torch.channels_last) if maps.ndim == 4 else maps


def packed(network: nn.Module, dtype: torch.dtype = torch.float32) -> Packed | None:
    """The packed form of a network, to be refreshed before use. None where it has no convolution, or layers that cannot be packed."""
    if not any(isinstance(layer, nn.Conv2d) for layer in network.modules()):
        return None
    try:
        traced = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, TypeError):  # a forward pass that looks at values has no one graph
        return None
    norms = _norms(traced)
    return None if norms is None else Packed(traced, norms, dtype)


def _norms(traced: fx.GraphModule) -> dict[str, str | None] | None:
    norms: dict[str, str | None] = {}
    inside: set[fx.Node] = set()  # what the first convolution and those behind it make
    for node in traced.graph.nodes:
        layer = traced.get_submodule(node.target) if node.op == "call_module" else None
        source = node.all_input_nodes[0] if node.all_input_nodes else None
        if not isinstance(layer, nn.Conv2d) and not inside.intersection(node.all_input_nodes):
            continue
        inside.add(node)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if node.target in norms or getattr(layer, "padding_mode", "zeros") != "zeros":
                return None
            norms[node.target] = None
        elif isinstance(layer, nn.BatchNorm2d):
            if norms.get(source.target, "") is not None or len(source.users) > 1:
                return None
            norms[source.target] = node.target
        elif not (isinstance(layer, LAYERS) or _is_mean(layer) or node.target in FUNCTIONS or node.op == "output"):
            return None
    return norms


def _is_mean(layer: nn.Module | None) -> bool:
    return isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1))
