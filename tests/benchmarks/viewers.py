"""Many viewers of one live run: `python -m tests.benchmarks.viewers [--viewers 30]`.

A viewer is a connection that speaks Streamlit's protocol: it opens the page of a training run, follows the page's timer
and waits for each response. No browser draws, since real viewers have machines of their own; so both cores belong to
the server and the training.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from igbviz.config import PRESETS
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.ui.refresh import FIRST_SECONDS
from tests.benchmarks.app import app

SECONDS, TIMEOUT = 12.0, 5.0  # of viewing, and of waiting for one response


class Viewer:
    """One viewer: seconds to the whole page and to the response of each refresh, and bytes of these responses."""

    def __init__(self) -> None:
        self.page = 0.0
        self.refreshes: list[float] = []
        self.bytes = 0
        self.every, self.fragment = 0.0, ""  # the page's timer
        self.answered = asyncio.Event()

    async def view(self, address: str, run: Run, until: float) -> None:
        async with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            listening = asyncio.create_task(self._listen(socket))
            place = {"query_string": f"run={run.id}", "page_name": "Train"}
            self.page = await self._ask(socket, **place)
            self.bytes = 0
            while time.perf_counter() < until:
                await asyncio.sleep(self.every)
                self.refreshes.append(await self._ask(socket, fragment_id=self.fragment, is_auto_rerun=True, **place))
            listening.cancel()

    async def _ask(self, socket: ClientConnection, **fields: str | bool) -> float:
        """Seconds from a request to the end of its response; TIMEOUT if the page has just replaced this timer."""
        message = BackMsg()
        for name, value in fields.items():
            setattr(message.rerun_script, name, value)
        self.answered.clear()
        started = time.perf_counter()
        await socket.send(message.SerializeToString())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.answered.wait(), TIMEOUT)
        return time.perf_counter() - started

    async def _listen(self, socket: ClientConnection) -> None:
        async for response in socket:
            self.bytes += len(response)
            message = ForwardMsg.FromString(response)
            kind = message.WhichOneof("type")
            if kind == "auto_rerun":
                self.every, self.fragment = message.auto_rerun.interval, message.auto_rerun.fragment_id
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.answered.set()


def measure(address: str, run: Run, count: int) -> tuple[list[Viewer], float]:
    """`count` viewers for SECONDS, and the run's steps per second meanwhile."""
    viewers = [Viewer() for _ in range(count)]

    async def everybody() -> None:
        until = time.perf_counter() + SECONDS
        await asyncio.gather(*(viewer.view(address, run, until) for viewer in viewers))

    first, started = run.status.step, time.perf_counter()
    asyncio.run(everybody())
    return viewers, (run.status.step - first) / (time.perf_counter() - started)


def report(when: str, viewers: list[Viewer], pace: float) -> None:
    refreshes = sorted(seconds for viewer in viewers for seconds in viewer.refreshes) or [TIMEOUT]
    late = refreshes[int(0.95 * len(refreshes))]
    kilobytes = sum(viewer.bytes for viewer in viewers) / 1e3 / len(refreshes)
    training = f"; the run goes at {pace:,.0f} steps per second" if pace else ""
    print(
        f"{when}, {len(viewers):2} viewers: {len(refreshes) / len(viewers) / SECONDS:.2f} refreshes per second, "
        f"answered after {1e3 * statistics.median(refreshes):.0f} ms (95 %: {1e3 * late:.0f} ms, n = "
        f"{len(refreshes)}), {kilobytes:.0f} kB; whole page after {max(viewer.page for viewer in viewers):.2f} s at "
        f"most{training}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.viewers")
    parser.add_argument("--viewers", type=int, default=30)
    count = parser.parse_args().viewers
    with tempfile.TemporaryDirectory() as folder:
        crowd(Path(folder), count)


def crowd(cache: Path, count: int) -> None:
    """One viewer of a young and of an older run in training, then `count` of them."""
    with app(cache) as address:
        for number in (1, count):
            run = submit(PRESETS["first-look"].config.with_(epochs=1000, probes={"count": 1000}, seed=number), cache)
            while len(run.trajectory()) < 20:
                time.sleep(0.1)
            report("a young run", *measure(socket_of(address), run, number))
            while run.status.seconds < FIRST_SECONDS:
                time.sleep(0.1)
            report("an older run", *measure(socket_of(address), run, number))
            run.stop()
            run.wait()


def socket_of(address: str) -> str:
    return address.replace("http", "ws") + "/_stcore/stream"


if __name__ == "__main__":
    main()
