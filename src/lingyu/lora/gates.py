"""What a run says of its test before it trains: who else has read these texts, by content and never by file name."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lingyu.bases import Base, find_base
from lingyu.data import Splits, load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import overlaps
from lingyu.recipe import Recipe
from lingyu.store import HASHES, Store, read_hashes
from lingyu.text import Hashes


def check_data(recipe: Recipe) -> list[str]:
    """The counts and notes of `lingyu check --data`. Raises LingyuError where a gate says no."""
    splits = load_splits(recipe.data)
    base = find_base(recipe.base, recipe.revision)
    return [*splits.counts.lines(), *leak_notes(recipe, base, splits)]


def leak_notes(recipe: Recipe, base: Base, splits: Splits) -> list[str]:
    """Test texts that the base was pretrained on, or that other adapters of the store were trained on.

    An adapter that can't be read is a note too: it does not stop this one.
    """
    collections = {f"the corpus of base {base.id}": base.corpus_hashes}
    unread = []
    store = Store(Path(recipe.publish.to))
    for adapter in store.adapters() if store.root.is_dir() else ():
        try:
            if adapter != recipe.name:
                collections[f"the training data of adapter {adapter}"] = np.concatenate(
                    list(_train_hashes(store, adapter))
                )
        except LingyuError as error:
            unread.append(f"whether adapter {adapter} was trained on test texts is not known: {error}")
    return [*map(str, overlaps(splits.test.hashes, collections)), *unread]


def _train_hashes(store: Store, adapter: str) -> Iterator[Hashes]:
    """Of every version."""
    for version in store.versions(adapter):
        yield read_hashes(store.root / adapter / version / HASHES)["train"]
