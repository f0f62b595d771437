"""The stream of a run: weights drawn, a probe, a step, a probe, and what makes them fast."""
