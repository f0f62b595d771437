"""The paper: its experiment, its claims, and how each is checked against runs."""
