"""The losses between cross-entropy and piecewise-zero as one picture."""
