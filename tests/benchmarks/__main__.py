"""Speed of the engine, side by side in one process, as ratios: `python -m tests.benchmarks [--json FILE]`.

Medians of several alternating repeats; the machine is named. Nothing here is a test: the numbers are for people to
read.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from igbviz import charts
from igbviz.charts.run import run_curves
from igbviz.config import PRESETS, RunConfig
from igbviz.losses import LOSSES
from igbviz.runs.files import write_json
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.training.loop import Training
from igbviz.training.network import build_network, evaluation_mode
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import columns_of
from igbviz.ui.live_chart import payload
from tests.benchmarks.timing import alternating, row


def steps_and_probes(name: str, config: RunConfig, times: int) -> list[dict[str, Any]]:
    """The engine against bare forward, backward, step, and against a bare forward pass over the probe set, on the same
    batches."""
    training = Training(config.with_(epochs=1000, probes={"size": config.probes.size, "count": 2}), "cpu")
    ticks = training.ticks()
    while training.step < 20:
        next(ticks)
    network = build_network(config, training.data)
    if config.model.channels_last_on_cpu:
        network = network.to(memory_format=torch.channels_last)
    network.load_state_dict(training.network.state_dict())
    optimizer = config.optimizer.build(network.parameters())
    numbers = iter(range(10**9))

    def bare() -> None:
        images, labels = training.batches.of_step(next(numbers) % training.steps_per_epoch)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    def probe() -> None:
        for _ in training.evaluation.ticks(training.config.loss, training.loss_sum):
            pass

    def forward() -> None:
        with torch.inference_mode(), evaluation_mode(network, "eval"):
            for images in training.evaluation.images.split(training.evaluation.chunk):
                network(images)

    def on_all_cores() -> None:
        torch.set_num_threads(threads)
        bare()
        torch.set_num_threads(training.threads)

    threads = torch.get_num_threads()
    torch.set_num_threads(
        training.threads
    )  # what the engine adds, not how many threads it takes: those have a row of their own
    rows = [row(f"{name}: step, engine / bare", alternating({"engine": lambda: next(ticks), "bare": bare}, times))]
    if training.threads != threads:
        rows.append(
            row(
                f"{name}: bare step, one thread / {threads}",
                alternating({"one": bare, f"{threads}": on_all_cores}, times),
            )
        )
    torch.set_num_threads(training.evaluation.threads)
    rows.append(
        row(
            f"{name}: probe, engine / bare forward",
            alternating({"engine": probe, "bare": forward}, max(1, times // 20)),
        )
    )
    torch.set_num_threads(threads)
    return rows


def watched_images(repeats: int = 101) -> list[dict[str, Any]]:
    """A probe that watches images one by one and appends their record to a file, against the same probe without.

    In processor time, and what they add also on its own: it is less than anything else on a machine takes.
    """
    rows = []
    first_look = PRESETS["first-look"].config
    noisy = first_look.with_(label_noise={"name": "symmetric", "rate": 0.4})
    for name, config in {"first look": first_look, "first look, wrong labels": noisy}.items():
        training = Training(config, "cpu")
        evaluation, watched = training.evaluation, training.watched
        logits = torch.cat(list(evaluation.logits(evaluation.images, evaluation.wrong_images))).clone()
        with tempfile.TemporaryFile(buffering=0) as file:

            def probe(images: Any, training: Training = training, file: Any = file) -> None:
                training.evaluation.watched, training.snapshots = images, 0
                list(training.look())
                if images:
                    file.write(training.images.tobytes())

            def added(logits: torch.Tensor = logits, watched: Any = watched, file: Any = file) -> None:
                file.write(watched.record(watched.reduce(logits).double().numpy()).tobytes())

            torch.set_num_threads(evaluation.threads)
            ways = {"with images": partial(probe, watched), "without": partial(probe, None), "added": added}
            taken = alternating(ways, 1, repeats, time.process_time)
            case = f"probe of {name}, {len(watched)} images"
            rows.append(row(case, taken))
            rows.append(row(f"{case}: added / without", {name: taken[name] for name in ("added", "without")}))
    return rows


def losses(times: int = 200) -> list[dict[str, Any]]:
    """A step of the default network with each loss against the same step with cross-entropy, at batch 32."""
    rows = []
    base = PRESETS["first-look"].config.with_(
        dataset={"name": "fashion-mini"}, epochs=1000, probes={"size": 100, "count": 2}
    )

    def stepping(name: str) -> Callable[[], Any]:
        training = Training(base.with_(loss={"name": name}, optimizer={"name": "sgd", "learning_rate": 1e-6}), "cpu")
        ticks = training.ticks()
        while training.step < 5:
            next(ticks)
        return lambda: next(ticks)

    for name in LOSSES:
        ways = {name: stepping(name), "cross-entropy ": stepping("cross-entropy")}
        rows.append(row(f"step with {name} / cross-entropy", alternating(ways, times, 5)))
    return rows


def a_long_run(probes: int) -> Trajectory:
    """A synthetic run with this number of probes of ten classes."""
    records = np.zeros(probes, snapshot_dtype(10))
    records["step"] = np.arange(probes)
    records["epoch"] = records["step"] / 313
    records["mean_prob"] = np.random.default_rng(0).dirichlet(np.ones(10), (probes, 10)).astype(np.float32)
    records["confusion"] = np.random.default_rng(0).multinomial(200, [0.1] * 10, (probes, 10))
    return Trajectory(records)


def refresh() -> list[dict[str, Any]]:
    """Server time and bytes of one refresh of the live view, from the file to the payload: a long run against a short
    one."""
    probes = {"schedule": "batch", "size": 10}
    ways = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (50_000, 50):
            config = PRESETS["first-look"].config.with_(batch_size=1, epochs=5 / 6, probes=probes, seed=count)
            run = Run(Path(folder) / config.id)
            run.path.mkdir()
            (run.path / "config.json").write_text(config.to_json())
            (run.path / "trajectory.bin").write_bytes(a_long_run(count).records.tobytes())
            names = [str(k) for k in range(10)]
            write_json(run.path / "schema.json", {
                "columns": columns_of(snapshot_dtype(10)), "class_names": names,
                "steps": 50_000, "steps_per_epoch": 60_000,
            })  # fmt: skip

            def once(run: Run = run, config: RunConfig = config) -> int:
                shown = run.glance()
                figures = [
                    run_curves(shown, config, name, steps_per_epoch=run.steps_per_epoch)
                    for name in ("true_class_probability", "accuracy")
                ]
                return sum(len(payload(figure)) for figure in [*figures, charts.bars.spec(shown)])

            ways[f"{count} probes ({len(run.glance())} drawn), {once() / 1000:.0f} kB"] = once
        return [row("refresh, file to payload", alternating(ways, 3))]


def listing() -> list[dict[str, Any]]:
    """The list of runs with a thousand of them."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1000):
            path = Path(folder) / "runs" / f"run-{seed}"
            path.mkdir(parents=True)
            (path / "config.json").write_text(RunConfig().to_json())
            (path / "status.json").write_text(Status(state="done", submitted=seed).model_dump_json())
        once = {"1000 runs": lambda: list_runs(folder), "and again": lambda: list_runs(folder)}
        return [row("list of runs", alternating(once, 1))]


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks")
    parser.add_argument("--json", type=Path, help="also write the values there")
    parser.add_argument("--only", choices=["engine", "images", "losses", "refresh", "listing"])
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"{time.ctime()}"
    )
    rows: list[dict[str, Any]] = []
    if options.only in (None, "engine"):
        rows += steps_and_probes("default (mlp)", RunConfig(), 200)
        rows += steps_and_probes("first look (mlp)", PRESETS["first-look"].config, 200)
        rows += steps_and_probes("cnn", RunConfig(model={"name": "cnn"}), 20)
        noise = {"name": "gaussian-noise", "size": 32, "train_examples": 640}
        rows += steps_and_probes(
            "resnet18, 32x32", RunConfig(dataset=noise, model={"name": "resnet18"}, probes={"size": 500}), 3
        )
    if options.only in (None, "images"):
        rows += watched_images()
    if options.only in (None, "refresh"):
        rows += refresh()
    if options.only in (None, "listing"):
        rows += listing()
    if options.only in (None, "losses"):
        rows += losses()
    if options.json:
        options.json.write_text(
            json.dumps({"machine": platform.platform(), "torch": torch.__version__, "date": time.ctime(), "rows": rows})
        )


if __name__ == "__main__":
    main()
