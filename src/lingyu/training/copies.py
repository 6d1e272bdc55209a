"""Training rows with changed copies behind them, new ones each epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lingyu.text import Encoded

from .batches import FILL, EncodedRows, PaddingCollator

Changed = Callable[[int, int, int], Encoded]
"""(number of the copy among all rows, the row that it is of, epoch) -> the one row that it is: a pure function."""


class RowsWithCopies(torch.utils.data.Dataset[dict[str, Any]]):
    """copies: (copies,) the row that each is of, whose target it has.

    A copy counts for as many tokens as its row, so that an epoch has as many batches as any other; one that comes out
    longer, by other pieces of a word, is its row itself.
    """

    def __init__(self, rows: EncodedRows, copies: NDArray[np.int64], changed: Changed) -> None:
        self.rows = rows
        self.copies = copies
        self.changed = changed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows) + len(self.copies)

    def __getitem__(self, row: int) -> dict[str, Any]:
        if row == FILL or row < len(self.rows):
            return self.rows[row]
        source = int(self.copies[row - len(self.rows)])
        encoded = self.changed(row, source, self.epoch)
        if encoded.lengths[0] > self.rows.lengths[source]:
            return self.rows[source]
        return EncodedRows(encoded, [self.rows.targets[source]])[0]

    @property
    def lengths(self) -> list[int]:
        """Tokens that each row takes of a batch's budget."""
        lengths = self.rows.lengths
        return [*lengths, *(lengths[source] for source in self.copies.tolist())]

    def collator(self, pad_token_id: int) -> PaddingCollator:
        return self.rows.collator(pad_token_id)
