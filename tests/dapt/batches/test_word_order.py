"""Shuffled trigrams: where they may stand, how many, and that the original order is what is to be found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.dapt.batches.draws import Draws
from lingyu.dapt.batches.layout import Layout, lay_out
from lingyu.dapt.batches.sentence_order import arrange_halves
from lingyu.dapt.batches.word_order import shuffle_trigrams
from lingyu.dapt.corpus.encoded import EncodedTexts

from .hand_made_texts import CLS, SEP, TEXTS, hand_made, laid_out, masking, pieces_of

SHARES = st.floats(0.01, 1.0)
DRAWS = st.builds(Draws, st.integers(0, 99), st.integers(0, 9))


def shuffled(layout: Layout, share: float, draws: Draws, mlm: float = 0.2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, what is moved and what is masked. No token id stands twice in the texts, so ids say who went where."""
    masked = masking(mlm).choose(layout, draws)
    ids, moved = shuffle_trigrams(layout, layout.ids, masked, share, draws)
    return ids, moved, masked


def trigrams(moved: np.ndarray) -> list[int]:
    """First tokens of the shuffled trigrams: within each run of moved tokens every third."""
    first: list[int] = []
    place = 0
    while place < len(moved):
        if moved[place]:
            first.append(place)
            place += 3
        else:
            place += 1
    return first


@settings(max_examples=40)
@given(TEXTS, SHARES, DRAWS)
def test_three_tokens_change_places_and_never_stay_in_their_order(
    texts: list[list[int]], share: float, draws: Draws
) -> None:
    layout = laid_out(hand_made(texts))
    ids, moved, _ = shuffled(layout, share, draws)
    for first in trigrams(moved):
        there, before = ids[first : first + 3].tolist(), layout.ids[first : first + 3].tolist()
        assert sorted(there) == sorted(before)
        assert there != before
    assert (ids[~moved] == layout.ids[~moved]).all()


@settings(max_examples=40)
@given(TEXTS, SHARES, DRAWS)
def test_a_trigram_lies_within_a_text_and_has_no_masked_or_special_token(
    texts: list[list[int]], share: float, draws: Draws
) -> None:
    layout = laid_out(hand_made(texts))
    _, moved, masked = shuffled(layout, share, draws)
    assert not (moved & (masked | layout.special)).any()
    assert moved.sum() % 3 == 0
    assert all(len(set(layout.text[first : first + 3])) == 1 for first in trigrams(moved))


@settings(max_examples=40)
@given(TEXTS, SHARES, DRAWS)
def test_trigrams_of_a_text_do_not_depend_on_the_rest_of_the_batch(
    texts: list[list[int]], share: float, draws: Draws
) -> None:
    encoded = hand_made(texts)
    together = laid_out(encoded)
    ids = pieces_of(shuffled(together, share, draws)[0], together.lengths)
    last = len(texts) - 1
    assert shuffled(laid_out(encoded, [last]), share, draws)[0].tolist() == ids[last]


def long_texts() -> EncodedTexts:
    return hand_made([[1, 2, 1, 1, 3] * 10] * 400)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_share_of_unmasked_tokens_is_what_was_asked_for(share: float) -> None:
    layout = laid_out(long_texts())
    _, moved, masked = shuffled(layout, share, Draws(42, 0))
    assert abs(moved.sum() / (~layout.special & ~masked).sum() - share) < 0.005


def test_where_masked_words_leave_no_room_there_are_fewer_trigrams() -> None:
    layout = laid_out(long_texts())
    _, moved, masked = shuffled(layout, 1.0, Draws(42, 0))
    unmasked = ~layout.special & ~masked
    starts = np.flatnonzero(unmasked[1:] & ~unmasked[:-1]) + 1
    runs = np.add.reduceat(unmasked.astype(int), starts)
    assert moved.sum() == (runs // 3 * 3).sum()


def test_the_five_other_orders_are_equally_frequent() -> None:
    layout = laid_out(long_texts())
    ids, moved, _ = shuffled(layout, 0.2, Draws(42, 0))
    orders = [tuple(ids[first : first + 3] - layout.ids[first]) for first in trigrams(moved)]
    counts = {order: orders.count(order) / len(orders) for order in set(orders)}
    assert sorted(counts) == [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    assert all(abs(share - 0.2) < 0.03 for share in counts.values())


def test_every_place_of_a_text_is_shuffled_some_time() -> None:
    layout = laid_out(hand_made([[1] * 20]))
    often = sum(shuffled(layout, 0.2, Draws(1, epoch))[1] for epoch in range(300))
    assert often[1:-1].min() > 10


def test_no_trigram_goes_from_one_half_into_the_other() -> None:
    texts = hand_made([[1] * 8] * 200, middles=[4] * 200)
    layout = lay_out(texts, arrange_halves(texts, np.arange(200), Draws(1, 1)), CLS, SEP)
    _, moved, _ = shuffled(layout, 1.0, Draws(1, 1), mlm=0.1)
    firsts = trigrams(moved)
    assert firsts
    assert all(len(set(layout.second[first : first + 3])) == 1 for first in firsts)


def test_the_first_trigram_of_a_run_begins_at_each_of_the_places_that_leave_room_for_all() -> None:
    """Of five tokens at the first, the second and the third, each as often."""
    layout = laid_out(hand_made([[1] * 5]))
    nothing = np.zeros(len(layout.ids), dtype=np.bool_)
    found = [shuffle_trigrams(layout, layout.ids, nothing, 1.0, Draws(1, epoch))[1] for epoch in range(600)]
    firsts = [first for moved in found for first in trigrams(moved)]
    counts = {first: firsts.count(first) / len(firsts) for first in set(firsts)}
    assert sorted(counts) == [1, 2, 3]
    assert all(abs(share - 1 / 3) < 0.06 for share in counts.values())
