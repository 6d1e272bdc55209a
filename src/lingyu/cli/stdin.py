"""What may come from a pipe or a person. Whoever starts us may have closed it (`<&-`): Python then has no sys.stdin."""

import sys
from typing import BinaryIO

from lingyu.errors import LingyuError


def piped_bytes() -> BinaryIO:
    """Raises LingyuError where stdin is closed."""
    if sys.stdin is None:
        raise LingyuError("is closed", "stdin", "Send rows to it, or name a file")
    return sys.stdin.buffer


def at_a_terminal() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty()
