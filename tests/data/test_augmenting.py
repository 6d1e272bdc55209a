"""Changed copies of rare classes: how many, what an operation may do, and never a text of dev or test."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data import augmented_copy, copies_of_rare
from lingyu.data.augmenting import augmented
from lingyu.recipe import Augment
from lingyu.text import content_hashes

TEXT = "房间不干净，早餐abc很差12！"
TEXTS = st.text(alphabet="的房间不没很好差，。 aB1", max_size=40)
NONE = np.zeros(0, dtype=np.int64)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(1, 5))
def test_rare_classes_are_filled_up_to_the_median_and_others_are_left(keys: list[int], max_copies: int) -> None:
    counts = Counter(keys)
    median = int(np.median(list(counts.values())))
    copied = Counter(keys[row] for row in copies_of_rare(np.array(keys), max_copies).tolist())
    for key, rows in counts.items():
        assert copied[key] == max(0, min(median - rows, max_copies * rows))
    of_row = Counter(copies_of_rare(np.array(keys), max_copies).tolist())
    assert max(of_row.values(), default=0) <= max_copies


@given(TEXTS, st.integers(0, 99))
def test_a_swap_keeps_every_character(text: str, seed: int) -> None:
    changed = augmented(text, Augment(operations=("swap",), share=0.3), generator(seed))
    assert Counter(changed) == Counter(text)


@given(TEXTS, st.integers(0, 99))
def test_a_deletion_only_takes_away_and_leaves_something(text: str, seed: int) -> None:
    changed = augmented(text, Augment(operations=("delete",), share=0.3), generator(seed))
    rest = iter(text)
    assert all(character in rest for character in changed), "not a subsequence"
    assert bool(changed) == bool(text)


@given(TEXTS, st.integers(0, 99), st.sampled_from(["delete", "swap"]))
def test_negations_and_marks_stay_in_their_order(text: str, seed: int, operation: str) -> None:
    changed = augmented(text, Augment(operations=(operation,), share=0.5), generator(seed))

    def fixed(of: str) -> list[str]:
        return [character for character in of if character in "不没，。 "]

    assert fixed(changed) == fixed(text)


def test_runs_of_letters_and_of_digits_are_moved_whole() -> None:
    for seed in range(20):
        changed = augmented(TEXT, Augment(operations=("swap",), share=0.5), generator(seed))
        assert "abc" in changed
        assert "12" in changed


def copy(row: int, epoch: int, held_out: np.ndarray = NONE, pair: str | None = None, text: str = TEXT) -> str:
    return augmented_copy(row, text, pair, Augment(), held_out, seed=1, epoch=epoch)


def test_a_copy_is_a_pure_function_and_differs_by_epoch_and_row() -> None:
    assert copy(7, 0) == copy(7, 0)
    assert len({copy(7, epoch) for epoch in range(8)}) > 2
    assert len({copy(row, 0) for row in range(8)}) > 2


def test_a_copy_is_never_a_text_of_dev_or_test() -> None:
    drawn = {copy(row, 0) for row in range(40)}
    held_out = np.sort(content_hashes(drawn))
    redrawn = [copy(row, 0, held_out) for row in range(40)]
    assert not np.isin(content_hashes([text for text in redrawn if text != TEXT]), held_out).any()
    assert any(text != TEXT for text in redrawn), "no other copy was found"


def test_where_every_copy_is_held_out_it_is_the_rows_own_text() -> None:
    both = np.sort(content_hashes(["好房", "房好"]))
    assert augmented_copy(0, "房好", None, Augment(operations=("swap",)), both, seed=1, epoch=0) == "房好"


@pytest.mark.parametrize("text", ["", "好", "不", "，。！"])
def test_what_is_too_short_to_change_is_left(text: str) -> None:
    assert augmented(text, Augment(), generator(0)) == text
