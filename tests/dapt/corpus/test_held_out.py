"""What is held out is a matter of content hashes alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.dapt.corpus.held_out import MOST_TEXTS, divide, in_sorted
from lingyu.errors import LingyuError

HASHES = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=60)


@given(hashes=HASHES, copies=st.lists(st.integers(0, 59), max_size=40), share=st.floats(0, 1), order=st.randoms())
def test_copies_stay_together_something_is_on_both_sides_and_the_order_says_nothing(
    hashes: list[int], copies: list[int], share: float, order: np.random.Generator
) -> None:
    texts = hashes + [hashes[at % len(hashes)] for at in copies]
    if len(set(texts)) < 2:
        return
    division = divide(np.array(texts), share)
    side = division.is_held_out(np.array(texts))
    assert 0 < side.sum() < len(texts)
    assert set(np.array(texts)[side].tolist()).isdisjoint(np.array(texts)[~side].tolist())
    order.shuffle(texts)
    assert divide(np.array(texts), share).held_out.tolist() == division.held_out.tolist()
    assert division.all.tolist() == sorted(set(texts))


def test_about_the_share_is_held_out_and_never_more_than_two_thousand_texts_with_their_copies() -> None:
    hashes = np.random.default_rng(0).integers(-(2**62), 2**62, 50_000)
    assert len(divide(hashes, 0.02).held_out) == 1_000
    assert len(divide(hashes, 0.5).held_out) == MOST_TEXTS == 2_000
    twice = np.concatenate([hashes, hashes])
    assert len(divide(twice, 0.5).held_out) == MOST_TEXTS // 2


def test_one_distinct_text_is_too_few() -> None:
    with pytest.raises(LingyuError, match="one distinct text"):
        divide(np.array([5, 5, 5]), 0.1)


def test_nothing_is_among_no_hashes() -> None:
    assert in_sorted(np.array([1, 2]), np.array([], dtype=np.int64)).tolist() == [False, False]
