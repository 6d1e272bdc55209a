"""What a process does about the end of the one that started it."""

import ctypes
import signal
import sys

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def hear_of_the_parents_end() -> None:
    """Get SIGHUP when the parent is killed, and would leave this process running unseen. On Linux only.

    It stays so across exec, so that a program that knows nothing of it hears too.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGHUP)
