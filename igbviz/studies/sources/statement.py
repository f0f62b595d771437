"""What a source says, and the places of the program that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["shown", "in part", "not shown"]


@dataclass(frozen=True)
class Place:
    """A page with the query that opens the right view of it, and a text that stands there: a heading, a caption or the
    name of a picture. `place` makes one."""

    page: str
    sees: str
    label: str
    query: tuple[tuple[str, str], ...] = ()


def place(page: str, sees: str, label: str, **query: str) -> Place:
    """A place whose link is called `label`."""
    return Place(page, sees, label, tuple(query.items()))


@dataclass(frozen=True)
class Statement:
    """One statement, equation, figure or experiment of a source in our words, at `where` in it.

    `missing` says what the program does not show of it; an empty one claims that nothing is missing. `found` is what
    the measurements shown there say where they do not agree with it.
    """

    where: str
    says: str
    places: tuple[Place, ...] = ()
    missing: str = ""
    found: str = ""

    @property
    def state(self) -> State:
        if not self.places:
            return "not shown"
        return "in part" if self.missing else "shown"


@dataclass(frozen=True)
class Source:
    """A source with its statements in the order in which it makes them."""

    title: str
    authors: str
    link: str
    statements: tuple[Statement, ...]

    def count(self, state: State) -> int:
        return sum(statement.state == state for statement in self.statements)
