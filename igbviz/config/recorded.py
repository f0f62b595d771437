"""`RecordedConfig`: what is known of a run that was trained outside igbviz, where a probe only watched its network.

It names the parts of a run as `RunConfig` does, but it describes instead of determining: nothing can be trained from
it, and what nobody told is empty. Its texts may come from anybody. Each is one line of plain characters, and only a
title that is too long is refused; the rest is cut off.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from igbviz.config.run import RunConfig, slug
from igbviz.datasets import DataError, Facts
from igbviz.datasets.base import Data, Dataset
from igbviz.spec import ConfigError, Spec, one_line

if TYPE_CHECKING:
    import torch

MAX_TITLE, MAX_LINE = 100, 200
MAX_COUNT = 2**53
INCIDENTAL = {"incidental": True}  # says where and when, not what was recorded


def _cut(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


Line = Annotated[str, AfterValidator(_cut)]


class RecordedPart(Spec):
    """A part of a recorded run, known by its name."""

    name: Line = Field("", description="A class, a function, or a few words; empty if nobody told.")
    unnamed: ClassVar[str] = "not named"

    @classmethod
    def title_of(cls, name: str) -> str:
        return name or cls.unnamed

    @property
    def title(self) -> str:
        """The name, or words that say that there is none."""
        return self.title_of(self.name)


class RecordedModel(RecordedPart):
    """The class of the network, and its number of parameters."""

    parameters: int | None = Field(None, ge=0, lt=MAX_COUNT)
    unnamed: ClassVar[str] = "own network"


class RecordedLoss(RecordedPart):
    """The loss: its class, its function or its repr."""

    unnamed: ClassVar[str] = "own loss"
    selection_note: ClassVar[str] = ""


class RecordedData(RecordedPart, Dataset):
    """The data, in words: none of them are stored."""

    unnamed: ClassVar[str] = "own data"

    def facts(self) -> Facts:
        """Always DataError: what is known of the data is in the run's schema."""
        raise DataError("the data of a run that was recorded outside igbviz are not here")

    def load(self, device: str | torch.device = "cpu") -> Data:
        """Always DataError."""
        self.facts()


class RecordedProbes(Spec):
    """How the network was probed."""

    size: int | None = Field(None, ge=1, lt=MAX_COUNT, description="Samples per probe; those of the records.")
    batch_norm: Literal["eval", "batch"] = Field(
        "eval", description="What BatchNorm normalizes by in a probe: its running statistics, or those of the samples."
    )


class RecordedConfig(Spec):
    """The description of one recorded run. Runs with the same title and the same records are one run.

    >>> igbviz.RecordedConfig(title="my run", model={"name": "ResNet", "parameters": 11_181_642}).title
    'my run'

    Raises ConfigError for a title that is empty or longer than 100 characters.
    """

    title: str = Field(description="The name that its owner gave to it.")
    dataset: RecordedData = RecordedData()
    model: RecordedModel = RecordedModel()
    loss: RecordedLoss = RecordedLoss()
    schedule: RecordedPart = RecordedPart()
    optimizer: RecordedPart = RecordedPart()
    seed: int | None = Field(None, ge=-(2**63), lt=2**63, description="The seed, if somebody told it.")
    probes: RecordedProbes = RecordedProbes()
    content: str = Field(
        "", description="A hash of the records; `store` fills it in.", json_schema_extra={"unlisted": True}
    )
    igbviz: Line = Field("", description="The version of igbviz that recorded.", json_schema_extra=INCIDENTAL)
    torch: Line = Field("", json_schema_extra=INCIDENTAL)
    python: Line = Field("", json_schema_extra=INCIDENTAL)
    device: Line = Field("", json_schema_extra=INCIDENTAL)
    date: Line = Field("", json_schema_extra=INCIDENTAL)

    @field_validator("title")
    @classmethod
    def _title(cls, title: str) -> str:
        title = one_line(title)
        if not 1 <= len(title) <= MAX_TITLE:
            raise ConfigError(((), f"has {len(title)} characters, allowed: 1 to {MAX_TITLE}"))
        return title

    @field_validator("content")
    @classmethod
    def _content(cls, content: str) -> str:
        if not re.fullmatch(r"([0-9a-f]{16})?", content):
            raise ConfigError(((), f"is {content[:40]!r}, allowed: 16 hexadecimal digits"))
        return content

    @property
    def id(self) -> str:
        """The title as the name of a folder, with a hash of the description and of the records."""
        return f"{slug(self.title)[:80].strip('-') or 'recorded'}-{_digest(self.canonical())}"

    @property
    def group(self) -> str:
        """A hash that is equal for the seeds of one setting. Without a seed, every run is a setting of its own."""
        apart = () if self.seed is None else ("seed", "content")
        return _digest({key: value for key, value in self.canonical().items() if key not in apart})


def headline(config: RunConfig | RecordedConfig) -> str:
    """A run in a few words, above its curves: the title of its loss, or that which its owner gave to it."""
    return config.title if isinstance(config, RecordedConfig) else config.loss.title


def _digest(value: Any) -> str:
    """Ten hexadecimal digits. A change of the numerics keeps them: nothing is computed from a description."""
    text = json.dumps(["recorded", value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]
