"""The records of a run, and every curve derived from them."""

from igbviz.trajectory.trajectory import Trajectory, snapshot_dtype

__all__ = ["Trajectory", "snapshot_dtype"]
