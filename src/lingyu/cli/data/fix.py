"""lingyu data fix: from an audit's findings to a list that a person edits, and from that to mended files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli import Group
from lingyu.cli.data.working import at_work
from lingyu.cli.screen import progress, say_json

if TYPE_CHECKING:
    from lingyu.data import Applied, Proposed


@click.group(cls=Group)
def fix() -> None:
    """Turn what an audit found into a list to review, and apply it.

    \b
    Example:
      lingyu data audit --train data/hotel.csv --json report.json
      lingyu data fix propose report.json --out fixes.csv
      lingyu data fix apply fixes.csv --out data/hotel-fixed
    """


_PROPOSE = """\b
Example:
    lingyu data fix propose report.json --out fixes.csv
"""


@fix.command(epilog=_PROPOSE)
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("fixes.csv"), show_default=True, help="The list.")
@click.option("--force", is_flag=True, help="Replace a list that stands there, edited or not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def propose(report: Path, out: Path, force: bool, as_json: bool) -> None:
    """Write a list of the rows that an audit's REPORT names: what was found, what is suggested, and the texts.

    Edit the columns `action` (keep, drop or relabel) and `new_label` in any spreadsheet. OUT.sources.json says which
    files the list is for; it stays beside the list.
    """
    from lingyu.data import propose_fixes

    with progress() as show:
        done = propose_fixes(report, out, show, force=force)
    if as_json:
        say_json(
            {
                "files": [str(path) for path in done.files],
                "rows": done.rows,
                "findings": done.findings,
                "suggested": done.suggested,
            }
        )
        return
    for line in _proposed_lines(done):
        click.echo(line)


def _proposed_lines(done: "Proposed") -> tuple[str, ...]:
    if not done.files:
        return ("nothing was found: there is nothing to fix, and no list is written",)
    suggested = "    ".join(f"{action} {rows:,}" for action, rows in done.suggested.items())
    return (
        f"{done.findings:,} findings about {done.rows:,} rows    {suggested}",
        f"written: {', '.join(map(str, done.files))}",
        f"next: edit the columns action and new_label of {done.files[0]}, then "
        f"lingyu data fix apply {done.files[0]} --out FOLDER",
    )


_APPLY = """\b
Example:
    lingyu data fix apply fixes.csv --out data/hotel-fixed
"""


@fix.command(epilog=_APPLY)
@click.argument("fixes", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder that the files go to.")
@click.option("--encoding", help="Of the list, as your spreadsheet saved it. Without it, it is found.")
@click.option("--sources", type=click.Path(path_type=Path), help="The list's .sources.json, if it is not beside it.")
@click.option("--force", is_flag=True, help="Replace the files of an earlier apply that stand in OUT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def apply(fixes: Path, out: Path, encoding: str | None, sources: Path | None, force: bool, as_json: bool) -> None:
    """Write the files that FIXES is about, mended, into OUT; the files themselves stay as they are.

    Rows in = rows out + dropped: what is dropped stays in OUT/dropped.csv with all its columns and why, and
    OUT/fixes.json has the counts. A list with a line that can't be carried out is refused as a whole.
    """
    from lingyu.data import apply_fixes

    with at_work() as show:
        done = apply_fixes(fixes, out, show, encoding=encoding, sources=sources, force=force)
    _show_applied(done, as_json=as_json)


def _show_applied(done: "Applied", *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "folder": str(done.folder),
                "files": list(done.files),
                "already_there": done.already_there,
                "relabelled": done.relabelled,
                "overruled": done.overruled,
                "counts": done.counts.as_json(),
            }
        )
        return
    for line in done.counts.lines():
        click.echo(line)
    click.echo(f"{'already there' if done.already_there else 'written'}: {done.folder}: {', '.join(done.files)}")
