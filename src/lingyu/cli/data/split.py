"""lingyu data split: one file of labelled rows into train, dev and test."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.data.listing import listed
from lingyu.cli.data.working import at_work
from lingyu.cli.screen import say_json
from lingyu.recipe import Data, Split

if TYPE_CHECKING:
    from lingyu.data import SplitDone

_DEFAULTS = Split()
_STEPS = ",".join(Data.model_fields["clean"].default)

_EXAMPLE = """\b
Example:
    lingyu data split data/hotel.csv --out data/hotel
    lingyu data split reviews.csv --out data/reviews --text review --label stars --group customer --time written
"""


@click.command(epilog=_EXAMPLE)
@click.argument("file")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder that the files go to.")
@click.option(
    "--dev", type=float, default=_DEFAULTS.dev, show_default=True, help="Share of the rows; 0 for no dev.csv."
)
@click.option(
    "--test", type=float, default=_DEFAULTS.test, show_default=True, help="Share of the rows; 0 for no test.csv."
)
@click.option("--seed", type=int, default=_DEFAULTS.seed, show_default=True, help="Which rows go where.")
@click.option("--text", default="text", show_default=True, help="The column that holds the text.")
@click.option("--text-pair", metavar="COLUMN", help="The column of a second text, where a row is a pair.")
@click.option("--label", default="label", show_default=True, help="The column that holds the label.")
@click.option("--no-label", is_flag=True, help="Rows have no label, or a text has several: do not stratify.")
@click.option("--group", help="A column, such as a customer: rows of one value stay on one side.")
@click.option("--time", help="A column with dates or numbers: test is the latest share, dev the one before it.")
@click.option("--clean", metavar="STEPS", default=_STEPS, show_default=True, help="Steps before texts are compared.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of a csv, tsv or jsonl file.")
@click.option("--force", is_flag=True, help="Replace the files of another split that stand in OUT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def split(
    file: str,
    out: Path,
    dev: float,
    test: float,
    seed: int,
    text: str,
    text_pair: str | None,
    label: str,
    no_label: bool,
    group: str | None,
    time: str | None,
    clean: str,
    encoding: str,
    force: bool,
    as_json: bool,
) -> None:
    """Split FILE into OUT/train.csv, dev.csv and test.csv, with all its columns.

    The same file and settings give the same bytes, and where a row goes does not hang on the order of the rows. Every
    label has its share in each part (but by --time); same texts, near-duplicates and rows of one --group stay on one
    side. By --time, a text is as old as its first copy, and a --group as young as the youngest of its texts. Rows
    without a text and texts with two labels are dropped and counted. OUT/split.json says how it was done and what the
    files must be; training records it.
    """
    from lingyu.data import SplitRequest, split_file

    request = SplitRequest(
        file,
        dev=dev,
        test=test,
        seed=seed,
        text=text,
        text_pair=text_pair,
        label=None if no_label else label,
        group=group,
        time=time,
        encoding=encoding,
        clean=listed(clean),
    )
    with at_work() as report:
        done = split_file(request, out, report, force=force)
    _show(done, as_json=as_json)


def _show(done: "SplitDone", *, as_json: bool) -> None:
    if as_json:
        document = {
            "folder": str(done.folder),
            "already_there": done.already_there,
            "split": done.manifest.model_dump(mode="json"),
        }
        say_json(document)
        return
    for line in done.counts.lines():
        click.echo(line)
    files = ", ".join([*(part.file for part in done.manifest.parts.values()), "split.json"])
    click.echo(f"{'already there' if done.already_there else 'written'}: {done.folder}: {files}")
