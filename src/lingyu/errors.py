"""The one place where a failure becomes a line and an exit status.

LingyuError      a user's mistake, or an answer that is no: one line, no traceback
├─ Faults        several of them, shown together (all faults of a recipe at once)
└─ Stopped       Ctrl-C or SIGTERM, after whatever had to be saved was saved

Exit status: 0 fine; 1 it ran and the answer is no; 2 wrong use, recipe or input; 130 Ctrl-C; 143 SIGTERM; 70 a bug.
"""

import difflib
import errno
import json
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pydantic import ValidationError

BUG = 70
CTRL_C = 130
SIGTERM = 143


class LingyuError(Exception):
    """What happened, where, and what to do next, as one line.

    status: the exit status of a command that ends with it: 2 for wrong use or input, 1 where it ran and the answer is
    no.
    """

    def __init__(self, what: str, where: object = None, next: str | None = None, *, status: int = 2) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.next = next
        self.status = status
        super().__init__(str(self))

    def __str__(self) -> str:
        line = self.what if self.where is None else f"{self.where}: {self.what}"
        if self.next:
            line = line.rstrip(".")
            line = f"{line} {self.next}" if line.endswith(("?", "!")) else f"{line}. {self.next}"
        return printable(line)

    def as_json(self) -> dict[str, Any]:
        return {"error": {"what": self.what, "where": self.where, "next": self.next, "status": self.status}}


class Faults(LingyuError):  # noqa: N818 - what it holds
    """Several errors of one input, one line each, in the order in which they stand there."""

    def __init__(self, faults: Iterable[LingyuError]) -> None:
        self.faults = tuple(faults)
        assert self.faults, "no fault is no error"
        super().__init__("; ".join(str(fault) for fault in self.faults))

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        return {"errors": [fault.as_json()["error"] for fault in self.faults]}


class Stopped(LingyuError):  # noqa: N818 - no error, but the user's wish
    """A signal ended the work; what had to be kept is kept. status: CTRL_C or SIGTERM."""

    @classmethod
    def by(cls, interrupt: KeyboardInterrupt, what: str, next: str | None = None) -> Self:
        return cls(what, next=next, status=SIGTERM if isinstance(interrupt, Terminated) else CTRL_C)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which like Ctrl-C may come in the midst of anything. See stoppable."""


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM raises Terminated meanwhile, so that what was begun is cleared away. In the main thread only."""
    number = signal.SIGTERM
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise Terminated

    signal.signal(number, stop)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)


def printable(text: str) -> str:
    """The text on one line that does nothing to a terminal: escapes stand for what can't be seen. Chinese stays."""
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def without_password(address: str) -> str:
    """What may be shown of a mirror's address, which may hold a name and a password."""
    return re.sub(r"//[^/]*@", "//", address)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a mistyped one, or None where nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def first_fault(error: "ValidationError") -> str:
    """What pydantic says of a document's first wrong key, after the key, and how many more there are."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    key, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
    line = f"{key}: {what}" if key else what
    return f"{line} and {len(more)} more" if more else line


def missing_extra(package: str, extra: str) -> LingyuError:
    return LingyuError(f"this needs the package {package}", next=f"Install it with: pip install 'lingyu[{extra}]'")


_MAKE_ROOM = "Make room, then try again"
_CHECK_PATH = "Check the path"
_CHECK_PERMISSIONS = "Check the path and its permissions"

_OS_ERRORS = {
    errno.ENOSPC: ("the disk is full", _MAKE_ROOM),
    errno.EDQUOT: ("the disk quota is used up", _MAKE_ROOM),
    errno.EFBIG: (
        "the file would be larger than this process may write",
        "Raise the limit (ulimit -f), then try again",
    ),
    errno.EACCES: ("no permission", _CHECK_PERMISSIONS),
    errno.EPERM: ("no permission", _CHECK_PERMISSIONS),
    errno.EROFS: ("the file system is read-only", "Name a folder that can be written"),
    errno.ENOENT: ("no such file or folder", _CHECK_PATH),
    errno.ENOTDIR: ("not a folder", _CHECK_PATH),
    errno.EISDIR: ("a folder, not a file", _CHECK_PATH),
}
"""errno -> what happened, and what to do next."""

_OF_THE_TARGET = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""What only a file that is written meets: of a copy, the second one that is named."""


def from_os_error(error: OSError) -> LingyuError:
    """The line for a failure of the file system, reading or writing."""
    what, next_step = _OS_ERRORS.get(error.errno or 0, (error.strerror or str(error), _CHECK_PERMISSIONS))
    written = error.errno in _OF_THE_TARGET and error.filename2
    return LingyuError(what, where=written or error.filename, next=next_step)


def report(error: LingyuError, *, as_json: bool) -> None:
    """Write an error where it belongs: a line on stderr, or a JSON document on stdout. A line, too, where stdout is
    what can't be written."""
    if not as_json:
        print(error, file=sys.stderr)
        return
    try:
        print(json.dumps(error.as_json(), ensure_ascii=False), flush=True)
    except BrokenPipeError:
        pass  # whoever was to read it has gone
    except OSError:
        print(error, file=sys.stderr)


def exit_status(command: Callable[[], object], *, as_json: bool = False) -> int:
    """Run a command; the exit status that it ends with. Every failure is reported here and nowhere else."""
    try:
        with stoppable():
            command()
    except LingyuError as error:
        report(error, as_json=as_json)
        return error.status
    except Terminated:
        return SIGTERM
    except KeyboardInterrupt:
        return CTRL_C
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: `| head` is no failure
        return 0
    except OSError as error:
        known = from_os_error(error)
        report(known, as_json=as_json)
        return known.status
    except Exception:
        traceback.print_exc()
        print("This is a bug in lingyu. Please report it with the lines above.", file=sys.stderr)
        return BUG
    return 0


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether errors are to be JSON too: known before the arguments are parsed, since parsing may be what fails.

    `audit --json report.json` names a file for the document, and stdout is for people then.
    """
    for word, after in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--json":
            return "audit" not in arguments or not after.lower().endswith(".json")
    return "--json=-" in arguments
