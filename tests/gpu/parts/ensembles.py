"""Untrained networks: stacked, one by one, and by a plain loop."""

from __future__ import annotations

from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.networks import StackedNetworks
from tests.benchmarks.ensembles import SETTINGS, loop
from tests.gpu.bench import Bench
from tests.gpu.timing import EAGER, PLAIN, compare

NETWORKS = 40


def run(bench: Bench) -> None:
    for name, (width, depth, inputs, _) in SETTINGS.items():
        count = 4 if bench.is_small else NETWORKS
        model = {"name": "mlp", "width": 16 if bench.is_small else width, "depth": depth}
        config = EnsembleConfig(model=model, inputs=inputs, networks=count)
        measured = StackedNetworks(config, bench.device)
        ways = {
            EAGER: lambda measured=measured: list(measured.record_batches(max_batch=1)),
            PLAIN: lambda measured=measured: loop(measured),
            "stacked": lambda measured=measured: list(measured.record_batches()),
        }
        case = f"{name}, {count} networks, one by one"
        compare(bench, case, ways, 1, 1 if bench.is_small else 3, "a network", per=count)
