"""lingyu predict --file: every row of a table in its order, to the screen or with its columns to another file."""

import contextlib
import csv
import itertools
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lingyu.data import Table, TableRow, read_table
from lingyu.errors import LingyuError
from lingyu.serving import Result

from .classifier import Classifier

Answer = Result | LingyuError
WriteRow = Callable[[TableRow, Answer], None]

_CHUNK_ROWS = 256
_ADDED = ("predicted_label", "probability", "version", "truncated", "error")
_OTHER_FORMATS = (".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".xls")


@dataclass(frozen=True)
class TextFile:
    """A file that was gone through once, and can be read. columns: of all its rows. out: None is the screen."""

    source: str
    encoding: str
    column: str
    out: str | None
    columns: tuple[str, ...]
    num_rows: int

    def chunks(self) -> Iterator[tuple[TableRow, ...]]:
        rows = _read_table(self.source, self.encoding).rows
        while chunk := tuple(itertools.islice(rows, _CHUNK_ROWS)):
            yield chunk


def read_file(source: str, encoding: str, column: str, out: str | None) -> TextFile:
    """Raises LingyuError for a file that can't be read, a column that is not there, and an --out that can't be."""
    table = _read_table(source, encoding)
    table.needs(column, "--column")
    if out:
        _check_out(out, source)
    columns, num_rows = dict.fromkeys(table.columns), 0
    for row in table.rows:  # a row of a jsonl file may have columns of its own
        columns.update(dict.fromkeys(row.cells))
        num_rows += 1
    return TextFile(source, encoding, column, out, tuple(columns), num_rows)


def _read_table(source: str, encoding: str) -> Table:
    try:
        return read_table(source, encoding)
    except LingyuError as error:
        # a recipe's key is of no use here, where an option sets the encoding
        next_step = error.next and error.next.replace("Set data.encoding: ", "Add --encoding ")
        what = error.what.replace("data.encoding: ", "--encoding: ")
        raise LingyuError(what, error.where, next_step and next_step.replace("data.encoding", "--encoding")) from None


def _check_out(out: str, source: str) -> None:
    path = Path(out)
    if path.suffix.lower() in _OTHER_FORMATS:
        raise LingyuError("--out is written as csv", where=out, next=f"Name it {path.with_suffix('.csv')}")
    if path.is_dir():
        raise LingyuError("--out is a folder", where=out, next="Name a file in it")
    if path.exists() and not path.is_file():
        # the rename would put a file in its place: in that of /dev/null, for everyone, where root does it
        raise LingyuError("--out is a device or a pipe", where=out, next="Leave it out: the answers go to the screen")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise LingyuError("--out is the file itself", where=out, next="Name another file")


def classify_file(classifier: Classifier, file: TextFile) -> None:
    """Rows that can't be read or answered stand among the others, with what is wrong in the column `error`."""
    failed = 0
    with _writer(classifier, file) as write, _progress(file) as advance:
        for rows in file.chunks():
            for row, answer in _answers(classifier, rows, file.column):
                failed += isinstance(answer, LingyuError)
                write(row, answer)
            advance(len(rows))
    if file.out:
        answered = file.num_rows - failed
        print(f"{file.out}: {answered:,} of {file.num_rows:,} rows answered", file=sys.stderr)
    if failed:
        hint = "See the column `error`" if file.out else "The lines above say why"
        raise LingyuError(f"{failed:,} of {file.num_rows:,} rows could not be answered", file.source, hint)


def _answers(classifier: Classifier, rows: tuple[TableRow, ...], column: str) -> Iterator[tuple[TableRow, Answer]]:
    """(row, its answer or what is wrong with it), in order; the good ones go through the model together."""
    errors = {at: error for at, row in enumerate(rows) if (error := _fault(classifier, row, column))}
    good = [at for at in range(len(rows)) if at not in errors]
    results = dict(zip(good, classifier.answer([rows[at].cells[column] for at in good]), strict=True))
    for at, row in enumerate(rows):
        yield row, errors[at] if at in errors else results[at]


def _fault(classifier: Classifier, row: TableRow, column: str) -> LingyuError | None:
    if row.fault:
        return row.fault
    if column not in row.cells:
        return LingyuError(f"the row has no `{column}`", row.where, "Give it one, or set --column")
    try:
        classifier.require_text(row.cells[column])
    except LingyuError as error:
        return LingyuError(error.what, row.where, error.next)
    return None


@contextlib.contextmanager
def _writer(classifier: Classifier, file: TextFile) -> Iterator[WriteRow]:
    """Writes a row with its answer: to --out, or to the screen."""
    if file.out:
        with _in_one_go(file.out) as stream:
            yield _csv_writer(stream, file.columns)
        return

    def show(row: TableRow, answer: Answer) -> None:
        if isinstance(answer, LingyuError):
            classifier.show_error(row.cells.get(file.column, ""), answer)
        else:
            classifier.show(answer)

    yield show


@contextlib.contextmanager
def _in_one_go(out: str) -> Iterator[IO[str]]:
    """A stream that becomes the file of that name at its end: nobody sees half of it, and a failure leaves nothing."""
    target = Path(os.path.realpath(out))  # a link stays one
    temporary = target.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as stream:
            yield stream
        temporary.replace(target)
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename = out  # the name that the user knows
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _csv_writer(stream: IO[str], columns: tuple[str, ...]) -> WriteRow:
    writer = csv.writer(stream)
    writer.writerow([*columns, *_added_names(columns)])

    def write(row: TableRow, answer: Answer) -> None:
        cells = [row.cells.get(name, "") for name in columns]
        if isinstance(answer, LingyuError):
            writer.writerow([*cells, "", "", "", "", str(answer)])
        else:
            probability, truncated = f"{answer.probability:.6f}", str(answer.truncated).lower()
            writer.writerow([*cells, answer.label, probability, answer.version, truncated, ""])

    return write


def _added_names(columns: tuple[str, ...]) -> list[str]:
    """Names of our columns that the file has none of: it may hold the answers of another adapter already."""
    names = []
    for name in _ADDED:
        while name in columns:
            name = f"lingyu_{name}"
        names.append(name)
    return names


@contextlib.contextmanager
def _progress(file: TextFile) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, unless the answers go there; told how many rows are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or (not file.out and sys.stdout.isatty()):
        yield lambda rows: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # with redirect_stdout, rich would send the answers that are printed meanwhile to its console: stderr
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(file.source, total=file.num_rows)
        yield lambda rows: bar.advance(task, rows)
