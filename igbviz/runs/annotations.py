"""The annotations of a run: its name, tags, note, and whether it is archived, in labels.json in the run's folder.

Annotations change no result and are no part of a run's identity. A run whose file is missing or damaged has none. Their
texts are untrusted: tables show them literally, Markdown escapes them with `plain`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, field_validator

from igbviz.runs.files import read as read_file
from igbviz.runs.files import write_text
from igbviz.runs.locks import lock
from igbviz.runs.run import Run
from igbviz.runs.shipped import require_own
from igbviz.spec import ConfigError, Spec, one_line, short, without_controls

FILE = "labels.json"
MAX_NAME, MAX_TAG, MAX_NOTE, MAX_TAGS = 100, 40, 5000, 20


class Annotations(Spec):
    """The annotations of one run. Names and tags are one line each; tags are distinct and keep their order."""

    # A field from a later version must not invalidate the others.
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    name: str = Field(
        default="", description="The title of the run in lists and legends; empty: its loss, model, data set and seed."
    )
    tags: tuple[str, ...] = Field(default=(), description="Words to find the run by.")
    note: str = Field(default="", description="Free text about the run.")
    archived: bool = Field(default=False, description="Hidden from the list of runs, but not deleted.")

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        return _require_length(one_line(name), MAX_NAME)

    @field_validator("tags", mode="before")
    @classmethod
    def _tags(cls, tags: Any) -> tuple[str, ...]:
        if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
            raise ConfigError(((), f"are {str(tags)[:80]!r}, allowed: a list of words"))
        tags = tuple(dict.fromkeys(filter(None, (one_line(tag) for tag in tags))))
        if long := next((tag for tag in tags if len(tag) > MAX_TAG), None):
            raise ConfigError(
                ((), f"contain {short(long)}, which has {len(long)} characters, allowed: at most {MAX_TAG}")
            )
        if len(tags) > MAX_TAGS:
            raise ConfigError(((), f"are {len(tags)}, allowed: at most {MAX_TAGS} per run"))
        return tags

    @field_validator("note")
    @classmethod
    def _note(cls, note: str) -> str:
        return _require_length(without_controls(note, keep="\n\t").strip(), MAX_NOTE)


def _require_length(text: str, max_length: int) -> str:
    if len(text) > max_length:
        raise ConfigError(((), f"has {len(text)} characters, allowed: at most {max_length}"))
    return text


def read(run: Run) -> Annotations:
    """The annotations of a run; empty if the file is missing, damaged or from another program."""
    try:
        return Annotations.from_json(read_file(run.path / FILE).decode())
    except (OSError, ValueError):
        return Annotations()


def change(
    run: Run, add: Iterable[str] = (), drop: Iterable[str] = (), **fields: str | bool | Iterable[str]
) -> Annotations:
    """Replace some fields of a run's annotations, then add and drop tags; returns the new annotations.

    Raises ConfigError for a text that is too long, RunError for a run that is shipped or was deleted.
    """
    require_own(run)
    # If two people tag a run at once, both tags stay.
    with run.changing(), lock(run.cache / "labels.lock"):
        changed = Annotations(**read(run).model_dump() | fields)
        tags = [tag for tag in (*changed.tags, *add) if tag not in set(drop)]
        changed = Annotations(**changed.model_dump() | {"tags": tags})
        write_text(run.path / FILE, changed.to_json())
    return changed
