"""Where a measurement comes from: the same few facts in each file of this package."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def provenance() -> dict[str, Any]:
    """Date, versions and device of a measurement on this machine's CPU."""
    import numpy as np
    import torch

    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    return {"date": time.strftime("%Y-%m-%d"), "device": "cpu", "system": platform.machine(), **versions}
