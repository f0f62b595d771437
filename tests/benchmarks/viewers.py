"""Many viewers of one live run: `python -m tests.benchmarks.viewers [--viewers 30]`.

Every viewer is a connection that speaks Streamlit's protocol: it opens the page of a run that trains, obeys the page's
timer, and waits for the answer. No browser draws, since thirty of them sit at other machines; so all of the two cores
is the server's and the training's.
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
from tests.benchmarks.page import app

SECONDS, LONGEST = 12.0, 5.0  # that everybody looks, and waits for an answer


class Viewer:
    """What one of them met: seconds to the whole page and to the answer of every refresh, and bytes of all answers."""

    def __init__(self) -> None:
        self.page = 0.0
        self.refreshes: list[float] = []
        self.bytes = 0
        self.every, self.fragment = 0.0, ""  # the page's timer
        self.answered = asyncio.Event()

    async def look(self, address: str, run: Run, until: float) -> None:
        async with connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            listening = asyncio.create_task(self._listen(socket))
            place = {"query_string": f"run={run.id}", "page_name": "Train"}
            self.page = await self._ask(socket, **place)
            while time.perf_counter() < until:
                await asyncio.sleep(self.every)
                self.refreshes.append(await self._ask(socket, fragment_id=self.fragment, is_auto_rerun=True, **place))
            listening.cancel()

    async def _ask(self, socket: ClientConnection, **what: str | bool) -> float:
        """Seconds from a question to the end of its answer. A timer that the page has just replaced gets none: those
        are the limit."""
        message = BackMsg()
        for name, value in what.items():
            setattr(message.rerun_script, name, value)
        self.answered.clear()
        started = time.perf_counter()
        await socket.send(message.SerializeToString())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.answered.wait(), LONGEST)
        return time.perf_counter() - started

    async def _listen(self, socket: ClientConnection) -> None:
        async for answer in socket:
            self.bytes += len(answer)
            told = ForwardMsg.FromString(answer)
            kind = told.WhichOneof("type")
            if kind == "auto_rerun":
                self.every, self.fragment = told.auto_rerun.interval, told.auto_rerun.fragment_id
            elif kind == "script_finished" and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.answered.set()


def watched(address: str, run: Run, count: int) -> tuple[list[Viewer], float]:
    """So many viewers for a while, and the steps per second that the run made meanwhile."""
    viewers = [Viewer() for _ in range(count)]

    async def everybody() -> None:
        until = time.perf_counter() + SECONDS
        await asyncio.gather(*(viewer.look(address, run, until) for viewer in viewers))

    first, started = run.status.step, time.perf_counter()
    asyncio.run(everybody())
    return viewers, (run.status.step - first) / (time.perf_counter() - started)


def told(when: str, viewers: list[Viewer], pace: float) -> None:
    refreshes = sorted(seconds for viewer in viewers for seconds in viewer.refreshes) or [LONGEST]
    late = refreshes[int(0.95 * len(refreshes))]
    kilobytes = sum(viewer.bytes for viewer in viewers) / 1e3 / len(refreshes)
    print(
        f"{when}, {len(viewers):2} viewers: {len(refreshes) / len(viewers) / SECONDS:.2f} refreshes a second, "
        f"answered after {1e3 * statistics.median(refreshes):.0f} ms (95 %: {1e3 * late:.0f} ms, n = "
        f"{len(refreshes)}), {kilobytes:.0f} kB; whole page after {max(viewer.page for viewer in viewers):.2f} s at "
        f"most; the run goes at {pace:,.0f} steps a second",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.viewers")
    parser.add_argument("--viewers", type=int, default=30)
    count = parser.parse_args().viewers
    with tempfile.TemporaryDirectory() as folder, app(Path(folder)) as address:
        socket = address.replace("http", "ws") + "/_stcore/stream"
        for number in (1, count):
            run = submit(PRESETS["first-look"].config.with_(epochs=1000, probes={"count": 1000}, seed=number), folder)
            while len(run.trajectory()) < 20:
                time.sleep(0.1)
            told("a young run", *watched(socket, run, number))
            while run.status.seconds < FIRST_SECONDS:
                time.sleep(0.1)
            told("an older run", *watched(socket, run, number))
            run.stop()
            run.wait()


if __name__ == "__main__":
    main()
