"""The eight lessons, in the order in which they build on each other."""

from __future__ import annotations

from igbviz.studies.lessons.depth import EDGE_OF_CHAOS
from igbviz.studies.lessons.escape import CROSS_ENTROPY
from igbviz.studies.lessons.label_noise import LABEL_NOISE
from igbviz.studies.lessons.never_heard import NEVER_HEARD
from igbviz.studies.lessons.parts import Lesson
from igbviz.studies.lessons.race import THE_RACE
from igbviz.studies.lessons.silent_zone import SILENT_ZONE
from igbviz.studies.lessons.untrained import BEFORE_TRAINING
from igbviz.studies.lessons.wrong_push import WRONG_PUSH

# The names are parts of links: they stay.
LESSONS: dict[str, Lesson] = {
    "before-training": BEFORE_TRAINING,
    "cross-entropy": CROSS_ENTROPY,
    "silent-zone": SILENT_ZONE,
    "wrong-push": WRONG_PUSH,
    "label-noise": LABEL_NOISE,
    "never-heard": NEVER_HEARD,
    "race": THE_RACE,
    "edge-of-chaos": EDGE_OF_CHAOS,
}
