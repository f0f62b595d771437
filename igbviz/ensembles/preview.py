"""The probe at Init. of a run, without the run: the guesses of the network that it would begin with.

The weights, the probed images and the arithmetic are those of the run, so the first snapshot of its training has the
same numbers. One CPU thread is used: it gives the same bits as several, and a second one, when it has to share its core
with a training or a browser, makes a pass of 20 ms take 130.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.datasets import Data
from igbviz.ensembles.measures import measure_logits
from igbviz.training.devices import NumThreads
from igbviz.training.evaluation import Evaluation
from igbviz.training.metrics import measure
from igbviz.training.network import build_network, to_device


@dataclass(frozen=True)
class Preview:
    """`snapshot`: columns of the run's first snapshot. `logits`: columns of `measures.measure_logits`, without B."""

    snapshot: dict[str, np.ndarray]
    logits: dict[str, np.ndarray]


def look(config: RunConfig, device: torch.device, data: Data) -> Generator[None, None, Preview]:
    """Draw and probe the untrained network, yielding between its parts, where the caller may give up.

    Changes nothing outside: no random state, and the number of threads only until the next yield.
    """
    with NumThreads(1):
        network = build_network(config, data)
    yield
    with NumThreads(1):
        network = to_device(network, device, config.model.channels_last_on_cpu, config.precision)
        evaluation = Evaluation(config, network, data)
        evaluation.threads = 1
    chunks: list[torch.Tensor] = []
    for logits in evaluation.logits(evaluation.images):
        chunks.append(logits)
        yield
    with NumThreads(1), torch.inference_mode(False):
        logits = torch.cat(chunks).clone()
        outputs = {name: values[0].cpu().numpy() for name, values in measure_logits(logits[None]).items()}
        return Preview(measure(logits, evaluation.labels, config.loss), outputs)
