"""lingyu data overlap: who has trained on whose test, by the content of the texts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lingyu.cli.data.working import at_work
from lingyu.cli.screen import say_json
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.evaluation import Collection, CrossOverlap

_STORE = "adapters"
_MOST_LINES = 40

_EXAMPLE = """\b
Example:
    lingyu data overlap recipes/*.yaml
    lingyu data overlap data/hotel.csv reviews.csv --text text --text review
    lingyu data overlap corpora/travel bases/travel --store adapters --json
"""


@click.command(epilog=_EXAMPLE)
@click.argument("sources", nargs=-1, metavar="[RECIPE | TABLE | CORPUS | BASE]...")
@click.option("--store", metavar="FOLDER", help=f"Adapters to compare with. Default: {_STORE}, where there is one.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    default=("text",),
    show_default=True,
    metavar="COLUMN",
    help="The column of tables that holds the text. Of several, the first one that a table has.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of tables that are csv, tsv or jsonl.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, with every pair.")
def overlap(sources: tuple[str, ...], store: str | None, texts: tuple[str, ...], encoding: str, as_json: bool) -> None:
    """Say who has trained on whose test: recipes, tables, corpora, bases, and every adapter of a store.

    By content, whatever the files are called: a text counts as the same one in spite of case, width and punctuation.
    A recipe's texts are taken as it trains on them, those of a table as they stand there.
    """
    from lingyu.evaluation import Columns, collect, cross_overlaps

    folder = _store(store)
    with at_work() as report:
        collections, notes = collect(sources, folder, Columns(texts, encoding), report)
    if not collections:
        raise LingyuError(
            "there is nothing to compare" + "".join(f"; {note}" for note in notes),
            where=folder or "lingyu data overlap",
            next="Name recipes, tables, corpora or bases, or a store with --store",
        )
    found = cross_overlaps(collections)
    if as_json:
        say_json(_document(collections, found, notes))
        return
    for line in (*_lines(collections, found, sources), *(f"note: {note}" for note in notes)):
        click.echo(printable(line))


def _store(named: str | None) -> Path | None:
    """The store that is asked for; where none is, the usual one if there is one."""
    if named is not None:
        return Path(named)
    return Path(_STORE) if Path(_STORE).is_dir() else None


def _document(
    collections: Sequence["Collection"], found: Sequence["CrossOverlap"], notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "collections": [collection.as_json() for collection in collections],
        "pairs": [pair.as_json() for pair in found],
        "notes": list(notes),
    }


def _lines(
    collections: Sequence["Collection"], found: Sequence["CrossOverlap"], sources: Sequence[str]
) -> Iterator[str]:
    """What someone should know of. Where sources are named that is what concerns them; the store's own is a note."""
    from lingyu.evaluation import news

    told = news(found)
    asked = [pair for pair in told if not sources or any(_is_named(end, sources) for end in (pair.part, pair.other))]
    asked.sort(key=lambda pair: bool(sources) and not _is_named(pair.part, sources))  # stable: theirs come first
    yield from map(str, asked[:_MOST_LINES])
    if len(asked) > _MOST_LINES:
        yield f"and {len(asked) - _MOST_LINES:,} smaller ones, see --json"
    rows = sum(collection.rows for collection in collections)
    if len(collections) == 1:
        yield f"there is nothing to compare with {collections[0]} ({rows:,} rows): name another, or a --store"
    elif not asked:
        what = "no test, dev set or table stands in what another was trained on"
        yield f"nothing overlaps: {what} ({len(collections):,} collections, {rows:,} rows)"
    else:
        yield f"compared: {len(collections):,} collections, {rows:,} rows"
    if len(asked) < len(told):
        yield f"note: {len(told) - len(asked):,} overlaps among the store's own adapters: name no source to see them"
    own = sum(pair.is_own for pair in found)
    if own:
        yield f"note: {own:,} overlaps between a recipe and the versions of its own adapter are left out, see --json"


def _is_named(collection: "Collection", sources: Sequence[str]) -> bool:
    return collection.kind in ("recipe", "table", "corpus") or collection.name in sources
