"""Batches: every row once, within the budget, the same for every process, and a pure function of (seed, epoch)."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.tasks import IGNORED
from lingyu.training import EncodedRows, TokenBudgetBatches, plan_batches
from lingyu.training.batches import PaddingCollator, bucket_bounds, piece

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
    rows = EncodedRows([[2, 5, 3], [2, 3]], np.array([1, 0]))
    assert rows[-1] == {"input_ids": [2, 5, 3], "labels": IGNORED}


def test_rows_are_padded_to_the_longest_of_them() -> None:
    batch = PaddingCollator(pad_token_id=0)([{"input_ids": [2, 5, 3], "labels": 1}, {"input_ids": [2, 3], "labels": 0}])
    assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 3, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [1, 0]


def test_a_row_over_the_budget_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        plan_batches([10], 5, 0, 0)
