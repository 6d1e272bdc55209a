"""Which signals end a training after a checkpoint, and which at once."""

import signal
from collections.abc import Iterator

import pytest

from lingyu.training.stopping import StopAtSignal

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_is_kept_for_the_end_of_the_step(number: signal.Signals) -> None:
    stop = StopAtSignal()
    with stop.listening():
        signal.raise_signal(number)
    assert stop.received == number


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_ends_at_once_and_the_first_signal_is_the_one_that_counts(first: signal.Signals) -> None:
    stop = StopAtSignal()
    with stop.listening():
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert stop.received == first


def test_what_was_ignored_is_ignored_and_what_listened_before_listens_again() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    stop = StopAtSignal()
    with stop.listening():
        signal.raise_signal(signal.SIGHUP)
        assert stop.received is None
        signal.raise_signal(signal.SIGTERM)
    assert (stop.received, heard) == (signal.SIGTERM, [])
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
