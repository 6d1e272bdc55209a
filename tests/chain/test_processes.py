"""A stage's process: its status is ours to judge, and a signal reaches it once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lingyu.chain.processes import Ended, do_in_process
from lingyu.errors import LingyuError

WAITS = """\
import signal, sys, time, pathlib
received = []
def catch(number, frame):
    received.append(number)
signal.signal(signal.SIGINT, catch)
signal.signal(signal.SIGTERM, catch)
place = pathlib.Path(sys.argv[-1])
place.write_text("ready")
while not received:
    time.sleep(0.01)
time.sleep(0.2)  # a second one would come meanwhile
place.write_text(repr([int(number) for number in received]))
sys.exit(130)
"""


def launch(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(("code", "status"), [("", 0), ("raise SystemExit(2)", 2)])
def test_the_status_is_the_process_s_own(code: str, status: int) -> None:
    assert do_in_process(["train"], launch(code)) == Ended(status, None)


def test_a_process_that_was_killed_says_by_which_signal() -> None:
    assert do_in_process([], launch("import os; os.kill(os.getpid(), 9)")) == Ended(137, None)


def test_its_answer_goes_to_stderr_and_it_gets_no_stdin(capfd: pytest.CaptureFixture[str]) -> None:
    do_in_process(["evaluate", "hotel"], launch("import sys; print(sys.argv[1:], sys.stdin.read())"))
    out, err = capfd.readouterr()
    assert out == ""
    assert err.strip() == "['-m', 'lingyu.cli.chain_step', 'evaluate', 'hotel']"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_once_and_the_process_is_waited_for(number: signal.Signals, tmp_path: Path) -> None:
    place = tmp_path / "said"

    def send() -> None:
        while not place.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    thread = threading.Thread(target=send)
    thread.start()
    ended = do_in_process([str(place)], launch(WAITS))
    thread.join()
    assert ended == Ended(130, number)
    assert place.read_text() == f"[{int(number)}]"
    assert signal.getsignal(number) == before, "the handler was not put back"


def test_a_launcher_that_is_not_there_is_one_line() -> None:
    with pytest.raises(LingyuError, match="nowhere: can't be started"):
        do_in_process([], ("nowhere",))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
def test_a_launcher_hears_of_the_chain_s_end(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    waits = f"import os, pathlib, time; pathlib.Path({str(place)!r}).write_text(str(os.getpid())); time.sleep(60)"
    chain = (
        f"import sys; from lingyu.chain.processes import do_in_process as do; do([], (sys.executable, '-c', {waits!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", chain])
    try:
        pid = int(_eventually(lambda: place.exists() and place.read_text()))
    finally:
        process.kill()
        process.wait()
    assert _eventually(lambda: not _is_alive(pid)), "the launcher went on unseen"


def _eventually(found: Callable[[], Any]) -> Any:
    for _ in range(600):
        if answer := found():
            return answer
        time.sleep(0.05)
    return None


def _is_alive(pid: int) -> bool:
    """A zombie that nobody has waited for is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
