"""lingyu data import: rows from wherever they are into one clean table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.data.working import at_work
from lingyu.cli.screen import say_json
from lingyu.cli.stdin import piped_bytes
from lingyu.errors import LingyuError

if TYPE_CHECKING:
    from lingyu.data import Imported

_EXAMPLE = """\b
Example:
    lingyu data import reviews.xlsx --out data/reviews.csv
    lingyu data import corpora/hotel --out data/hotel.csv --repair
    zcat dump.jsonl.gz | lingyu data import - --format jsonl --out data/dump.parquet
"""


@click.command("import", epilog=_EXAMPLE)
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A .csv, .jsonl or .parquet file.")
@click.option("--encoding", default="auto", show_default=True, help="Of the source: auto finds it, and says it.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "tsv", "jsonl"]),
    default="csv",
    show_default=True,
    help="What stdin is.",
)
@click.option(
    "--quarantine", type=click.Path(path_type=Path), help="Where unreadable rows go.  [default: OUT.quarantine.jsonl]"
)
@click.option("--repair", is_flag=True, help="Put U+FFFD for bytes of no character, and keep the row.")
@click.option("--text", metavar="COLUMN", help="A column to be renamed to text.")
@click.option("--label", metavar="COLUMN", help="A column to be renamed to label.")
@click.option("--force", is_flag=True, help="Replace files that stand there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def import_(
    source: str,
    out: Path,
    encoding: str,
    format_: str,
    quarantine: Path | None,
    repair: bool,
    text: str | None,
    label: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Bring the rows of SOURCE into one clean table in UTF-8.

    SOURCE is a csv, tsv or jsonl file (also .gz), xlsx, parquet, a folder of texts (one a file; sub-folders name the
    labels; it gives the columns text, label and file), or - for stdin, which is kept in a temporary file first.

    A row that does not decode or parse goes to the quarantine, as JSON lines with name, position, reason and its bytes:
    rows read = rows written + rows in quarantine.
    """
    from lingyu.data import ImportRequest, import_rows

    if text is not None and text == label:
        next_step = "Name the column of the texts and that of their labels"
        raise LingyuError(f"{text} is --text already", where="--label", next=next_step)
    renamed = {old: new for old, new in ((text, "text"), (label, "label")) if old is not None}
    request = ImportRequest(source, out, encoding, format_, quarantine, repair, force, renamed)
    with at_work() as report:
        imported = import_rows(request, report, piped_bytes() if source == "-" else None)
    if as_json:
        say_json(imported.as_json())
    else:
        _show(imported)


def _show(imported: "Imported") -> None:
    for used in imported.encodings:
        files = f"    files: {used.files:,}" if imported.columns[-1:] == ("file",) else ""
        click.echo(f"encoding: {used.name} ({used.how}){files}")
    for line in imported.counts.lines():
        click.echo(line)
    if imported.quarantine:
        click.echo(f"quarantined: {sum(imported.counts.dropped.values()):,}, in {imported.quarantine}")
    click.echo(f"written: {imported.out}: columns {', '.join(imported.columns)}")
