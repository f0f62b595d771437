"""The three runs as archives that the program imports, one for each, however far they are."""

from __future__ import annotations

from igbviz.runs.archive.exporting import export_runs
from igbviz.runs.run import Run
from tests.gpu.bench import Bench


def run(bench: Bench) -> None:
    folders = sorted(path.parent for path in (bench.options.cache / "runs").glob("*/trajectory.bin"))
    for folder in folders:
        run = Run(folder)
        path = bench.options.out / f"{run.id}.zip"
        with open(path, "wb") as file:
            left_out = export_runs([run], file)
        status = run.stored_status()
        words = f"{path.stat().st_size / 2**20:.1f} MiB, {status.state}, epoch {status.epoch:.2f}"
        bench.check(path.name, not left_out, left_out[0] if left_out else words)
    if not folders:
        bench.note("archives", "none of the runs has a record yet")
