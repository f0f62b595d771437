"""What people say about a run: a name, tags, a note, and whether it is put away. One small file in the run's folder,
labels.json.

Annotations change no number and are no part of a run's identity; a run without the file, or with a torn one, has none.
Every text in them is shown as text: in tables as it is, in Markdown through `plain`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from igbviz.runs import queue
from igbviz.runs.files import write_text
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import require_own
from igbviz.spec import ConfigError, Spec

FILE = "labels.json"
MAX_NAME, MAX_TAG, MAX_NOTE, MAX_TAGS = 100, 40, 5000, 20


class Annotations(Spec):
    """What is said about one run. Names and tags are one line each; tags are distinct, in the order in which they were
    given."""

    # A field that a later version adds must not cost the others.
    model_config = ConfigDict(extra="ignore")

    name: str = Field("", description="What the run is called in lists and legends; empty: what it is made of.")
    tags: tuple[str, ...] = Field((), description="Words to find runs by.")
    note: str = Field("", description="Anything worth remembering.")
    archived: bool = Field(False, description="Out of the way, but not deleted.")

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        return _short_enough(_one_line(name), MAX_NAME)

    @field_validator("tags", mode="before")
    @classmethod
    def _tags(cls, tags: Any) -> tuple[str, ...]:
        if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
            raise ConfigError(((), f"are {str(tags)[:80]!r}, allowed: a list of words"))
        tags = tuple(dict.fromkeys(filter(None, (_one_line(tag) for tag in tags))))
        if long := next((tag for tag in tags if len(tag) > MAX_TAG), None):
            raise ConfigError(((), f"hold {long!r}, which is {len(long)} letters long, allowed: at most {MAX_TAG}"))
        if len(tags) > MAX_TAGS:
            raise ConfigError(((), f"are {len(tags)}, allowed: at most {MAX_TAGS} a run"))
        return tags

    @field_validator("note")
    @classmethod
    def _note(cls, note: str) -> str:
        return _short_enough(_without_controls(note, keep="\n\t").strip(), MAX_NOTE)


def _one_line(text: str) -> str:
    return _without_controls(" ".join(text.split()))


def _without_controls(text: str, keep: str = "") -> str:
    return "".join(sign for sign in text if sign in keep or unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp"))


def _short_enough(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ConfigError(((), f"is {len(text)} letters long, allowed: at most {longest}"))
    return text


def read(run: Run) -> Annotations:
    """The annotations of a run; none when the file is missing, torn or from another program."""
    try:
        return Annotations.from_json((run.path / FILE).read_text())
    except (OSError, ValueError):
        return Annotations()


def change(
    run: Run, add: Iterable[str] = (), drop: Iterable[str] = (), **fields: str | bool | Iterable[str]
) -> Annotations:
    """Replace some fields of a run's annotations, then add and drop tags; returns what now holds.

    Raises ConfigError for a text that is too long, RunError for a run that ships with the program or is gone.
    """
    require_own(run)
    with queue.lock(run.cache / "labels.lock"):  # two people who tag the same run both get their tag
        said = Annotations(**read(run).model_dump() | fields)
        said = Annotations(**said.model_dump() | {"tags": [tag for tag in (*said.tags, *add) if tag not in set(drop)]})
        try:
            write_text(run.path / FILE, said.to_json())
        except FileNotFoundError:
            raise RunError(f"run {run.id} is not there any more: somebody deleted it") from None
    return said
