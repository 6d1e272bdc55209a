"""Whose texts there are to compare: those of recipes, tables, corpora, bases, and of every adapter of a store.

What is named must be there. What that leads to may be missing: a recipe whose data is not here is a note.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lingyu.bases import EMBEDDED, find_base, is_hub_id
from lingyu.data import Part, TableRow, load_splits, read_table
from lingyu.errors import LingyuError, printable
from lingyu.recipe import Data, Recipe, is_recipe_file, load_recipe
from lingyu.reporting import Report
from lingyu.store import HASHES, Store, Version, read_hashes
from lingyu.text import Hashes, content_hash

from .overlap import Collection, Role

CORPUS = "corpus.json"
_PARTS: tuple[Role, ...] = ("train", "dev", "test")
_BATCH_ROWS = 1024


@dataclass(frozen=True)
class Columns:
    """How tables are read. texts: names of columns; of each table the first one counts that it has."""

    texts: tuple[str, ...] = ("text",)
    encoding: str = "utf-8"


@dataclass
class _Found:
    """Collections and notes in the making. bases: the folders of those that were looked at."""

    collections: list[Collection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bases: set[Path] = field(default_factory=set)


def collect(
    sources: Sequence[str], store: Path | None, columns: Columns, report: Report
) -> tuple[list[Collection], list[str]]:
    """The collections of what is named and of the store, with those of the bases behind them; and notes.

    sources: recipes (.yaml), folders of corpora and bases, `embedded`, tables and sets of the hub. Raises LingyuError
    for a source that is not there or is no such thing, a recipe with faults, a table without the column, and a store
    that is not there.
    """
    found = _Found()
    named = list(dict.fromkeys(sources))
    names = _names([source for source in named if not (is_recipe_file(source) or _is_folder(source))])
    for done, source in enumerate(named):
        report("collections", done, len(named))
        if is_recipe_file(source):
            _add_recipe(source, found)
        elif _is_folder(source):
            _add_folder(source, found)
        else:
            found.collections.append(_of_table(source, names[source], columns, report))
    if store is not None:
        _add_store(Store(store), found)
    return found.collections, found.notes


def _is_folder(source: str) -> bool:
    return source == "embedded" or Path(source).is_dir()


# ---- recipes


def _add_recipe(source: str, found: _Found) -> None:
    """The splits that it trains, chooses and is measured by, as they go to the base: cleaned, sampled, split."""
    recipe = load_recipe(source)
    try:
        splits = load_splits(_without_gate(recipe), recipe.task)
    except LingyuError as error:
        found.notes.append(f"{source} is left out, its data can't be read: {printable(str(error))}")
        return
    found.collections += [_of_part(recipe.name, role, getattr(splits, role)) for role in _PARTS]
    _add_base(recipe.base, Path(), found)


def _without_gate(recipe: Recipe) -> Data:
    """The data of a recipe, read in spite of a leak: to say where there is one is what it is read for."""
    data = recipe.data
    return data if data.drop_leaked else data.model_copy(update={"allow_leakage": True})


def _of_part(name: str, role: Role, part: Part) -> Collection:
    return Collection("recipe", name, role, part.hashes, _exact_hashes(part.whole_texts))


# ---- tables


def _of_table(source: str, name: str, columns: Columns, report: Report) -> Collection:
    """Its texts are read as they stand there; rows without one are none."""
    table = read_table(source, columns.encoding)
    column = next((column for column in columns.texts if column in table.columns), columns.texts[0])
    table.needs(column, "--text")
    same: list[int] = []
    exact: list[int] = []
    for at, row in enumerate(table.rows):
        text = _text_of(row, column)
        if text:
            same.append(content_hash(text))
            exact.append(_exact_hash(text))
        if table.progress and not at % _BATCH_ROWS:
            report(name, *table.progress())
    if not same:
        raise LingyuError(f"no row has a text in column `{column}`", source, "Name another with --text")
    return Collection("table", name, "all", np.array(same, dtype=np.int64), np.array(exact, dtype=np.int64))


def _text_of(row: TableRow, column: str) -> str:
    if row.fault:
        raise row.fault
    return row.cells.get(column, "").strip()


def _exact_hashes(texts: Iterable[str]) -> Hashes:
    return np.fromiter((_exact_hash(text.strip()) for text in texts), dtype=np.int64)


def _exact_hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _names(tables: Sequence[str]) -> dict[str, str]:
    """How each table is called: by its file, or by its path where two files have one name."""
    files = [Path(table).name for table in tables]
    return {table: file if files.count(file) == 1 else table for table, file in zip(tables, files, strict=True)}


# ---- corpora and bases


def _add_folder(source: str, found: _Found) -> None:
    folder = Path(source)
    if (folder / CORPUS).is_file():
        from lingyu.data import corpus_hashes  # with what builds corpora, which no other source needs

        found.collections.append(Collection("corpus", source, "corpus", corpus_hashes(folder)))
    elif source == "embedded" or (folder / "config.json").is_file():
        _add_base(source, Path(), found)
    else:
        raise LingyuError(
            f"holds neither a corpus ({CORPUS}) nor a base (config.json)",
            where=source,
            next="Name a table, a recipe, a corpus or a base; adapters are read from --store",
        )


def _add_base(id: str, beside: Path, found: _Found) -> None:
    """The corpus of a base that lies here: nothing is fetched for a comparison. Each base once."""
    folder = EMBEDDED if id == "embedded" else beside / id
    if is_hub_id(id) or not folder.is_dir() or folder.resolve() in found.bases:
        return
    found.bases.add(folder.resolve())
    try:
        hashes = find_base(id if id == "embedded" else str(folder)).corpus_hashes
    except LingyuError as error:
        found.notes.append(f"base {id} is left out: {printable(str(error))}")
        return
    if len(hashes):
        found.collections.append(Collection("base", id, "corpus", hashes))
    else:
        found.notes.append(f"base {id} does not say which texts it was pretrained on")


# ---- the store


def _add_store(store: Store, found: _Found) -> None:
    """Every version of every adapter, those with the same rows as one; and the bases that lie beside the store."""
    beside = store.root.resolve().parent
    for adapter in store.adapters():
        alike: dict[_Rows, tuple[list[str], Mapping[str, Hashes]]] = {}
        for version, hashes in _readable(store, adapter, found):
            base = Path(version.manifest.base.id)  # whoever made the version may be anybody: no way out of here
            if not base.is_absolute() and ".." not in base.parts:
                _add_base(version.manifest.base.id, beside, found)
            alike.setdefault(_rows(hashes), ([], hashes))[0].append(version.version)
        for versions, hashes in alike.values():
            name = f"{adapter}@{', '.join(versions)}"
            if not _is_of_recipe(adapter, name, hashes, found):
                found.collections += [Collection("adapter", name, role, hashes[role]) for role in _PARTS]
    for config in sorted((beside / "bases").glob("*/config.json")):
        _add_base(str(config.parent.relative_to(beside)), beside, found)


_Rows = tuple[bytes, ...]


def _rows(hashes: Mapping[str, Hashes]) -> _Rows:
    """The same for the same rows."""
    return tuple(np.sort(hashes[role]).tobytes() for role in _PARTS)


def _is_of_recipe(adapter: str, name: str, hashes: Mapping[str, Hashes], found: _Found) -> bool:
    """Whether the recipe that was named gives these very rows; it is then called by both names, and stands for both."""
    of_recipe = {
        part.role: at for at, part in enumerate(found.collections) if (part.kind, part.name) == ("recipe", adapter)
    }
    if not of_recipe or _rows({role: found.collections[at].same for role, at in of_recipe.items()}) != _rows(hashes):
        return False
    for at in of_recipe.values():
        found.collections[at] = replace(found.collections[at], name=f"{adapter} ({name})")
    return True


def _readable(store: Store, adapter: str, found: _Found) -> Iterator[tuple[Version, Mapping[str, Hashes]]]:
    """The versions that keep hashes of their rows, with those; the others are a note each."""
    for name in store.versions(adapter):
        try:
            version = store.open(f"{adapter}@{name}")
            if HASHES in version.manifest.files:
                yield version, read_hashes(version.folder / HASHES)
                continue
            why = "it keeps no content hashes of its rows"
        except LingyuError as error:
            why = printable(str(error))
        found.notes.append(f"adapter {adapter}@{name} is left out: {why}")
