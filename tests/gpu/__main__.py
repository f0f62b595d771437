"""Everything that only a GPU can answer, in under ten minutes: `python -m tests.gpu`.

Each part runs in a process of its own, and a failure of one does not stop the next. The results are small files in
the folder --out: RESULTS.md, results.json, log.txt, and each of the paper's runs as an archive, finished or not. A
throughput is measured on some hundred steps and extrapolated, which the results say.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.gpu import carry
from tests.gpu.registry import PARTS

MINUTES = 9.5


def parsed() -> argparse.Namespace:
    parts = "\n".join(f"  {part.name:12}{part.words} (at most {part.seconds:g} s)" for part in PARTS.values())
    parser = argparse.ArgumentParser(
        "python -m tests.gpu",
        description=__doc__,
        epilog=f"parts, in this order; later ones get what is left of --minutes:\n{parts}\n\n{carry.WORDS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, as in engine,steps (default: all)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts together (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder of the results")
    parser.add_argument("--cache", type=Path, help="folder of the three runs, which go on from what is in it")
    parser.add_argument("--data", type=Path, help="CIFAR-10: a folder of it, or an archive of such a folder")
    parser.add_argument("--wheels", type=Path, help="folder of wheels to import from, see below")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="only show that every part works; for a CPU")
    options = parser.parse_args()
    if unknown := [name for name in options.parts.split(",") if name not in PARTS]:
        parser.error(f"--parts names {', '.join(unknown)}, allowed: {', '.join(PARTS)}")
    if options.data and not options.data.exists():
        parser.error(f"--data {options.data} does not exist")
    return options


def main() -> int:
    asked, started = parsed(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="igbviz-gpu-") as folder:
        if asked.wheels:
            carry.use_wheels(asked.wheels, Path(folder) / "wheels")
        if lacking := carry.missing():
            print(f"this Python lacks {', '.join(lacking)}: see --help for what to bring", file=sys.stderr)
            return 2
        return begin(asked, Path(folder), started)


def begin(asked: argparse.Namespace, folder: Path, started: float) -> int:
    """Do the parts, and write what came of them. Returns 1 if anything is not as it has to be."""
    import torch

    from tests.gpu import report
    from tests.gpu.bench import Options
    from tests.gpu.campaign import campaign

    if asked.device == "cuda" and not torch.cuda.is_available():
        print("torch sees no GPU here: --device cpu --small shows that the parts work", file=sys.stderr)
        return 2
    cache = (asked.cache or Path(tempfile.gettempdir()) / "igbviz-gpu-cache").resolve()
    data = asked.data.resolve() if asked.data else None
    options = Options(asked.device, asked.small, folder, cache, asked.out.resolve(), data)
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ["IGBVIZ_DATA"] = str(cache / "data")  # what is unpacked and decoded
    chosen = [part for part in PARTS.values() if part.name in asked.parts.split(",")]
    machine = report.about(options)
    print(", ".join(str(value) for value in machine.values() if value is not None), flush=True)
    outcomes = campaign(
        chosen,
        options,
        60 * asked.minutes - (time.monotonic() - started),
        lambda line: print(line, flush=True),
    )
    report.write(outcomes, options, machine)
    print(f"\n{report.table(outcomes)}\n\nresults in {options.out}", flush=True)
    return int(any(outcome.is_bad for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
