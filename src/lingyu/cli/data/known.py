"""lingyu data list, get: known public sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.screen import say_json

if TYPE_CHECKING:
    from lingyu.data.downloading import Progress

_EXAMPLE = """\b
Example:
    lingyu data get hotel
    lingyu data get hotel --from ../corpora --out data
"""


@click.command(epilog=_EXAMPLE)
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), help="A folder with a local copy; else it is downloaded."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Where it goes.")
@click.option("--force", is_flag=True, help="Replace a file that stands there with other content.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def get(name: str, source: Path | None, out: Path, force: bool, as_json: bool) -> None:
    """Prepare a known public set as OUT/NAME.csv with the columns text and label.

    Repeats, empty texts and texts with two labels are dropped and counted. LINGYU_DATA_MIRROR replaces
    https://raw.githubusercontent.com as the place that sets are downloaded from.
    """
    from lingyu.data import get as prepare

    with _bar() as progress:
        done = prepare(name, source=source, out=out, force=force, progress=progress)
    if as_json:
        document = {
            "name": done.name,
            "files": [str(path) for path in done.files],
            "already_there": done.already_there,
            "counts": done.counts.as_json(),
        }
        say_json(document)
        return
    for line in done.counts.lines():
        click.echo(line)
    click.echo(f"{'already there' if done.already_there else 'written'}: {', '.join(map(str, done.files))}")


@click.command("list", epilog="\b\nExample:\n    lingyu data list --json\n")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(as_json: bool) -> None:
    """The known public sets, with rows after preparing and the licence as the source states it."""
    from lingyu.data import KNOWN

    if as_json:
        fields = ("name", "what", "rows", "source", "licence")
        say_json([{key: getattr(known, key) for key in fields} for known in KNOWN.values()])
        return
    for known in KNOWN.values():
        click.echo(f"{known.name:<17}{known.rows:>7,} rows    {known.what}")
        click.echo(f"{'':<28}    {known.source}; licence: {known.licence}")


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A bar a downloaded file, on stderr, and only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def show(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
            bars.update(tasks[file], completed=done)

        yield show
