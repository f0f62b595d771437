"""The parts, in the order in which they are done. To add one, write a module in parts/ and a row here.

Nothing is imported but the standard library, so that the list can be read where the program's packages are missing.
"""

from __future__ import annotations

from dataclasses import dataclass

ARCHIVE_SECONDS = 20.0  # kept back for the last part, so that what was trained is exported


@dataclass(frozen=True)
class Part:
    """A part: what it does, and the most seconds that it may take."""

    name: str
    words: str
    seconds: float
    place: str = ""  # as in module:function; by default `run` in the module of this name in parts/

    @property
    def module_and_function(self) -> tuple[str, str]:
        module, _, function = (self.place or f"tests.gpu.parts.{self.name}:run").partition(":")
        return module, function


PARTS = {
    part.name: part
    for part in (
        Part("data", "unpacks and decodes the pictures, and says which data the other parts are about", 150),
        Part("engine", "snapshots as on the CPU, equal repeats, resuming, bfloat16, out of memory", 60),
        Part("throughput", "the paper's runs: steps and probes of 10,000 images, and the minutes of three runs", 75),
        Part("steps", "CUDA graphs, channels-last, TF32, bfloat16: steps against eager and a plain script", 60),
        Part("probes", "the same for probes of 10,000 images, and chunks of other sizes", 75),
        Part("stacked", "many runs at once: stacked against one by one and a plain script", 45),
        Part("ensembles", "untrained networks: stacked against one by one and a plain loop", 30),
        Part("models", "one step and one probe of every architecture, from the smallest on", 60),
        Part("runs", "the paper's three runs, 20 epochs each, as far as the time allows; they can be resumed", 3600),
        Part("archives", "every run of the part above as an archive, finished or not", 60),
    )
}


def seconds_for(part: Part, left: float, with_archives: bool) -> float:
    """Seconds of this part when so many are left in all."""
    kept_back = ARCHIVE_SECONDS if with_archives and part.name != "archives" else 0.0
    return min(part.seconds, left - kept_back)
