"""What the machine offers to this process."""

from __future__ import annotations

import os


def cores() -> int:
    """The processors that this process may use: what TensorFlow takes where nobody sets its threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
