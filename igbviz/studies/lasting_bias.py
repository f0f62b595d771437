"""What is left of the initial guessing bias in the end: the favoured class's part of all guesses and of all errors.

A network without bias gives every class 1/K of its guesses, and of its wrong guesses, where the classes have equally
many images. Over seeds the mean has a standard error, and it counts as above chance where the t interval (95 %) is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import t as student

from igbviz.studies.comparison import Setting

CONFIDENCE = 0.95
IN_WORDS = (
    "A ring is the mean part of the guesses at Init.; small dots are runs at their last probe, large ones their mean "
    "with its standard error over n seeds. It is surely more where chance lies below the 95 % interval of the mean "
    "(Student's t): with three seeds the interval reaches 4.3 standard errors to each side, and a single run has none."
)
Part = Literal["guesses", "errors"]
PARTS: tuple[Part, ...] = ("guesses", "errors")


@dataclass(frozen=True)
class Share:
    """The favoured class's part over the runs of a setting; `values` has one number per run."""

    label: str
    values: tuple[float, ...]
    chance: float  # 1/K

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return float(np.mean(self.values)) if self.values else np.nan

    @property
    def error(self) -> float:
        """The standard error of the mean; NaN for a single run."""
        return float(np.std(self.values, ddof=1) / np.sqrt(self.n)) if self.n > 1 else np.nan

    @property
    def lasts(self) -> bool | None:
        """Whether the mean is above chance by more than its seeds explain; None for fewer than two."""
        if self.n < 2:
            return None
        return bool(self.mean - self.chance > student.ppf((1 + CONFIDENCE) / 2, self.n - 1) * self.error)

    @property
    def in_words(self) -> str:
        """'34 ± 6 %', '9.7 ± 0.2 %', or without an error '34 %'."""
        if self.n < 2:
            return f"{100 * self.mean:.0f} %"
        digits = 0 if 100 * self.error >= 0.5 else 1
        return f"{100 * self.mean:.{digits}f} ± {100 * self.error:.{digits}f} %"


def shares(settings: Sequence[Setting], part: Part) -> list[Share]:
    """One per setting that has any, over its runs that did not diverge and of which the part is known."""
    found = []
    for setting in settings:
        sound = [member for member in setting.members if member.state != "diverged"]
        values = [getattr(member.outcome, f"favoured_{part}") for member in sound]
        known = tuple(value for value in values if value is not None)
        if known:
            found.append(Share(setting.label, known, 1 / len(setting.members[0].class_names)))
    return found


def frame(settings: Sequence[Setting]) -> pd.DataFrame:
    """One row per run: the favoured class and its part of the guesses at Init. and in the end, and of the errors."""
    names = ("favoured_class", "favoured_guesses_init", *(f"favoured_{part}" for part in PARTS))
    return pd.DataFrame([
        {"setting": setting.label, "run": member.run, "seed": member.config.seed, "chance": 1 / len(member.class_names)}
        | {name: getattr(member.outcome, name) for name in names}
        for setting in settings
        for member in setting.members
    ])  # fmt: skip


def sentence(settings: Sequence[Setting]) -> str:
    """For the guesses and for the errors: what the favoured class has, and where that is more than chance."""
    return " ".join(filter(None, (_sentence(shares(settings, part), part) for part in PARTS)))


def _sentence(of_settings: Sequence[Share], part: Part) -> str:
    if not of_settings:
        return ""
    found = "; ".join(f"{share.label} {share.in_words}" for share in of_settings)
    counts = sorted({share.n for share in of_settings})
    n = f"n = {counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")
    chances = {share.chance for share in of_settings}
    chance = f"; chance is {100 * chances.pop():.3g} %" if len(chances) == 1 else ""
    surely = [share.label for share in of_settings if share.lasts]
    judged = sum(share.lasts is not None for share in of_settings)
    which = "; ".join(surely) or ("none of them" if judged > 1 else "not even this one")
    verdict = f" Surely more than chance: {which}." if judged else ""
    return f"Of all {part} in the end, the class favoured at Init. has: {found} ({n}{chance}).{verdict}"
