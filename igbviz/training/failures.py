"""What the errors of a training mean: to the process that trains, and in a sentence to the user."""

from __future__ import annotations

import errno

import torch


def is_device_lost(error: Exception) -> bool:
    """Whether this process can no longer use its device, so that a new process has to continue."""
    text = str(error)
    # cuBLAS and cuDNN raise a plain RuntimeError with their own status names.
    is_library_error = any(f"STATUS_{name}" in text for name in ("EXECUTION_FAILED", "INTERNAL_ERROR"))
    return (isinstance(error, torch.AcceleratorError) or is_library_error) and "out of memory" not in text


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was not enough memory, on whatever device."""
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in words)


def explain(error: Exception) -> str:
    """One sentence for the user: what failed, and what to do about it."""
    text = str(error)
    if is_device_lost(error):
        first_line = text.splitlines()[0]
        return f"The GPU failed ({first_line}): resume the run; it continues from its last checkpoint."
    if is_out_of_memory(error):
        return (
            "Out of memory: lower the batch size, the probe size or the network's width, or choose a smaller network."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: free some space, then resume the run; it continues from its last checkpoint."
    return (text.splitlines() or [""])[0] or type(error).__name__
