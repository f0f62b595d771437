"""From the outputs of a stack of networks to the columns of their records. B networks, D inputs, n nodes, K classes.

Every measure of a network is made of its own outputs by the same operations, whatever else is in the stack.
"""

from __future__ import annotations

import torch
from torch import Tensor

from igbviz.ensembles.records import HISTOGRAM_EDGES

# Below this share of the mean square, a variance has lost too many digits when it is computed as mean square less
# squared mean.
CANCELLED = 0.01


@torch.no_grad()
def measure_layer(outputs: Tensor) -> dict[str, Tensor]:
    """(B, D, n) outputs to three columns (B,) of `exact` numbers.

    centre: mean over the nodes of the squared mean over the inputs; variance: mean over the nodes of the unbiased
    variance over the inputs; cosine: mean over the pairs of different inputs, where an output of norm 0 counts as
    orthogonal to all.

    The outputs are read twice in all, because for a wide layer reading them costs as much as a tenth of the product
    that made them: norms first, then both sums over the inputs as one product, |sum_a Y_a / |Y_a||^2 = D + D (D - 1)
    cosine.
    """
    inputs, nodes = outputs.shape[1:]
    norms = torch.linalg.vector_norm(outputs, dim=-1)
    weights = torch.empty(len(outputs), 2, inputs, device=outputs.device, dtype=outputs.dtype)
    weights[:, 0] = 1 / inputs
    torch.reciprocal(norms.clamp_min(1e-30), out=weights[:, 1])
    means, directions = exact(weights @ outputs).square_().sum(-1).unbind(1)  # (B,) each
    squares, alone = exact(norms).square().sum(-1), norms.count_nonzero(-1)
    centre = means / nodes
    variance = (squares - inputs * means) / (nodes * (inputs - 1))
    cosine = (directions - alone) / (inputs * (inputs - 1))
    for i in (variance * (inputs * nodes) < CANCELLED * squares).nonzero()[:, 0].tolist():
        deviations, rays = outputs[i] - outputs[i].mean(0), torch.nn.functional.normalize(outputs[i], dim=-1)
        variance[i] = exact(deviations).square().sum() / (nodes * (inputs - 1))
        if alone[i] == inputs:
            cosine[i] = 1 - exact(rays - rays.mean(0)).square().sum() / (inputs - 1)
    return {"centre": centre, "variance": variance, "cosine": cosine}


@torch.no_grad()
def measure_logits(logits: Tensor) -> dict[str, Tensor]:
    """(B, D, K) logits to the columns guesses, centre, spread, probability (B, K), histogram (B, K, bins), variance and
    cosine (B,).

    The first of equals wins.
    """
    classes = logits.shape[-1]
    guesses = torch.zeros(len(logits), classes, dtype=torch.int64, device=logits.device)
    guess = logits.argmax(-1)
    probability = exact(logits.softmax(-1)).mean(1)
    logits = exact(logits)
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
    """(B, K, bins) counts of (B, D, K) logits between `HISTOGRAM_EDGES`; of equal logits all in the bin that begins at
    0."""
    networks, _, classes = logits.shape
    low, bins = float(HISTOGRAM_EDGES[0]), len(HISTOGRAM_EDGES) - 1
    per_bin = float(HISTOGRAM_EDGES[1]) - low
    standard = (logits - centre[:, None]).div_(torch.where(spread > 0, spread, 1)[:, None])
    # Clamped as whole numbers: these have no NaN, which would be counted outside of the table. Such a network is
    # refused later.
    place = (
        standard.sub_(low)
        .div_(per_bin)
        .long()
        .clamp_(0, bins - 1)
        .add_(torch.arange(classes, device=logits.device) * bins)
    )
    counts = torch.zeros(networks, classes * bins, dtype=torch.int32, device=logits.device)
    one = torch.ones((), dtype=torch.int32, device=logits.device)
    return counts.scatter_add_(1, place.flatten(1), one.expand(networks, place[0].numel())).view(
        networks, classes, bins
    )


def exact(values: Tensor) -> Tensor:
    """In double precision, which MPS lacks."""
    return values.float() if values.device.type == "mps" else values.double()
