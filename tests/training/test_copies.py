"""Copies behind the rows: read anew each epoch, with as many batches in every one of them."""

import numpy as np

from lingyu.text import Encoded
from lingyu.training import EncodedRows, RowsWithCopies
from lingyu.training.batches import FILL


def encoded(*rows: list[int]) -> Encoded:
    return Encoded(list(rows), [False] * len(rows))


def rows_with_copies() -> RowsWithCopies:
    """Three rows; two copies of the last, of which the second comes out longer than its row."""
    rows = EncodedRows(encoded([1, 2], [1, 3], [1, 4, 5]), np.array([0, 0, 1]))

    def changed(row: int, source: int, epoch: int) -> Encoded:
        return encoded([row, source, epoch] if row == 3 else [9] * 4)

    return RowsWithCopies(rows, np.array([2, 2]), changed)


def test_a_copy_has_the_target_of_its_row_and_is_new_each_epoch() -> None:
    rows = rows_with_copies()
    assert len(rows) == 5
    assert rows[3] == {"input_ids": [3, 2, 0], "labels": 1}
    rows.set_epoch(4)
    assert rows[3] == {"input_ids": [3, 2, 4], "labels": 1}
    assert rows[0] == {"input_ids": [1, 2], "labels": 0}
    assert rows[FILL]["labels"] < 0


def test_a_copy_never_takes_more_tokens_than_were_planned() -> None:
    rows = rows_with_copies()
    assert rows.lengths == [2, 2, 3, 3, 3]
    assert rows[4] == rows[2]
