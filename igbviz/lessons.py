"""The six lessons, in the order in which they build on each other."""

from __future__ import annotations

from igbviz.lesson_steps import Lesson
from igbviz.lessons_depth import EDGE_OF_CHAOS
from igbviz.lessons_escape import CROSS_ENTROPY, SILENT_ZONE
from igbviz.lessons_robust import LABEL_NOISE, WRONG_PUSH
from igbviz.lessons_untrained import BEFORE_TRAINING

# The names are parts of links: they stay.
LESSONS: dict[str, Lesson] = {
    "before-training": BEFORE_TRAINING,
    "cross-entropy": CROSS_ENTROPY,
    "silent-zone": SILENT_ZONE,
    "wrong-push": WRONG_PUSH,
    "label-noise": LABEL_NOISE,
    "edge-of-chaos": EDGE_OF_CHAOS,
}
