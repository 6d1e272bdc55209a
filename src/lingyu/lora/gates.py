"""What a run says of its test before it trains: who else has read these texts, by content and never by file name."""

from pathlib import Path

from lingyu.bases import Base, find_base
from lingyu.data import Splits, load_splits
from lingyu.evaluation import OverlapNote, overlaps
from lingyu.recipe import Recipe
from lingyu.store import HASHES, Store, read_hashes


def check_data(recipe: Recipe) -> list[str]:
    """The counts and notes of `lingyu check --data`. Raises LingyuError where a gate says no."""
    splits = load_splits(recipe.data)
    base = find_base(recipe.base, recipe.revision)
    return [*splits.counts.lines(), *map(str, leak_notes(recipe, base, splits))]


def leak_notes(recipe: Recipe, base: Base, splits: Splits) -> list[OverlapNote]:
    """Test texts that the base was pretrained on, or that other adapters of the store were trained on."""
    collections = {f"the corpus of base {base.id}": base.corpus_hashes}
    if Path(recipe.publish.to).is_dir():
        store = Store(Path(recipe.publish.to))
        for adapter in store.adapters():
            versions = store.versions(adapter)
            if adapter != recipe.name and versions:
                version = store.open(f"{adapter}@{versions[-1]}")
                collections[f"the training data of {adapter}@{versions[-1]}"] = read_hashes(version.folder / HASHES)[
                    "train"
                ]
    return overlaps(splits.test.hashes, collections)
