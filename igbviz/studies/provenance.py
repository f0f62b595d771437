"""Where a measurement comes from: the same few facts in every file that ships with a study."""

from __future__ import annotations

import platform
import re
import time
from pathlib import Path
from typing import Any


def this_machine() -> dict[str, Any]:
    """Date, device and versions of a measurement that ends now on this machine's CPU."""
    import torch

    return {
        "date": time.strftime("%Y-%m-%d"),
        "device": f"cpu ({processor()})",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def processor() -> str:
    """The model name of this machine's processor, "unknown" where the system does not give it."""
    try:
        return re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):
        return platform.processor() or "unknown"
