"""One part in a process of its own."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from tests.gpu.bench import Bench, Options


def work(part: str, options: Options, seconds: float) -> None:
    """Do a part; what it prints goes into a file, and an exception that it raises into its notes."""
    os.setsid()  # so that all that it starts can be ended with it
    printed = os.open(options.work / f"{part}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    bench = Bench(part, options, seconds)
    try:
        importlib.import_module(f"tests.gpu.parts.{part}").run(bench)
    except Exception as error:
        traceback.print_exc()
        bench.note("error", f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", False)
        sys.exit(1)
