"""Measure whatever is missing in bridge.json and line.json. Ctrl-C stops; the same command goes on."""

from __future__ import annotations

import argparse

import torch
from tqdm import tqdm

from igbviz.studies.phases import bridge, line


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m igbviz.studies.phases", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs at each point and learning rate of the line")
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    ensembles = {bridge.ensembles(*point)[0].id for point in bridge.POINTS}
    layers = [row for row in bridge.read()[0] if row.run in ensembles]  # of today's settings
    for measured in tqdm(bridge.measure(layers), "c and gamma", len(bridge.missing(layers)), unit="point"):
        layers += measured
        bridge.write(layers)
    stored, planned = line.read(), line.lines(seeds)
    ids = {config.id for configs in planned for config in configs}
    rows = [row for row in stored.rows if row.run in ids]  # of today's settings
    points = line.points()
    starts = [start for start in stored.starts if (start.activation, start.sigma_w2) in points]
    if len(starts) < len(points):
        starts = list(tqdm(line.measure_starts(), "gamma at Init.", len(points), unit="point"))
        line.write(starts, rows)
    done = {row.run for row in rows}
    for configs in tqdm([configs for configs in planned if configs[0].id not in done], "training", unit="line"):
        rows += line.train(configs)
        line.write(starts, rows)


if __name__ == "__main__":
    main()
