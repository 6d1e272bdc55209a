"""Batches of whole texts: each once, within the budget and full, the same for any number of processes."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lingyu.dapt.batches import batches
from lingyu.dapt.batches.batches import BatchPiece, PackedTexts, TextBatches, deal, plan, shuffled_rows
from lingyu.dapt.batches.composing import Composer
from lingyu.dapt.corpus.encoded import EncodedTexts

from .hand_made_texts import CLS, SEP, hand_made, masking


def texts_of(lengths: Any, middles: Any = None) -> EncodedTexts:
    """Texts of which only the lengths count."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    none = np.zeros(0, dtype=np.int32)
    count = len(offsets) - 1
    return EncodedTexts(
        ids=none,
        starts_word=none.astype(np.bool_),
        offsets=offsets,
        keys=np.arange(count, dtype=np.uint64),
        middles=np.zeros(count, dtype=np.int32) if middles is None else np.asarray(middles, dtype=np.int32),
        is_first=np.ones(count, dtype=np.bool_),
    )


LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=400)
SEEDS = st.integers(-(2**63), 2**64)


# how many texts a block has and how many blocks are held at once: one window, and many of 24 texts
WHOLE_EPOCH = (batches.BLOCK_TEXTS, batches.BLOCKS_AT_ONCE)
WINDOWS = st.sampled_from([WHOLE_EPOCH, (8, 3)])


@contextmanager
def windows_of(window: tuple[int, int]) -> Iterator[None]:
    """Few texts as a corpus of many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BLOCK_TEXTS", window[0])
        patch.setattr(batches, "BLOCKS_AT_ONCE", window[1])
        yield


@example(WHOLE_EPOCH, [8, 8, 1], 20, 1, 1)  # to its mark the first batch would take two texts of the three
@example(WHOLE_EPOCH, [8, 8, 8, 8, 1, 1], 20, 1, 2)  # before its mark the fourth batch would have none
@given(WINDOWS, LENGTHS, st.integers(84, 1000), SEEDS, st.integers(0, 9))
def test_each_text_stands_once_no_batch_is_empty_or_over_the_budget(
    window: tuple[int, int], lengths: list[int], budget: int, seed: int, epoch: int
) -> None:
    sampler = TextBatches(texts_of(lengths), budget, seed)
    sampler.set_epoch(epoch)
    with windows_of(window):
        pieces = [piece for [piece] in sampler]
    assert sorted(row for piece in pieces for row in piece.rows.tolist()) == list(range(len(lengths)))
    for piece in pieces:
        assert len(piece.rows)
        assert piece.batch_tokens == sum(lengths[row] + 2 for row in piece.rows) <= budget
        assert piece.epoch == epoch
    assert len(pieces) == len(sampler)


@given(WINDOWS, st.integers(1, 300), st.integers(1, 40), st.integers(0, 3))
def test_texts_of_one_length_make_no_exception(window: tuple[int, int], count: int, length: int, epoch: int) -> None:
    sampler = TextBatches(texts_of([length] * count), 2 * (length + 2), seed=1)
    sampler.set_epoch(epoch)
    with windows_of(window):
        found = [len(piece.rows) for [piece] in sampler]
    assert sum(found) == count
    assert min(found) > 0
    assert max(found) <= 2


@given(LENGTHS, st.integers(86, 1000), st.integers(1, 4), st.integers(1, 3))
def test_pieces_of_all_processes_are_the_batches_of_one(
    lengths: list[int], budget: int, processes: int, steps: int
) -> None:
    texts = texts_of(lengths, middles=[length // 2 for length in lengths])

    def sampler(index: int, processes: int, steps: int) -> list[BatchPiece]:
        found = TextBatches(
            texts,
            budget,
            3,
            process_index=index,
            num_processes=processes,
            gradient_accumulation_steps=steps,
            specials=3,
        )
        found.set_epoch(2)
        pieces = [piece for [piece] in found]
        assert len(pieces) == len(found)
        return pieces

    of_each = [sampler(index, processes, steps) for index in range(processes)]
    for number, whole in enumerate(sampler(0, 1, 1)):
        parts = [piece for pieces in of_each for piece in pieces[number * steps : (number + 1) * steps]]
        assert sorted(row for part in parts for row in part.rows.tolist()) == sorted(whole.rows.tolist())
        assert {(part.batch_tokens, part.batch_pairs) for part in parts} == {(whole.batch_tokens, whole.batch_pairs)}


def reviews(count: int = 6000) -> EncodedTexts:
    random = np.random.default_rng(0)
    return texts_of(random.lognormal(3.7, 0.9, count).clip(2, 254).astype(int))


@pytest.mark.parametrize("budget", [2048, 4096, 8192, 32768])
def test_batches_of_reviews_are_full(budget: int) -> None:
    tokens = [piece.batch_tokens for [piece] in TextBatches(reviews(), budget, seed=42)]
    assert max(tokens) <= budget
    assert np.mean(tokens) / budget > 0.96
    assert min(tokens) / budget > 0.9  # there is no small rest at the end


@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_batches_is_the_same_in_every_epoch(seed: int) -> None:
    sampler = TextBatches(reviews(2000), 4096, seed)
    counts = set()
    for epoch in range(4):
        sampler.set_epoch(epoch)
        counts.add(len(list(sampler)))
    assert counts == {len(sampler)}


def test_an_epoch_is_a_pure_function_and_epochs_and_seeds_differ() -> None:
    texts = reviews(500)

    def order(seed: int, epoch: int) -> str:
        sampler = TextBatches(texts, 4096, seed)
        sampler.set_epoch(epoch)
        return str([piece.rows.tolist() for [piece] in sampler])

    assert order(1, 3) == order(1, 3)
    assert len({order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_long_and_short_texts_are_in_every_batch() -> None:
    texts = reviews()
    whole = texts.lengths.mean()
    means = [texts.lengths[piece.rows].mean() for [piece] in TextBatches(texts, 8192, seed=42)]
    assert abs(np.array(means) / whole - 1).max() < 0.25


@given(st.integers(1, 200), st.integers(1, 8), st.integers(0, 9))
def test_dealt_pieces_have_nearly_the_same_number_of_tokens(texts: int, pieces: int, seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 100, texts)
    dealt = deal(np.arange(texts) + 1000, lengths, pieces)
    tokens = [int(lengths[part - 1000].sum()) for part in dealt]
    assert len(dealt) == pieces
    assert sorted(np.concatenate(dealt).tolist()) == list(range(1000, 1000 + texts))
    assert max(tokens) - min(tokens) <= lengths.max()


def test_two_processes_have_nearly_the_same_work() -> None:
    texts = reviews()
    sampler = TextBatches(texts, 8192, seed=42, num_processes=2)
    shares = [(texts.lengths[piece.rows] + 2).sum() / piece.batch_tokens for [piece] in sampler]
    assert abs(np.array(shares) - 0.5).max() < 0.01


def test_rows_of_a_large_corpus_are_shuffled_by_blocks() -> None:
    texts = 300_000
    order = np.concatenate(list(shuffled_rows(texts, seed=1, epoch=0)))
    assert np.array_equal(np.sort(order), np.arange(texts))
    assert abs(np.corrcoef(order, np.arange(texts))[0, 1]) < 0.3
    window = order[:1000]
    assert len(np.unique(window // batches.BLOCK_TEXTS)) == batches.BLOCKS_AT_ONCE
    assert not np.array_equal(order, np.concatenate(list(shuffled_rows(texts, seed=1, epoch=1))))


def test_memory_does_not_grow_with_the_corpus() -> None:
    def peak(count: int) -> int:
        texts = texts_of(np.full(count, 50))
        tracemalloc.start()
        sampler = iter(TextBatches(texts, 8192, seed=1))
        for _ in range(3):
            next(sampler)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(600_000), peak(1_200_000)
    assert many - few < 1_000_000  # less than two bytes a text


def test_a_plan_counts_the_batches_that_the_budget_needs() -> None:
    assert plan(np.bincount([10] * 10), 100).batches == 1
    assert plan(np.bincount([10] * 11), 100).batches == 2
    with pytest.raises(AssertionError):
        plan(np.bincount([60]), 100)


def test_an_item_is_a_piece_ready_for_the_model() -> None:
    texts = hand_made([[1, 2], [2, 2, 1], [1] * 9], middles=[0, 2, 4])
    composer = Composer(7, CLS, SEP, masking(0.3), None, sentence_order=True)
    data = PackedTexts(texts, composer)
    assert len(data) == 3
    [[piece]] = TextBatches(texts, 100, seed=7, specials=composer.specials)
    batch = data[piece]
    assert batch["batch_tokens"].item() == 3 + 5 + 9 + 3 * 2 + 2
    assert batch["batch_pairs"].item() == 2 == (batch["sentence_labels"] != -100).sum()
    composed = composer.compose(texts, np.arange(3), epoch=0)
    assert all((batch[name] == composed[name]).all() for name in composed)


def test_a_process_without_a_text_still_has_an_item() -> None:
    texts = hand_made([[1, 2]])
    sampler = TextBatches(texts, 100, seed=7, process_index=1, num_processes=2)
    [[piece]] = sampler
    assert len(piece.rows) == 0
    batch = PackedTexts(texts, Composer(7, CLS, SEP, masking(), None, sentence_order=False))[piece]
    assert batch["labels"].numel() == 0
    assert batch["batch_tokens"].item() == 5
