"""Runs that were trained outside igbviz: their records become a run of the cache, which the pages show like any other.

Such a run is named after its title, its description and its records: stored twice, it is the same run. It is finished
from the beginning, never queued, and never answers for a training.
"""

from igbviz.runs.recorded.storing import content_of, problem, store

__all__ = ["content_of", "problem", "store"]
