"""What this machine offers."""

import os


def usable_cores() -> int:
    """How many cores this process may use: where the system can say so, those that it was given, else all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
