"""Reduce the outputs of stacked networks to the columns of their records. B networks, D inputs, n nodes, K classes.

A network's values are computed from its own outputs by the same operations, whatever else is in the stack.
"""

from __future__ import annotations

import torch
from torch import Tensor

from igbviz.ensembles.records import HISTOGRAM_EDGES

# Below this fraction of the mean square, a variance computed as mean square - squared mean has lost too many digits.
CANCELLATION_LIMIT = 0.01


@torch.no_grad()
def measure_layer(outputs: Tensor) -> dict[str, Tensor]:
    """Three columns (B,), in double precision, of outputs (B, D, n).

    centre: mean over the nodes of the squared mean over the inputs; variance: mean over the nodes of the unbiased
    variance over the inputs; cosine: mean over the pairs of different inputs, where an output of norm 0 counts as
    orthogonal to all.

    The outputs are read only twice, since reading those of a wide layer costs a tenth of the product that computes
    them: norms first, then both sums over the inputs as one product, |sum_a Y_a / |Y_a||^2 = D + D (D - 1) cosine.
    """
    inputs, nodes = outputs.shape[1:]
    norms = torch.linalg.vector_norm(outputs, dim=-1)
    weights = torch.empty(len(outputs), 2, inputs, device=outputs.device, dtype=outputs.dtype)
    weights[:, 0] = 1 / inputs
    torch.reciprocal(norms.clamp_min(1e-30), out=weights[:, 1])
    means, directions = to_double(weights @ outputs).square_().sum(-1).unbind(1)  # (B,) each
    squares, nonzero = to_double(norms).square().sum(-1), norms.count_nonzero(-1)
    centre = means / nodes
    variance = (squares - inputs * means) / (nodes * (inputs - 1))
    cosine = (directions - nonzero) / (inputs * (inputs - 1))
    for i in (variance * (inputs * nodes) < CANCELLATION_LIMIT * squares).nonzero()[:, 0].tolist():
        deviations, units = outputs[i] - outputs[i].mean(0), torch.nn.functional.normalize(outputs[i], dim=-1)
        variance[i] = to_double(deviations).square().sum() / (nodes * (inputs - 1))
        if nonzero[i] == inputs:
            cosine[i] = 1 - to_double(units - units.mean(0)).square().sum() / (inputs - 1)
    return {"centre": centre, "variance": variance, "cosine": cosine}


@torch.no_grad()
def measure_logits(logits: Tensor) -> dict[str, Tensor]:
    """The columns of logits (B, D, K): guesses, centre, spread, probability (B, K), histogram (B, K, bins), variance
    and cosine (B,).

    Of equal logits the first class is guessed.
    """
    classes = logits.shape[-1]
    guesses = torch.zeros(len(logits), classes, dtype=torch.int64, device=logits.device)
    guess = logits.argmax(-1)
    probability = to_double(logits.softmax(-1)).mean(1)
    logits = to_double(logits)
    spread, centre = torch.std_mean(logits, dim=1)
    centred = measure_layer(logits - logits.mean(-1, keepdim=True))
    return {
        "guesses": guesses.scatter_add_(1, guess, torch.ones_like(guess)),
        "centre": centre,
        "spread": spread,
        "probability": probability,
        "histogram": histogram(logits, centre, spread),
        "variance": centred["variance"] * classes / (classes - 1),
        "cosine": centred["cosine"],
    }


def histogram(logits: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
    """(B, K, bins) counts of logits (B, D, K) between `HISTOGRAM_EDGES`; equal logits all fall in the bin starting at
    0."""
    networks, _, classes = logits.shape
    low, bins = float(HISTOGRAM_EDGES[0]), len(HISTOGRAM_EDGES) - 1
    per_bin = float(HISTOGRAM_EDGES[1]) - low
    standard = (logits - centre[:, None]).div_(torch.where(spread > 0, spread, 1)[:, None])
    # Clamped as integers: a NaN would be counted outside of the table. A network with NaN is rejected later.
    index = (
        standard.sub_(low)
        .div_(per_bin)
        .long()
        .clamp_(0, bins - 1)
        .add_(torch.arange(classes, device=logits.device) * bins)
    )
    counts = torch.zeros(networks, classes * bins, dtype=torch.int32, device=logits.device)
    one = torch.ones((), dtype=torch.int32, device=logits.device)
    return counts.scatter_add_(1, index.flatten(1), one.expand(networks, index[0].numel())).view(
        networks, classes, bins
    )


def to_double(values: Tensor) -> Tensor:
    """In double precision; in single precision on MPS, which has no float64."""
    return values.float() if values.device.type == "mps" else values.double()
