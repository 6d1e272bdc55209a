"""Random numbers: fixed, evenly spread, and of nothing but what they are drawn for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.dapt.batches.draws import Draws, Stream

KEYS = np.arange(1, 200_001, dtype=np.uint64)


def slow_bits(seed: int, epoch: int, stream: int, key: int, index: int) -> int:
    """The same with Python's own integers."""
    mask = (1 << 64) - 1

    def mix(x: int) -> int:
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    state = 0
    for word in (seed, epoch, stream, key):
        state = mix(((state ^ (word & mask)) + 0x9E3779B97F4A7C15) & mask)
    return mix((state + (index + 1) * 0x9E3779B97F4A7C15) & mask)


@given(st.integers(), st.integers(), st.sampled_from(Stream), st.integers(0, 2**64 - 1), st.integers(0, 2**31))
def test_a_draw_is_what_plain_integers_give(seed: int, epoch: int, stream: Stream, key: int, index: int) -> None:
    drawn = Draws(seed, epoch).bits(stream, np.array([key], dtype=np.uint64), index)
    assert drawn.tolist() == [slow_bits(seed, epoch, stream, key, index)]


def test_draws_do_not_change_from_release_to_release() -> None:
    drawn = Draws(42, 1).bits(Stream.WORD, np.array([7], dtype=np.uint64), np.arange(3))
    assert drawn.tolist() == [7000894838379668493, 17667831897653313447, 14521979751676057878]


def test_state_zero_is_splitmix64_itself() -> None:
    """What every other implementation gives for seed 0, so the constants are the published ones."""
    from lingyu.dapt.batches.draws import _GOLDEN, _mix

    steps = np.arange(1, 4, dtype=np.uint64)
    assert [hex(x) for x in _mix(steps * _GOLDEN).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


@pytest.mark.parametrize("draws", [Draws(0, 0), Draws(42, 3), Draws(-1, -1)], ids=str)
def test_numbers_are_spread_evenly_from_nought_to_one(draws: Draws) -> None:
    numbers = draws.uniform(Stream.WORD, KEYS, 0)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    expected = len(KEYS) / 100
    found = np.histogram(numbers, bins=100, range=(0, 1))[0]
    assert ((found - expected) ** 2 / expected).sum() < 149  # chi-square with 99 degrees: one time in a thousand


OTHERS = {
    "seed": Draws(43, 1).uniform(Stream.WORD, KEYS, 0),
    "epoch": Draws(42, 2).uniform(Stream.WORD, KEYS, 0),
    "stream": Draws(42, 1).uniform(Stream.SPAN, KEYS, 0),
    "index": Draws(42, 1).uniform(Stream.WORD, KEYS, 1),
    "key": Draws(42, 1).uniform(Stream.WORD, KEYS + np.uint64(1), 0),
}


@pytest.mark.parametrize("what", OTHERS)
def test_numbers_for_something_else_have_nothing_to_do_with_them(what: str) -> None:
    numbers = Draws(42, 1).uniform(Stream.WORD, KEYS, 0)
    assert abs(np.corrcoef(numbers, OTHERS[what])[0, 1]) < 0.01


def test_one_bit_of_a_key_changes_half_of_the_bits() -> None:
    draws = Draws(42, 1)
    for bit in (0, 17, 63):
        changed = draws.bits(Stream.WORD, KEYS, 0) ^ draws.bits(Stream.WORD, KEYS ^ np.uint64(1 << bit), 0)
        assert 31.9 < np.bitwise_count(changed).mean() < 32.1


def test_whole_numbers_are_below_their_bounds_and_equally_frequent() -> None:
    numbers = Draws(42, 1).below(7, Stream.WORD, KEYS, 0)
    counts = np.bincount(numbers)
    assert len(counts) == 7
    assert abs(counts / len(KEYS) * 7 - 1).max() < 0.03
    assert (Draws(42, 1).below(np.array([1, 2, 3]), Stream.WORD, KEYS[:, None], 0).max(axis=0) == [0, 1, 2]).all()


def test_keys_and_indices_are_broadcast() -> None:
    table = Draws(42, 1).bits(Stream.WORD, KEYS[:5, None], np.arange(4))
    assert table.shape == (5, 4)
    assert table[3, 2] == Draws(42, 1).bits(Stream.WORD, KEYS[3:4], 2)[0]
