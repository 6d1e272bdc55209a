"""What a command shows while it works, and the one JSON document that it may end with."""

import contextlib
import json
import sys
from collections.abc import Iterator

import click

from lingyu.reporting import Report


def say_json(document: object) -> None:
    """One document on stdout, in one line."""
    click.echo(json.dumps(document, ensure_ascii=False))


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """What is being done, on a terminal. stdout is for answers: libraries talk there when they are imported."""
    from rich.console import Console

    with contextlib.redirect_stdout(sys.stderr), Console(stderr=True).status(f"{what} …"):
        yield


@contextlib.contextmanager
def progress() -> Iterator[Report]:
    """A bar on a terminal, one for each part of the work; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        tasks: dict[tuple[str, int], TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if (what, total) not in tasks:
                tasks[what, total] = bar.add_task(what, total=total)
            bar.update(tasks[what, total], completed=done)

        yield report
