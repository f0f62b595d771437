"""One part in a process of its own."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from tests.gpu.bench import Bench, Options
from tests.gpu.registry import Part


def work(part: Part, options: Options, seconds: float) -> None:
    """Do a part; what it prints goes into a file, and an exception that it raises into its notes."""
    os.setsid()  # so that all that it starts can be ended with it
    printed = os.open(options.work / f"{part.name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    if options.is_small:
        import torch

        torch.set_num_threads(1)  # two that wait for each other are slow where other tests run beside
    bench = Bench(part.name, options, seconds)
    try:
        module, function = part.module_and_function
        getattr(importlib.import_module(module), function)(bench)
    except Exception as error:
        traceback.print_exc()
        bench.note("error", f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", False)
        sys.exit(1)
