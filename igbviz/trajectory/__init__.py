"""What a run recorded, and every curve that follows from it."""

from igbviz.trajectory.trajectory import Trajectory, snapshot_dtype

__all__ = ["Trajectory", "snapshot_dtype"]
