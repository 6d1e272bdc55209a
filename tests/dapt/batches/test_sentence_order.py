"""Halves in order, in reverse and of another text: each label is true of what stands there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.dapt.batches.draws import Draws
from lingyu.dapt.batches.layout import NO_ORDER, Layout, Parts, lay_out
from lingyu.dapt.batches.sentence_order import NEXT, PREVIOUS, RANDOM, arrange_halves
from lingyu.dapt.corpus.encoded import EncodedTexts

from .hand_made_texts import CLS, SEP, TEXTS, hand_made, masking

DRAWS = st.builds(Draws, st.integers(0, 99), st.integers(0, 9))


@st.composite
def texts_of_two_halves(draw: st.DrawFn) -> EncodedTexts:
    """Some with a middle, at the beginning of a word, some without."""
    texts = draw(TEXTS)
    begins = [np.cumsum([0, *text[:-1]]).tolist() for text in texts]
    return hand_made(texts, [draw(st.sampled_from(begin)) for begin in begins])


def arranged(texts: EncodedTexts, draws: Draws) -> tuple[Parts, Layout]:
    """In the order of the rows."""
    parts = arrange_halves(texts, np.arange(len(texts)), draws)
    return parts, lay_out(texts, parts, CLS, SEP)


def halves(texts: EncodedTexts, row: int) -> tuple[list[int], list[int]]:
    ids = texts.ids[texts.offsets[row] : texts.offsets[row + 1]].tolist()
    middle = int(texts.middles[row])
    return (ids[:middle], ids[middle:]) if middle else (ids, [])


@settings(max_examples=40)
@given(texts_of_two_halves(), DRAWS)
def test_each_label_is_true(texts: EncodedTexts, draws: Draws) -> None:
    parts, layout = arranged(texts, draws)
    all_halves = [halves(texts, row) for row in range(len(texts))]
    for row, label in enumerate(parts.sentence_labels.tolist()):
        found = layout.ids[layout.text == row].tolist()
        a, b = all_halves[row]
        if label == NO_ORDER:
            assert not b
            assert found == [CLS, *a, SEP]
        elif label == NEXT:
            assert found == [CLS, *a, SEP, *b, SEP]
        elif label == PREVIOUS:
            assert found == [CLS, *b, SEP, *a, SEP]
        else:
            assert label == RANDOM
            assert found[: len(a) + 2] == [CLS, *a, SEP]
            other = found[len(a) + 2 : -1]
            assert other
            assert any(half[: len(other)] == other for r, (_, half) in enumerate(all_halves) if r != row)


@pytest.mark.parametrize("epoch", range(6))
def test_a_half_that_begins_within_a_word_begins_with_a_word(epoch: int) -> None:
    """As where a segmenter takes a full stop and what follows it for one word."""
    _, layout = arranged(hand_made([[4, 4], [3, 2]], middles=[2, 1]), Draws(1, epoch))
    behind_special = np.flatnonzero(layout.special[:-1] & ~layout.special[1:]) + 1
    assert len(behind_special) == 4
    assert layout.starts_word[behind_special].all()


@settings(max_examples=40)
@given(texts_of_two_halves(), DRAWS)
def test_no_text_becomes_longer_than_its_tokens_and_three(texts: EncodedTexts, draws: Draws) -> None:
    parts, layout = arranged(texts, draws)
    assert (parts.lengths <= texts.lengths + 2 + (texts.middles > 0)).all()
    assert (parts.lengths == layout.lengths).all()
    assert (np.bincount(layout.text) == layout.lengths).all()


@settings(max_examples=40)
@given(texts_of_two_halves(), DRAWS)
def test_words_move_along_with_their_tokens(texts: EncodedTexts, draws: Draws) -> None:
    _, layout = arranged(texts, draws)
    source = layout.ids[~layout.special] - texts.ids[0]  # ids are consecutive
    assert (layout.starts_word[~layout.special] == texts.starts_word[source]).all()
    assert not layout.starts_word[layout.special].any()
    # and what is cut is cut between words, unless the first word is longer than the place for it
    ends = np.flatnonzero(layout.special[1:] & ~layout.special[:-1])
    behind = layout.ids[ends] - texts.ids[0] + 1
    whole = (behind == len(texts.ids)) | texts.starts_word[np.minimum(behind, len(texts.ids) - 1)]
    for end in ends[~whole]:
        begin = np.flatnonzero(layout.special[:end])[-1] + 1
        assert not layout.starts_word[begin + 1 : end + 1].any()


@settings(max_examples=40)
@given(texts_of_two_halves(), DRAWS)
def test_the_second_half_and_its_separator_have_token_type_one(texts: EncodedTexts, draws: Draws) -> None:
    parts, layout = arranged(texts, draws)
    for row in range(len(texts)):
        first, second = int(parts.first_length[row]), int(parts.second_length[row])
        expected = [0] * (first + 2) + [1] * (second + 1 if second else 0)
        assert layout.second[layout.text == row].astype(int).tolist() == expected


def many() -> EncodedTexts:
    random = np.random.default_rng(0)
    words = [[1, 2] * int(n) for n in random.integers(2, 40, 3000)]
    return hand_made(words, [sum(text) // 2 // 3 * 3 for text in words])


def test_the_three_orders_are_equally_frequent_and_change_with_the_epoch() -> None:
    labels = [arrange_halves(many(), np.arange(3000), Draws(42, epoch)).sentence_labels for epoch in (0, 1)]
    assert all(abs(np.bincount(each, minlength=3) / 3000 - 1 / 3).max() < 0.03 for each in labels)
    assert abs((labels[0] == labels[1]).mean() - 1 / 3) < 0.03


def test_a_random_half_is_nearly_as_long_as_the_own_one_and_ends_as_its_text_does() -> None:
    """Else the lengths, or a missing full stop, would tell which halves are random."""
    texts = many()
    parts = arrange_halves(texts, np.arange(3000), Draws(42, 0))
    random = parts.sentence_labels == RANDOM
    own = (texts.lengths - texts.middles)[random]
    assert (parts.second_length[random] / own).mean() > 0.85
    ends = np.isin((parts.second + parts.second_length)[random], texts.offsets[1:])
    assert ends.mean() > 0.92


def test_partners_are_drawn_from_all_texts() -> None:
    parts = arrange_halves(many(), np.arange(3000), Draws(42, 0))
    partners = np.searchsorted(many().offsets, parts.second[parts.sentence_labels == RANDOM], side="right") - 1
    assert len(np.unique(partners)) > 500
    assert abs(partners.mean() - 1500) < 100


def test_without_another_text_of_two_halves_the_pair_stays_in_order() -> None:
    texts = hand_made([[1] * 6, [1] * 6], middles=[3, 0])
    labels = {arrange_halves(texts, np.array([0]), Draws(0, epoch)).sentence_labels[0] for epoch in range(30)}
    assert labels == {NEXT, PREVIOUS}


def test_a_text_that_stands_twice_is_not_its_own_random_partner() -> None:
    texts = hand_made([[1] * 6] * 2, middles=[3, 3])
    texts.keys[1] = texts.keys[0]
    labels = {arrange_halves(texts, np.array([0]), Draws(0, epoch)).sentence_labels[0] for epoch in range(30)}
    assert labels == {NEXT, PREVIOUS}


def test_a_longer_half_is_cut_between_words() -> None:
    texts = hand_made([[1, 1, 1, 2], [1, 2, 2, 2, 2, 2]], middles=[2, 1])
    for epoch in range(40):
        parts = arrange_halves(texts, np.array([0]), Draws(0, epoch))
        if parts.sentence_labels[0] == RANDOM:
            assert (parts.second[0], parts.second_length[0]) == (6, 2)  # three would fit: one word and half of another
            return
    pytest.fail("no random half was drawn")


def test_masks_are_drawn_in_what_stands_there_in_the_end() -> None:
    texts = many()
    _, layout = arranged(texts, Draws(42, 0))
    chosen = masking(0.2, max_ngram=4).choose(layout, Draws(42, 0))
    for half in (False, True):
        tokens = ~layout.special & (layout.second == half)
        assert abs((chosen & tokens).sum() / tokens.sum() - 0.2) < 0.01


@settings(max_examples=40)
@given(texts_of_two_halves(), DRAWS)
def test_a_text_is_arranged_the_same_in_every_batch(texts: EncodedTexts, draws: Draws) -> None:
    together = arrange_halves(texts, np.arange(len(texts)), draws)
    row = len(texts) // 2
    alone = arrange_halves(texts, np.array([row]), draws)
    assert (alone.second[0], alone.second_length[0]) == (together.second[row], together.second_length[row])
    assert alone.sentence_labels[0] == together.sentence_labels[row]
