"""Masks: whole words only, as many tokens as asked for, and of each text the same wherever it stands."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.bases import find_base
from lingyu.dapt.batches.draws import Draws, Stream
from lingyu.dapt.batches.layout import lay_out
from lingyu.dapt.batches.masking import Masking, ordinary_ids, span_weights
from lingyu.dapt.batches.sentence_order import arrange_halves
from lingyu.dapt.corpus.encoded import EncodedTexts, encode_batch
from lingyu.dapt.corpus.segmenters import segmenter_for

from .hand_made_texts import CLS, MASK, SEP, TEXTS, hand_made, laid_out, masking, pieces_of

SHARES = st.floats(0.01, 0.99)
NGRAMS = st.integers(1, 5)
DRAWS = st.builds(Draws, st.integers(0, 99), st.integers(0, 9))


# ---- the same, told slowly


def slowly_chosen(words: list[int], key: np.uint64, masks: Masking, draws: Draws) -> list[int]:
    """Places in [CLS] text [SEP] that are masked: spans in the order of their draws, word by word."""
    keys = np.array([key])
    starts = [1 + sum(words[:number]) for number in range(len(words))]
    before = masks.max_ngram - 1  # places before the first word at which spans begin too; the index is the draw's
    index = {word: -1 - place for place, word in enumerate(range(-before, 0))} | dict(enumerate(starts))
    turns = {word: int(draws.bits(Stream.WORD, keys, drawn_by)[0]) for word, drawn_by in index.items()}
    tokens = sum(words)
    budget = max(int(masks.share * tokens + 0.5), 1 if tokens > 1 else 0)
    luck = draws.uniform(Stream.LAST_WORD, keys, 0)[0]
    taken: list[int] = []
    filled = 0
    for first in sorted(turns, key=turns.__getitem__):
        span = slow_span(float(draws.uniform(Stream.SPAN, keys, index[first])[0]), masks.max_ngram)
        for word in range(max(first, 0), min(first + span, len(words))):
            if word in taken:
                continue
            left = budget - filled
            if left <= 0 or not (words[word] <= left or not taken or luck * words[word] < left):
                return sorted(starts[each] + place for each in taken for place in range(words[each]))
            taken.append(word)
            filled += words[word]
    return sorted(starts[each] + place for each in taken for place in range(words[each]))


def slow_span(drawn: float, max_ngram: int) -> int:
    for length, probability in enumerate(np.cumsum(span_weights(max_ngram)).tolist(), start=1):
        if drawn < probability:
            return length
    return max_ngram


@settings(max_examples=40)
@given(TEXTS, SHARES, NGRAMS, DRAWS)
def test_masks_are_those_of_the_slow_way(texts: list[list[int]], share: float, max_ngram: int, draws: Draws) -> None:
    encoded = hand_made(texts)
    layout = laid_out(encoded)
    masks = masking(share, max_ngram)
    chosen = pieces_of(masks.choose(layout, draws), layout.lengths)
    for number, words in enumerate(texts):
        assert np.flatnonzero(chosen[number]).tolist() == slowly_chosen(words, encoded.keys[number], masks, draws)


# ---- what is chosen


@settings(max_examples=40)
@given(TEXTS, SHARES, NGRAMS, DRAWS)
def test_words_are_masked_whole_and_special_tokens_never(
    texts: list[list[int]], share: float, max_ngram: int, draws: Draws
) -> None:
    layout = laid_out(hand_made(texts))
    chosen = masking(share, max_ngram).choose(layout, draws)
    assert not chosen[layout.special].any()
    inside_of_a_word = ~layout.starts_word & ~layout.special
    assert (chosen[1:] == chosen[:-1])[inside_of_a_word[1:]].all()


@settings(max_examples=40)
@given(TEXTS, SHARES, NGRAMS, DRAWS)
def test_each_text_of_two_tokens_has_something_to_guess(
    texts: list[list[int]], share: float, max_ngram: int, draws: Draws
) -> None:
    layout = laid_out(hand_made(texts))
    chosen = pieces_of(masking(share, max_ngram).choose(layout, draws), layout.lengths)
    assert all(any(text) for text in chosen if len(text) > 3)


@settings(max_examples=40)
@given(TEXTS, SHARES, NGRAMS, DRAWS)
def test_no_text_is_masked_by_more_than_its_share_and_a_word(
    texts: list[list[int]], share: float, max_ngram: int, draws: Draws
) -> None:
    layout = laid_out(hand_made(texts))
    chosen = pieces_of(masking(share, max_ngram).choose(layout, draws), layout.lengths)
    for words, text in zip(texts, chosen, strict=True):
        assert abs(sum(text) - share * sum(words)) < max(words) + 0.5 + 1e-9


@settings(max_examples=40)
@given(TEXTS, NGRAMS, DRAWS, st.randoms())
def test_masks_of_a_text_do_not_depend_on_the_rest_of_the_batch(
    texts: list[list[int]], max_ngram: int, draws: Draws, random: object
) -> None:
    encoded, masks = hand_made(texts), masking(0.3, max_ngram)
    together = laid_out(encoded)
    chosen = masks.choose(together, draws)
    ids = pieces_of(masks.corrupt(together, chosen, draws), together.lengths)
    rows = list(range(len(texts)))
    random.shuffle(rows)  # type: ignore[attr-defined]
    for row in rows[:2]:
        alone = laid_out(encoded, [row])
        assert masks.corrupt(alone, masks.choose(alone, draws), draws).tolist() == ids[row]


def test_each_epoch_and_seed_has_masks_of_its_own() -> None:
    layout = laid_out(hand_made([[1, 2] * 20]))
    chosen = {masking().choose(layout, Draws(seed, epoch)).tobytes() for seed in (0, 1) for epoch in range(3)}
    assert len(chosen) == 6


def many_texts(count: int = 4000) -> EncodedTexts:
    """Like reviews: 3 to 120 words of 1 to 4 tokens, most of 1 and 2."""
    random = np.random.default_rng(0)
    lengths = random.lognormal(3.2, 0.8, count).clip(3, 120).astype(int)
    return hand_made([random.choice([1, 2, 3, 4], size=words, p=[0.45, 0.4, 0.1, 0.05]).tolist() for words in lengths])


@pytest.mark.parametrize("max_ngram", [1, 4])
@pytest.mark.parametrize("share", [0.15, 0.2, 0.4])
def test_over_many_texts_the_share_is_what_was_asked_for(share: float, max_ngram: int) -> None:
    layout = laid_out(many_texts())
    chosen = masking(share, max_ngram).choose(layout, Draws(42, 0))
    assert abs(chosen.sum() / (~layout.special).sum() - share) < 0.005


@pytest.mark.parametrize("max_ngram", [1, 4])
def test_long_words_are_masked_nearly_as_often_as_short_ones(max_ngram: int) -> None:
    layout = laid_out(many_texts())
    starts = np.flatnonzero(layout.starts_word)
    word_length = np.add.reduceat((~layout.special).astype(int), starts)
    often = np.mean([masking(0.2, max_ngram).choose(layout, Draws(42, epoch))[starts] for epoch in range(4)], axis=0)
    by_length = [often[word_length == length].mean() for length in (1, 2, 3, 4)]
    assert max(by_length) - min(by_length) < 0.02
    assert all(abs(share - 0.2) < 0.015 for share in by_length)


@pytest.mark.parametrize("max_ngram", [1, 4])
def test_each_word_of_a_text_is_masked_as_often_as_any_other(max_ngram: int) -> None:
    layout = laid_out(hand_made([[1] * 40] * 4000))
    often = np.stack(pieces_of(masking(0.2, max_ngram).choose(layout, Draws(1, 1)), layout.lengths)).mean(axis=0)[1:-1]
    assert abs(often - 0.2).max() < 0.025  # four standard errors


def test_each_word_of_two_halves_is_masked_as_often_as_any_other() -> None:
    texts = hand_made([[1] * 40] * 4000, middles=[20] * 4000)
    layout = lay_out(texts, arrange_halves(texts, np.arange(4000), Draws(1, 1)), CLS, SEP)
    chosen = masking(0.2, 4).choose(layout, Draws(1, 1))
    assert (layout.lengths == 43).all()
    often = chosen.reshape(4000, 43)[:, [*range(1, 21), *range(22, 42)]].mean(axis=0)
    assert abs(often - 0.2).max() < 0.025


def test_span_lengths_are_macberts() -> None:
    assert span_weights(4).tolist() == [0.4, 0.3, 0.2, 0.1]
    assert span_weights(1).tolist() == [1.0]


def test_ngrams_stand_together() -> None:
    def runs(max_ngram: int) -> float:
        """Mean number of masked words that stand together."""
        layout = laid_out(hand_made([[1] * 100] * 500))
        chosen = masking(0.1, max_ngram).choose(layout, Draws(1, 1))
        return float(chosen.sum() / (chosen[1:] & ~chosen[:-1]).sum())

    assert runs(1) < 1.2
    assert 1.8 < runs(4) < 2.2  # 0.4 + 2 * 0.3 + 3 * 0.2 + 4 * 0.1 = 2; some spans touch, the last of a text is cut


# ---- what stands in its place


@settings(max_examples=40)
@given(TEXTS, SHARES, DRAWS)
def test_what_is_not_chosen_stays(texts: list[list[int]], share: float, draws: Draws) -> None:
    layout, masks = laid_out(hand_made(texts)), masking(share)
    chosen = masks.choose(layout, draws)
    ids = masks.corrupt(layout, chosen, draws)
    assert (ids[~chosen] == layout.ids[~chosen]).all()
    replaced = ids[chosen] != layout.ids[chosen]
    assert np.isin(ids[chosen][replaced], [MASK, *masks.ordinary]).all()


def test_eight_in_ten_are_masked_one_random_one_left_token_by_token() -> None:
    layout, masks = laid_out(many_texts()), masking(0.4)
    chosen = masks.choose(layout, Draws(3, 0))
    ids = masks.corrupt(layout, chosen, Draws(3, 0))[chosen]
    assert abs((ids == MASK).mean() - 0.8) < 0.01
    assert abs((ids == layout.ids[chosen]).mean() - 0.1) < 0.01
    assert abs((ids >= 1_000_000).mean() - 0.1) < 0.01
    assert len(np.unique(ids[ids >= 1_000_000])) == len(masks.ordinary)
    inside = (~layout.starts_word)[chosen]
    together = (ids[1:] == MASK)[inside[1:]] == (ids[:-1] == MASK)[inside[1:]]
    assert abs(together.mean() - (0.8**2 + 0.2**2)) < 0.02


def test_ordinary_tokens_are_neither_special_nor_unused_nor_beyond_the_embeddings() -> None:
    vocabulary = {"[PAD]": 0, "[unused1]": 1, "<unused_2>": 2, "[MASK]": 3, "好": 4, "##ing": 5, "[": 6, "新": 7}
    assert ordinary_ids(vocabulary, {0, 3}, vocab_size=7).tolist() == [4, 5, 6]


def test_a_text_of_one_token_is_left_alone_where_that_is_nearer_to_the_share() -> None:
    layout = laid_out(hand_made([[1]]))
    assert not masking(0.2).choose(layout, Draws(0, 0)).any()
    assert masking(0.6).choose(layout, Draws(0, 0)).sum() == 1


def test_a_text_that_is_a_single_word_is_masked_whole() -> None:
    layout = laid_out(hand_made([[4]]))
    assert masking(0.2).choose(layout, Draws(0, 0)).sum() == 4


# ---- transformers' whole_word_mask and ours, on a review

SEGMENTED = (
    "酒店 的 位置 非常 好 ， 离 地铁站 只有 五分钟 的 路程 ， 房间 也 很 干净 ， 早餐 的 种类 丰富 ， "
    "前台 的 服务态度 热情 周到 ， 下次 还会 选择 这家 酒店 。"
)
WORDS = SEGMENTED.split()
REVIEW = "".join(WORDS)


def shares_of_transformers(draws: int) -> Iterator[float]:
    from transformers import DataCollatorForLanguageModeling

    tokenizer = find_base("embedded").tokenizer
    row = dict(tokenizer(REVIEW, return_offsets_mapping=True, return_special_tokens_mask=True))
    collate = DataCollatorForLanguageModeling(
        tokenizer, whole_word_mask=True, mlm_probability=0.15, mask_replace_prob=1, random_replace_prob=0, seed=0
    )
    for _ in range(draws):
        yield float((collate([dict(row)])["labels"] != -100).sum()) / len(REVIEW)


def shares_of_ours(draws: int) -> Iterator[float]:
    layout = laid_out(hand_made([list(map(len, WORDS))]))
    for epoch in range(draws):
        yield float(masking(0.15).choose(layout, Draws(0, epoch)).sum()) / len(REVIEW)


def test_transformers_takes_a_whole_chinese_review_for_a_word_and_we_mask_the_share_that_was_asked_for() -> None:
    theirs, ours = list(shares_of_transformers(50)), list(shares_of_ours(50))
    assert set(theirs) == {0.0, 1.0}  # nothing, or all of it: the review is one word from its first mark to its last
    assert 0.7 < theirs.count(0.0) / 50 < 0.95
    assert all(abs(share - 0.15) < 0.06 for share in ours)
    assert abs(np.mean(ours) - 0.15) < 0.01


@pytest.fixture(scope="module")
def reviews(shared_data: Path) -> EncodedTexts:
    jieba_words = segmenter_for("jieba")
    with (shared_data / "hotel" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8") as file:
        texts = [row["review"] for row in islice(csv.DictReader(file), 0, None, 32)]
    return encode_batch(texts, find_base("embedded").tokenizer, jieba_words, max_tokens=254).texts


@pytest.mark.parametrize("max_ngram", [1, 4])
def test_of_real_reviews_with_real_words_the_share_is_masked(reviews: EncodedTexts, max_ngram: int) -> None:
    layout = laid_out(reviews)
    chosen = masking(0.2, max_ngram).choose(layout, Draws(42, 0))
    assert abs(chosen.sum() / (~layout.special).sum() - 0.2) < 0.005


def test_a_text_has_its_own_masks() -> None:
    layout = laid_out(hand_made([[1] * 40, [1] * 40]))
    one, other = pieces_of(masking().choose(layout, Draws(0, 0)), layout.lengths)
    assert one != other
