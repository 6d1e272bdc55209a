"""lingyu data clean: the texts of a table through named steps, with what each of them changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.data.listing import listed
from lingyu.cli.data.working import at_work
from lingyu.cli.screen import say_json
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.data import Cleaned

_SAMPLES = 3

_EXAMPLE = """\b
Example:
    lingyu data clean reviews.csv --out data/reviews.csv
    lingyu data clean talks.jsonl --steps html,control,width,urls,repeats,personal --text context --text reply \\
        --out data/talks.jsonl
"""


@click.command(epilog=_EXAMPLE)
@click.argument("file")
@click.option(
    "--steps",
    default="html,control,width",
    show_default=True,
    metavar="A,B,...",
    help="html, control, width, urls, repeats, personal, simplified: what is done, in the order given.",
)
@click.option(
    "--text", "texts", multiple=True, default=("text",), show_default=True, help="A column to clean; may be repeated."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The cleaned table: .csv or .jsonl.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of csv, tsv and jsonl files.")
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Changes shown a step: {_SAMPLES} on a terminal, else 0.",
)
@click.option("--force", is_flag=True, help="Replace an output that stands there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, without texts.")
def clean(
    file: str,
    steps: str,
    texts: tuple[str, ...],
    out: Path,
    encoding: str,
    samples: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Take the texts of a table through named steps, the same ones that a recipe names under data.clean.

    Rows in are rows out and rows left out. A row without any text left, and one that can't be read, goes to
    OUT.left-out.jsonl with its place and the reason. Cleaning what was cleaned changes nothing.
    """
    from lingyu.data import CleaningRequest, clean_table

    if samples is None:
        samples = _SAMPLES if sys.stdout.isatty() and not as_json else 0
    names = listed(steps)
    if not names:
        raise LingyuError("no step is named", "--steps", "Name some: html,control,width")
    request = CleaningRequest(file, out, names, tuple(dict.fromkeys(texts)), encoding, samples, force)
    with at_work() as report:
        cleaned = clean_table(request, report)
    if as_json:
        say_json(_document(cleaned))
        return
    for line in _lines(cleaned):
        click.echo(line)


def _document(cleaned: "Cleaned") -> dict[str, object]:
    return {
        "out": str(cleaned.out),
        "left_out": cleaned.left_out and str(cleaned.left_out),
        "counts": cleaned.counts.as_json(),
        "rows_changed": cleaned.rows_changed,
        "steps": [{"step": step, "rows_changed": rows} for step, rows in cleaned.changed.items()],
    }


def _lines(cleaned: "Cleaned") -> list[str]:
    lines = [*cleaned.counts.lines(), f"changed {cleaned.rows_changed:,} of them"]
    for step, rows in cleaned.changed.items():
        lines.append(f"  {step:<11}{rows:>9,} rows")
        for sample in cleaned.samples:
            if sample.step == step:
                lines += [
                    f"    {sample.where}",
                    f"      - {printable(sample.before)}",
                    f"      + {printable(sample.after)}",
                ]
    written = [str(path) for path in (cleaned.out, cleaned.left_out) if path]
    return [*lines, f"written: {', '.join(written)}"]
