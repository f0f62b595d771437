"""Races on the pages: the buttons that start one, its address, and its lanes."""
