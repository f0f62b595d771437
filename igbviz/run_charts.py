"""The charts of a run: its trajectory on the time axis that its configuration plans."""

from __future__ import annotations
