"""Parts that fail in every way, for the test of the campaign."""

from __future__ import annotations

import os
import time

from tests.gpu.bench import Bench


def raises(bench: Bench) -> None:
    bench.note("before", "noted")
    raise ValueError("no good")


def dies(bench: Bench) -> None:
    bench.note("before", "noted")
    os.kill(os.getpid(), 9)


def hangs(bench: Bench) -> None:
    bench.note("before", "noted")
    time.sleep(600)


def finds_fault(bench: Bench) -> None:
    bench.check("before", False)


def works(bench: Bench) -> None:
    bench.check("before", True)
