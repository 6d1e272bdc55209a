"""lingyu data corpus: raw text to clean and distinct paragraphs for masked-LM training, without the test sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from lingyu.cli.data.listing import listed
from lingyu.cli.data.working import at_work
from lingyu.errors import LingyuError

if TYPE_CHECKING:
    from lingyu.data import CorpusManifest

_EXAMPLE = """\b
Example:
    lingyu data corpus raw/hotel.txt raw/travel --out data/corpus/hotel --exclude data/hotel.csv
    lingyu data corpus pages.jsonl --text content --out data/corpus/web --exclude recipes/hotel.yaml \\
        --licence "pages.jsonl=CC BY-SA 4.0" --source "pages.jsonl=https://dumps.wikimedia.org"
"""


@click.command(epilog=_EXAMPLE)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder of the corpus.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="FILE[:COLUMN]|RECIPE",
    help="A test set whose texts must not be in it: a table, a text file, or a recipe (its dev and test). Repeatable.",
)
@click.option(
    "--steps",
    default="html,control,width,urls,personal",
    show_default=True,
    metavar="A,B,...",
    help="How paragraphs are cleaned; personal masks phone, identity and card numbers and e-mails. '' for none.",
)
@click.option("--text", default="text", show_default=True, help="The column of tables that holds the texts.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of txt, csv, tsv and jsonl files.")
@click.option("--licence", "licences", multiple=True, metavar="NAME=LICENCE", help="Of a source; repeatable.")
@click.option("--source", "origins", multiple=True, metavar="NAME=NOTE", help="Where a source is from; repeatable.")
@click.option(
    "--shortest", type=click.IntRange(min=1), default=4, show_default=True, help="Characters of a paragraph, at least."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes. By default one a core.")
@click.option(
    "--engine",
    type=click.Choice(["local", "datatrove"]),
    default="local",
    show_default=True,
    help="What runs the steps. datatrove, for text past one machine: pip install 'lingyu[corpora]'.",
)
@click.option("--force", is_flag=True, help="Replace a corpus that is there already.")
@click.option("--json", "as_json", is_flag=True, help="The manifest, one JSON document, on stdout.")
def corpus(
    sources: tuple[Path, ...],
    out: Path,
    exclude: tuple[str, ...],
    steps: str,
    text: str,
    encoding: str,
    licences: tuple[str, ...],
    origins: tuple[str, ...],
    shortest: int,
    workers: int | None,
    engine: Literal["local", "datatrove"],
    force: bool,
    as_json: bool,
) -> None:
    """Build a corpus for masked-LM training from raw text.

    SOURCES are files with a paragraph a line (txt, txt.gz), tables (csv, tsv, jsonl, parquet, xlsx) and folders of
    them. Paragraphs are cleaned; those that are too short, that repeat one, or that touch an excluded test set (the
    same text, a near one, or a page that holds it) are left out and counted. Memory does not grow with the text, but
    by 8 bytes a kept paragraph. OUT holds the shards (parquet, column text), corpus.json and the content hashes.
    """
    from lingyu.data import CorpusRequest, build_corpus

    request = CorpusRequest(
        sources=sources,
        out=out,
        exclude=exclude,
        steps=listed(steps),
        text=text,
        encoding=encoding,
        licences=_notes(licences, "--licence"),
        origins=_notes(origins, "--source"),
        shortest=shortest,
        workers=workers,
        engine=engine,
        force=force,
    )
    with at_work() as report:
        manifest = build_corpus(request, report)
    for line in [manifest.model_dump_json()] if as_json else _lines(manifest, out):
        click.echo(line)


def _notes(given: Sequence[str], option: str) -> dict[str, str]:
    notes = {}
    for note in given:
        name, equals, said = note.partition("=")
        if not (name and equals and said):
            raise LingyuError(f"{note!r} is not NAME=TEXT", where=option, next=f'Write {option} "raw/hotel.txt=MIT"')
        notes[name] = said
    return notes


def _lines(manifest: "CorpusManifest", out: Path) -> list[str]:
    counts = manifest.counts
    removed = [f"{reason} {rows:,}" for reason, rows in counts.removed.items()]
    lines = ["    ".join([f"kept {counts.kept:,} of {counts.read:,} paragraphs", *removed])]
    for excluded in manifest.excluded:
        levels = {"exact": excluded.exact, "same text": excluded.same, "near": excluded.near, "inside": excluded.inside}
        said = ", ".join(f"{level} {rows:,}" for level, rows in levels.items())
        lines.append(f"touch {excluded.name} ({excluded.texts:,} texts): {said}")
    unstated = sum(source.licence is None for source in manifest.sources)
    if unstated:
        lines.append(f"note: {unstated:,} of {len(manifest.sources):,} sources have no --licence")
    shards = "1 shard" if len(manifest.shards) == 1 else f"{len(manifest.shards):,} shards"
    return [*lines, f"written: {out}, {manifest.characters:,} characters in {shards}"]
