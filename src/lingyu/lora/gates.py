"""What a run says of its test before it trains: who else has read these texts, by content and never by file name.

The same text is the gates' business; a near-duplicate across two parts is said beside them, and stops nobody.
"""

from pathlib import Path

import numpy as np

from lingyu.bases import Base, find_base
from lingyu.data import NEAR, NearIndex, Part, Splits, load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import overlaps
from lingyu.recipe import Recipe
from lingyu.store import HASHES, Store, read_hashes
from lingyu.text import Hashes, content_hashes


def check_data(recipe: Recipe) -> list[str]:
    """The counts and notes of `lingyu check --data`. Raises LingyuError where a gate says no."""
    splits = load_splits(recipe.data, recipe.task)
    base = find_base(recipe.base, recipe.revision)
    return [*splits.counts.lines(), *near_notes(splits), *leak_notes(recipe, base, splits), *length_notes(recipe, base)]


_MEASURED_BY = (("test", "train"), ("dev", "train"), ("test", "dev"))


def near_notes(splits: Splits) -> list[str]:
    """A note for each two parts of which one has rows that are no copies of the other's, but nearly so.

    As an audit counts them: rows with a near-duplicate in the other part, and no same text there.
    """
    parts = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    indices = {other: NearIndex(_distinct_texts(parts[other])) for other in ("train", "dev")}
    notes = []
    for name, other in _MEASURED_BY:
        near = np.unique(indices[other].near(parts[name].whole_texts).first)
        rows = int((~np.isin(parts[name].hashes[near], parts[other].hashes)).sum())
        if rows:
            have = "row has" if rows == 1 else "rows have"
            notes.append(f"{rows:,} {name} {have} a near-duplicate in {other} (similarity >= {NEAR.similarity:g})")
    return notes


def _distinct_texts(part: Part) -> list[str]:
    """Each once: a text that comes near is compared with all of a bucket."""
    _, firsts = np.unique(part.hashes, return_index=True)
    texts = part.whole_texts
    return [texts[row] for row in firsts.tolist()]


def length_notes(recipe: Recipe, base: Base) -> list[str]:
    """A note where texts are read further than the base was ever trained to: it does not know those positions."""
    wanted, known = recipe.train.max_length, base.trained_length
    if known is None or wanted <= known:
        return []
    return [f"base {base.id} was pretrained on {known} tokens of a text at most; train.max_length is {wanted}"]


def leak_notes(recipe: Recipe, base: Base, splits: Splits) -> list[str]:
    """Test texts that the base was pretrained on, or that other adapters of the store were trained on.

    A row of two texts counts where its first one stands there, or both together do; one that data.clean changed, also
    where it stands there as it was. Of an adapter that was trained on two texts only whole rows are known, so that a
    text of them beside another one is not found. An adapter that can't be read is a note too: it does not stop this
    one.
    """
    collections = {f"the corpus of base {base.id}": base.corpus_hashes}
    unread = []
    store = Store(Path(recipe.publish.to))
    for adapter in store.adapters() if store.root.is_dir() else ():
        if adapter != recipe.name:
            known, faults = _train_hashes(store, adapter)
            collections[f"the training data of adapter {adapter}"] = known
            if faults:
                names, error = ", ".join(faults), next(iter(faults.values()))
                unread.append(f"whether adapter {adapter}@{names} was trained on test texts is not known: {error}")
    test = splits.test
    forms = [test.first_hashes] if test.uncleaned is None else [test.first_hashes, content_hashes(test.uncleaned)]
    stand_there = {
        name: np.concatenate([found, *(test.hashes[np.isin(form, found)] for form in forms)])
        for name, found in collections.items()
    }
    return [*map(str, overlaps(test.hashes, stand_there)), *unread]


def _train_hashes(store: Store, adapter: str) -> tuple[Hashes, dict[str, LingyuError]]:
    """Of every version that keeps them, and why those of the others can't be read."""
    known: list[Hashes] = [np.zeros(0, dtype=np.int64)]
    faults: dict[str, LingyuError] = {}
    for version in store.versions(adapter):
        try:
            known.append(read_hashes(store.root / adapter / version / HASHES)["train"])
        except LingyuError as error:
            faults[version] = error
    return np.concatenate(known), faults
