"""What the machine lends to this process."""

import os


def usable_cores() -> int:
    """Those that this process may run on: fewer than the machine's in a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
