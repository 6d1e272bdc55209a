"""Batches: every row once, within the budget, the same for every process, and a pure function of (seed, epoch)."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lingyu.tasks import IGNORED
from lingyu.text import Encoded
from lingyu.training import EncodedComparisons, EncodedRows, TokenBudgetBatches, plan_batches
from lingyu.training.batches import FILL, PaddingCollator, batches_by_length, bucket_bounds, piece

LENGTHS = st.lists(st.integers(2, 128), min_size=1, max_size=300)


@given(LENGTHS, st.integers(128, 2048), st.integers(), st.integers(0, 9))
def test_each_row_stands_once_and_no_batch_is_over_the_budget(
    lengths: list[int], budget: int, seed: int, epoch: int
) -> None:
    batches = plan_batches(lengths, budget, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[row] for row in batch) <= budget for batch in batches)


@given(LENGTHS, st.integers(128, 2048), st.integers(), st.integers())
def test_the_number_of_batches_is_the_same_in_every_epoch(
    lengths: list[int], budget: int, seed: int, other_seed: int
) -> None:
    numbers = {len(plan_batches(lengths, budget, s, epoch)) for s in (seed, other_seed) for epoch in range(4)}
    assert len(numbers) == 1


@given(LENGTHS, st.integers(0, 9))
def test_the_plan_is_a_pure_function(lengths: list[int], epoch: int) -> None:
    assert plan_batches(lengths, 512, 1, epoch) == plan_batches(lengths, 512, 1, epoch)


def test_an_epoch_that_is_told_is_the_one_that_is_read() -> None:
    lengths = [10] * 200
    batches = TokenBudgetBatches(lengths, 512, 0)
    for epoch in (0, 3, 1):
        batches.set_epoch(epoch)
        assert list(batches) == plan_batches(lengths, 512, 0, epoch)


@given(LENGTHS, st.integers(1, 2048))
def test_batches_by_length_hold_each_row_once_the_shortest_first_and_as_many_as_the_budget_allows(
    lengths: list[int], budget: int
) -> None:
    batches = list(batches_by_length(lengths, budget))
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert [lengths[row] for row in rows] == sorted(lengths)
    for batch, following in pairwise([*batches, []]):
        assert len(batch) == 1 or len(batch) * lengths[batch[-1]] <= budget
        assert not following or (len(batch) + 1) * lengths[following[0]] > budget


def test_epochs_and_seeds_differ() -> None:
    lengths = [10] * 200
    plans = [str(plan_batches(lengths, 512, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(plans)) == 4


def test_little_of_a_batch_is_padding() -> None:
    lengths = np.random.default_rng(0).integers(5, 128, size=5000).tolist()
    batches = plan_batches(lengths, 4096, seed=0, epoch=0)
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    assert sum(lengths) / computed > 0.95


@given(st.integers(1, 5000))
def test_buckets_cover_all_lengths_in_rising_order(longest: int) -> None:
    bounds = bucket_bounds(longest)
    assert bounds[-1] == max(1, longest)
    assert all(low < high for low, high in pairwise(bounds))


@given(LENGTHS, st.integers(1, 4), st.integers(1, 3))
def test_pieces_of_all_processes_are_the_batches_of_one(lengths: list[int], processes: int, steps: int) -> None:
    def sampler(process_index: int) -> TokenBudgetBatches:
        return TokenBudgetBatches(
            lengths, 512, 3, process_index=process_index, num_processes=processes, gradient_accumulation_steps=steps
        )

    of_each = [list(sampler(index)) for index in range(processes)]
    assert {len(pieces) for pieces in of_each} == {len(sampler(0))}
    for number, batch in enumerate(plan_batches(lengths, 512, 3, 0)):
        rows = [row for pieces in of_each for part in pieces[number * steps : (number + 1) * steps] for row in part]
        assert sorted(row for row in rows if row >= 0) == sorted(batch)


def test_a_piece_is_never_empty_and_its_filling_counts_for_nothing() -> None:
    assert piece([7], 1, 2) == [-1]
    rows = EncodedRows(Encoded([[2, 5, 3], [2, 3]], [False, False]), np.array([1, 0]))
    assert rows[-1] == {"input_ids": [2, 5, 3], "labels": IGNORED}


def test_rows_are_padded_to_the_longest_of_them() -> None:
    batch = PaddingCollator(pad_token_id=0)([{"input_ids": [2, 5, 3], "labels": 1}, {"input_ids": [2, 3], "labels": 0}])
    assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 3, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [1, 0]


def test_a_row_over_the_budget_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        plan_batches([10], 5, 0, 0)


@st.composite
def encoded_rows(draw: st.DrawFn, rows: int, with_pairs: bool) -> Encoded:
    lengths = draw(st.lists(st.integers(2, 20), min_size=rows, max_size=rows))
    ids = [list(range(2, 2 + length)) for length in lengths]
    types = [[0] * (length // 2) + [1] * (length - length // 2) for length in lengths] if with_pairs else None
    return Encoded(ids, [False] * rows, types)


TARGETS = {
    "single_label, ordinal": lambda encoded: np.arange(len(encoded)),
    "multi_label": lambda encoded: np.arange(3 * len(encoded)).reshape(-1, 3) % 2,
    "regression": lambda encoded: np.arange(len(encoded), dtype=np.float32) / 2,
    "token": lambda encoded: [np.arange(length) for length in encoded.lengths],
}


@pytest.mark.parametrize("shape", TARGETS)
@given(st.data(), st.integers(1, 6), st.booleans())
def test_a_batch_holds_each_row_with_its_target_whatever_its_shape(
    shape: str, data: st.DataObject, count: int, with_pairs: bool
) -> None:
    encoded = data.draw(encoded_rows(count, with_pairs))
    rows = EncodedRows(encoded, TARGETS[shape](encoded))
    asked = data.draw(st.lists(st.sampled_from([FILL, *range(count)]), min_size=1, max_size=8))
    batch = rows.collator(pad_token_id=0)([rows[row] for row in asked])
    assert ("token_type_ids" in batch) == with_pairs
    for at, row in enumerate(asked):
        whole, length = row if row != FILL else 0, int(batch["attention_mask"][at].sum())
        assert batch["input_ids"][at, :length].tolist() == encoded.input_ids[whole]
        assert not batch["input_ids"][at, length:].any()
        if encoded.token_type_ids is not None:
            assert batch["token_type_ids"][at, :length].tolist() == encoded.token_type_ids[whole]
            assert not batch["token_type_ids"][at, length:].any()
        target = batch["labels"][at].numpy()
        if row == FILL:
            assert (target == IGNORED).all()
        else:
            counted = target[:length] if shape == "token" else target
            assert (counted == rows.targets[row]).all()
            assert shape != "token" or (target[length:] == IGNORED).all()


@given(st.data(), st.integers(1, 6), st.booleans())
def test_a_comparison_is_never_without_its_counterpart_and_keeps_its_segments(
    data: st.DataObject, count: int, with_pairs: bool
) -> None:
    chosen, rejected = (data.draw(encoded_rows(count, with_pairs)) for _ in range(2))
    rows = EncodedComparisons(chosen, rejected)
    asked = data.draw(st.lists(st.sampled_from([FILL, *range(count)]), min_size=1, max_size=8))
    batch = rows.collator(pad_token_id=0)([rows[row] for row in asked])
    assert batch["labels"].tolist() == [IGNORED if row == FILL else 0 for row in asked]
    assert len(batch["input_ids"]) == 2 * len(asked)
    assert batch["input_ids"].numel() <= len(asked) * max(rows.lengths)
    for half, encoded in enumerate((chosen, rejected)):
        for at, row in enumerate(asked):
            ids, place = encoded.input_ids[max(row, 0)], half * len(asked) + at
            assert batch["input_ids"][place, : len(ids)].tolist() == ids
            assert int(batch["attention_mask"][place].sum()) == len(ids)
            if encoded.token_type_ids is not None:
                assert batch["token_type_ids"][place, : len(ids)].tolist() == encoded.token_type_ids[max(row, 0)]


def test_scores_of_comparisons_come_back_side_by_side_in_the_order_of_the_rows() -> None:
    first, second = Encoded([[2, 3], [2, 5, 3]], [False] * 2), Encoded([[2, 9, 9, 9, 3], [2, 3]], [False] * 2)
    rows = EncodedComparisons(first, second).sorted_by_length()
    assert rows.lengths == [10, 6]
    assert rows.sequences.input_ids == [[2, 3], [2, 5, 3], [2, 9, 9, 9, 3], [2, 3]]
    scores = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    assert rows.of_rows(scores).tolist() == [[1.0, 3.0], [2.0, 4.0]]
