"""What stages read: files, folders, corpora, bases, adapters, and the settings of the recipes that name them."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lingyu.data import file_and_column, is_hub_set
from lingyu.digests import json_sha256
from lingyu.errors import LingyuError
from lingyu.recipe import ONLY_TOLD, Data, PretrainingRecipe, Recipe, Section, is_recipe_file, load_recipe, values_of
from lingyu.store import MANIFEST, Store

from .contents import base_fingerprint, file_fingerprint, text_fingerprint


@dataclass(frozen=True)
class Source:
    """Something that a stage reads. label: as a person calls it. place: where it lies, if it is not on a hub.

    may_be_elsewhere: on a hub, or in the package.
    """

    label: str
    place: Path
    fingerprint: Callable[[], str | None]
    may_be_elsewhere: bool = False

    @property
    def is_missing(self) -> bool:
        return not self.may_be_elsewhere and not self.place.exists()

    def is_in(self, folder: Path) -> bool:
        return _plain(self.place).is_relative_to(_plain(folder))


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path))


@dataclass(frozen=True)
class Reads:
    """Everything that a stage reads. settings: dotted key -> its value as JSON."""

    settings: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()


def together(parts: Iterable[Reads]) -> Reads:
    """Several as one; a source that two of them name is read once."""
    settings: dict[str, str] = {}
    sources: dict[str, Source] = {}
    for part in parts:
        settings |= part.settings
        sources |= {source.label: source for source in part.sources}
    return Reads(settings, tuple(sources.values()))


def settings_of(section: Section, prefix: str = "") -> dict[str, str]:
    """The values of a recipe by dotted key, but for those that change no weight.

    A mapping is one value, in its order: that of the labels is the order of the logits.
    """
    return {
        key: json.dumps(value, ensure_ascii=False)
        for key, value in values_of(section, prefix).items()
        if key not in ONLY_TOLD
    }


def of_training(recipe: Recipe) -> Reads:
    return together([Reads(settings_of(recipe)), of_rows(recipe.data), _of_base(recipe.base, recipe.revision)])


def of_pretraining(recipe: PretrainingRecipe) -> Reads:
    dapt = recipe.dapt
    dictionary = (dapt.user_dict,) if dapt.user_dict else ()
    texts = (*dapt.corpus, *dapt.vocabulary_from, *dapt.general, *dapt.exclude, *dictionary)
    parts = [Reads(settings_of(recipe)), of_texts(texts)]
    if dapt.mode != "scratch":  # which starts from no base, whatever is named
        parts.append(_of_base(recipe.base, recipe.revision, with_head=True))
    return together(parts)


def of_rows(data: Data) -> Reads:
    """The files of labelled rows; a data set of a hub is known by its name, which stands in the settings."""
    return together(_of_text(name, is_hub_set(name)) for name in (data.train, data.dev, data.test) if name is not None)


def of_texts(names: Iterable[str]) -> Reads:
    """Of files, folders and corpora by themselves; of a recipe that is named, its data section and what it names."""
    return together(_of_recipe_named(name) if is_recipe_file(name) else _of_text(name) for name in names)


def _of_recipe_named(name: str) -> Reads:
    data = load_recipe(name).data
    return together([Reads(settings_of(data, f"{name}: data.")), of_rows(data)])


def _of_text(name: str, may_be_elsewhere: bool = False) -> Reads:
    place, _ = file_and_column(name)
    return Reads(sources=(Source(name, place, partial(text_fingerprint, name), may_be_elsewhere),))


def _of_base(id: str, revision: str | None, *, with_head: bool = False) -> Reads:
    fingerprint = partial(base_fingerprint, id, revision, with_head=with_head)
    return Reads(sources=(Source(f"base {id}", Path(id), fingerprint, may_be_elsewhere=True),))


def of_adapter(store: str, reference: str) -> Reads:
    """Of the version that the reference leads to now, and of the base that it was trained on."""
    place = Path(store) / reference.partition("@")[0]
    return Reads(sources=(Source(f"adapter {reference}", place, partial(_adapter_fingerprint, store, reference)),))


def _adapter_fingerprint(store: str, reference: str) -> str | None:
    """None for one that is not there, or is damaged."""
    try:
        version = Store(store).open(reference)
    except LingyuError:
        return None
    record = version.manifest.base
    return json_sha256((file_fingerprint(version.folder / MANIFEST), base_fingerprint(record.id, record.revision)))
