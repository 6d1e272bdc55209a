"""A stage's own process: nothing of its memory reaches the next, and a signal to the chain is passed on to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from lingyu.errors import LingyuError
from lingyu.parent import hear_of_the_parents_end

STEP = "lingyu.cli.chain_step"
"""The module that does one stage: `python -m lingyu.cli.chain_step train recipes/hotel.yaml`."""

PYTHON = (sys.executable,)
_STDERR = 2
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass(frozen=True)
class Ended:
    """status: exit status, 128 + N of a process that signal N ended. received: the first signal that came meanwhile."""

    status: int
    received: int | None


def do_in_process(words: Sequence[str], launch: Sequence[str] = PYTHON) -> Ended:
    """Do a stage in a process and wait for it. What it says goes to stderr, its answer too.

    It gets a session of its own, so that Ctrl-C reaches it once, from us, and we are there to see how it ends.
    launch: what stands before `-m MODULE`: a Python, or `accelerate launch` with its options.
    """
    with _signals() as pending:
        try:
            process = subprocess.Popen(  # noqa: S603 - the words are the user's own
                [*launch, "-m", STEP, *words],
                stdin=subprocess.DEVNULL,
                stdout=_STDERR,
                start_new_session=True,
                preexec_fn=hear_of_the_parents_end,
            )
        except OSError as error:
            raise LingyuError(f"can't be started ({error.strerror})", where=launch[0], next="Check --launch") from None
        pending.to = process
        for number in pending.received:
            pending.pass_on(number)
        status = process.wait()
    return Ended(status if status >= 0 else 128 - status, next(iter(pending.received), None))


class _Pending:
    """The signals that came, passed on to every process of the stage's session."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.to: subprocess.Popen[bytes] | None = None

    def catch(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        self.pass_on(number)

    def pass_on(self, number: int) -> None:
        if self.to is not None and self.to.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.to.pid, number)


@contextmanager
def _signals() -> Iterator[_Pending]:
    """Catch signals for as long as a stage runs, but for those that are ignored: nohup asks to go on."""
    pending = _Pending()
    wanted = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, pending.catch) for number in wanted}
    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
