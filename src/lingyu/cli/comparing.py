"""What merge.py and lingyu export have in common: the texts that a gate compares on, and a bar while it works."""

import contextlib
from collections.abc import Iterator

from rich.console import Console

from lingyu.errors import LingyuError
from lingyu.reporting import Report


def texts_of(source: str | None, column: str, encoding: str, task: str) -> tuple[str, ...] | None:
    """The texts of a file, in order, as training for the task reads them.

    Raises LingyuError for its first row that can't be read.
    """
    if source is None:
        return None
    from lingyu.data import find_file, read_table, text_of

    from .predict_file import in_options

    find_file(source)
    try:
        table = read_table(source, encoding)
    except LingyuError as error:
        raise in_options(error) from None
    table.needs(column, "--column")
    texts = []
    for row in table.rows:
        if row.fault:
            raise row.fault
        texts.append(text_of(row, column, task) if column in row.cells else "")
    return tuple(texts)


@contextlib.contextmanager
def progress() -> Iterator[Report]:
    """A bar on a terminal, one for each part of the work; nothing elsewhere."""
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
