"""Figures of many short trainings: groups of them, and maps of where networks learn and what."""
