"""The untrained network of a choice, seen before a run is started: a page asks, a warm worker answers, both by files.

cache/previews/<viewer>.ask   what a viewer has chosen last, as a configuration. A newer choice replaces an older one,
                              which is withdrawn so. The worker that removes the file answers it
cache/previews/<key>.json     an answer. The key is a hash of what was asked, so viewers with one choice share it

Neither is worth keeping: both are removed after some minutes. Anything else in the folder is not opened.
"""

from igbviz.runs.previews.files import (
    MAX_SECONDS,
    Answer,
    answer_of,
    ask,
    ask_again,
    begin_alike,
    expected_seconds,
    is_small,
    key_of,
)

__all__ = [
    "MAX_SECONDS",
    "Answer",
    "answer_of",
    "ask",
    "ask_again",
    "begin_alike",
    "expected_seconds",
    "is_small",
    "key_of",
]
