"""Changed copies of training rows whose label is rare, where data.augment asks for them."""

import numpy as np

from lingyu.bases import Base
from lingyu.data import Splits, augmented_copy, copies_of_rare
from lingyu.recipe import Recipe
from lingyu.text import Encoded
from lingyu.training import EncodedRows, RowsWithCopies, TrainingRows


def with_copies(
    rows: TrainingRows, splits: Splits, recipe: Recipe, base: Base
) -> tuple[TrainingRows | RowsWithCopies, list[str]]:
    """What is trained on, and a note on how many copies of which label there are among it."""
    augment, part = recipe.data.augment, splits.train
    if augment is None:
        return rows, []
    assert isinstance(rows, EncodedRows), f"{recipe.task} has no classes of rows"
    keys = part.labelled.keys
    copies = copies_of_rare(keys, augment.max_copies)
    held_out = np.sort(np.concatenate([splits.dev.hashes, splits.test.hashes]))
    max_length, seed = recipe.train.max_length, recipe.train.seed

    def changed(row: int, source: int, epoch: int) -> Encoded:
        text, pair = part.texts[source], None if part.pairs is None else part.pairs[source]
        copy = augmented_copy(row, text, pair, augment, held_out, seed=seed, epoch=epoch)
        return base.encode([copy], max_length, None if pair is None else [pair])

    counts = np.bincount(keys[copies], minlength=len(splits.labels)).tolist()
    of_each = ", ".join(f"{label} {count:,}" for label, count in zip(splits.labels, counts, strict=True) if count)
    note = f"changed copies of rows of rare labels, in training alone: {len(copies):,} an epoch ({of_each or 'none'})"
    return RowsWithCopies(rows, copies, changed), [note]
