"""What is held out is a matter of content hashes alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.dapt.corpus.held_out import MOST_TEXTS, distinct_of, divide
from lingyu.errors import LingyuError
from lingyu.text import Hashes, in_sorted

NONE = np.zeros(0, dtype=np.int64)
HASHES = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=60)


@given(hashes=HASHES, copies=st.lists(st.integers(0, 59), max_size=40), share=st.floats(0, 1), order=st.randoms())
def test_copies_stay_together_something_is_on_both_sides_and_the_order_says_nothing(
    hashes: list[int], copies: list[int], share: float, order: np.random.Generator
) -> None:
    texts = hashes + [hashes[at % len(hashes)] for at in copies]
    if len(set(texts)) < 2:
        return
    division = divide(distinct_of([np.array(texts[:3]), np.array(texts[3:], dtype=np.int64)]), share, NONE)
    side = division.is_held_out(np.array(texts))
    assert 0 < side.sum() < len(texts)
    assert set(np.array(texts)[side].tolist()).isdisjoint(np.array(texts)[~side].tolist())
    order.shuffle(texts)
    assert divide(distinct_of([np.array(texts)]), share, NONE).held_out.tolist() == division.held_out.tolist()
    assert division.all.tolist() == sorted(set(texts))


def test_about_the_share_is_held_out_and_never_more_than_two_thousand_texts() -> None:
    hashes = np.unique(np.random.default_rng(0).integers(-(2**62), 2**62, 50_000))
    assert len(divide(hashes, 0.02, NONE).held_out) == 1_000
    assert len(divide(hashes, 0.5, NONE).held_out) == MOST_TEXTS == 2_000


@given(
    distinct=HASHES.map(lambda hashes: np.unique(np.array(hashes))),
    learnt=st.lists(st.integers(0, 59), max_size=60),
    share=st.floats(0, 1),
)
def test_what_the_base_was_trained_on_is_held_out_only_where_hardly_another_text_is_there(
    distinct: Hashes, learnt: list[int], share: float
) -> None:
    if len(distinct) < 2:
        return
    known = np.unique(distinct[np.array(learnt, dtype=np.int64) % len(distinct)])
    new = np.setdiff1d(distinct, known)
    held_out = divide(distinct, share, known).held_out
    wanted = len(divide(distinct, share, NONE).held_out)
    smallest = new if len(new) >= 2 else distinct
    assert held_out.tolist() == smallest[:wanted].tolist()


def test_of_a_corpus_that_the_base_mostly_knows_what_is_new_is_held_out() -> None:
    distinct = np.arange(200_000, dtype=np.int64)
    assert divide(distinct, 0.5, distinct[:-7]).held_out.tolist() == distinct[-7:].tolist()
    assert divide(distinct, 0.5, distinct[:-1]).held_out.tolist() == distinct[:MOST_TEXTS].tolist()


def test_one_distinct_text_is_too_few() -> None:
    with pytest.raises(LingyuError, match="one distinct text"):
        divide(distinct_of([np.array([5, 5, 5])]), 0.1, NONE)


def test_nothing_is_among_no_hashes() -> None:
    assert in_sorted(np.array([1, 2]), np.array([], dtype=np.int64)).tolist() == [False, False]


def test_a_text_is_left_to_train_on_whatever_the_share():
    assert len(divide(np.array([1, 2]), 0.9, np.zeros(0, dtype=np.int64)).held_out) == 1
