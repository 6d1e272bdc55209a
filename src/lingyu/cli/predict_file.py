"""lingyu predict --file: every row of a table in its order, to the screen or with its columns to another file.

A table is gone through once, a few hundred rows at a time, be it a file or a pipe, and is never held as a whole.
"""

import contextlib
import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lingyu.data import Table, TableRow, in_one_go, read_pipe, read_table
from lingyu.errors import Faults, LingyuError
from lingyu.tasks import Failed, Result

from .classifier import Classifier

Outcome = Result | LingyuError

CHUNK_ROWS = 512
_ADDED = ("predicted_label", "probability", "version", "truncated", "error")
_OTHER_FORMATS = (".tsv", ".json", ".parquet", ".xlsx", ".xls")


def open_table(source: str, format_: str | None, encoding: str, out: str | None) -> Table:
    """source: a file, or `-` for a pipe of format_. Raises LingyuError where it can't be read, or --out can't be."""
    if out:
        _check_out(out, source)
    try:
        if source == "-":
            return read_pipe(sys.stdin.buffer, format_ or "csv", encoding)
        return read_table(source, encoding)
    except LingyuError as error:
        raise in_options(error) from None


def in_options(error: LingyuError) -> LingyuError:
    """The error where an option sets the encoding, and a recipe's key is of no use."""
    if isinstance(error, Faults):
        return Faults(map(in_options, error.faults))
    next_step = error.next and error.next.replace("Set data.encoding: ", "Add --encoding ")
    next_step = next_step and next_step.replace("data.encoding", "--encoding")
    what = error.what.replace("data.encoding: ", "--encoding: ")
    return LingyuError(what, error.where, next_step, status=error.status)


def _check_out(out: str, source: str) -> None:
    path = Path(out)
    if path.suffix.lower() in _OTHER_FORMATS:
        raise LingyuError("--out is written as csv or jsonl", where=out, next=f"Name it {path.with_suffix('.csv')}")
    if path.is_dir():
        raise LingyuError("--out is a folder", where=out, next="Name a file in it")
    if path.exists() and not path.is_file():
        # the rename would put a file in its place: in that of /dev/null, for everyone, where root does it
        raise LingyuError("--out is a device or a pipe", where=out, next="Leave it out: the answers go to the screen")
    if path.exists() and any(_is_stream(path, number) for number in (1, 2)):
        # /dev/stdout, redirected to a file: the rename would put another file in the place of that one
        raise LingyuError("--out is where the screen's lines go", where=out, next="Leave it out: the answers go there")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise LingyuError("--out is the file itself", where=out, next="Name another file")


def _is_stream(path: Path, number: int) -> bool:
    """Whether the file is what the process writes to under this number."""
    try:
        return os.path.samestat(path.stat(), os.fstat(number))
    except OSError:  # closed, by whoever started us
        return False


@dataclass(frozen=True)
class Asked:
    """What is to be answered. text, tenant: columns; without a tenant one adapter answers all. out: None is stdout."""

    table: Table
    text: str
    tenant: str | None
    out: str | None

    def check(self) -> None:
        """Raises LingyuError for a column that is not there."""
        self.table.needs(self.text, "--column")
        if self.tenant is not None:
            self.table.needs(self.tenant, "--map")

    def chunks(self) -> Iterator[tuple[TableRow, ...]]:
        rows = iter(self.table.rows)
        try:
            while chunk := tuple(itertools.islice(rows, CHUNK_ROWS)):
                yield chunk
        except LingyuError as error:  # a pipe is not known to be text of the encoding until it ends
            raise in_options(error) from None

    def fault(self, row: TableRow) -> LingyuError | None:
        """What is wrong with a row before anybody is asked."""
        if row.fault:
            return row.fault
        for column, option in ((self.text, "--column"), (self.tenant, "--map")):
            if column is not None and column not in row.cells:
                return LingyuError(f"the row has no `{column}`", row.where, f"Give it one, or set {option}")
        return None


def classify_table(classifier: Classifier, asked: Asked) -> None:
    """Rows that can't be read or answered stand among the others, with what is wrong in the column `error`.

    Raises LingyuError at the end where there were such rows.
    """
    done = failed = 0
    chunks = asked.chunks()
    first = next(chunks, ())
    with _output(classifier, asked, first) as output, _progress(asked) as show_rows:
        for rows in itertools.chain([first], chunks):
            for row, outcome in _outcomes(classifier, asked, output, rows):
                failed += isinstance(outcome, LingyuError)
                output.write(row, outcome)
            sys.stdout.flush()
            done += len(rows)
            show_rows(done)
    if asked.out:
        print(f"{asked.out}: {done - failed:,} of {done:,} rows answered", file=sys.stderr)
    if failed:
        hint = "See the column `error`" if asked.out else "The lines above say why"
        raise LingyuError(f"{failed:,} of {done:,} rows could not be answered", asked.table.source, hint)


def _outcomes(
    classifier: Classifier, asked: Asked, output: "_Output", rows: tuple[TableRow, ...]
) -> Iterator[tuple[TableRow, Outcome]]:
    """(row, its result or what is wrong with it), in order; the good ones go through the model together."""
    faults = {at: fault for at, row in enumerate(rows) if (fault := asked.fault(row) or output.fault(row))}
    good = [row.cells for at, row in enumerate(rows) if at not in faults]
    tenants = [cells[asked.tenant] for cells in good] if asked.tenant is not None else []
    answers = iter(classifier.answer([cells[asked.text] for cells in good], tenants) if good else [])
    for at, row in enumerate(rows):
        if at in faults:
            yield row, faults[at]
            continue
        answer = next(answers)
        yield row, _placed(answer.error, row.where) if isinstance(answer, Failed) else answer


def _placed(error: LingyuError, where: str) -> LingyuError:
    """The error of an answer with the row it is about; what else it is about goes into the words."""
    return LingyuError(f"{error.where}: {error.what}" if error.where else error.what, where, error.next)


@dataclass(frozen=True)
class _Output:
    """Where outcomes go. fault: why a row has no place there, None where it has one."""

    write: Callable[[TableRow, Outcome], None]
    fault: Callable[[TableRow], LingyuError | None] = lambda row: None


@contextlib.contextmanager
def _output(classifier: Classifier, asked: Asked, first: tuple[TableRow, ...]) -> Iterator[_Output]:
    """--out, or the screen. first: the rows that say which columns there are; in jsonl each may have its own."""
    if asked.out:
        columns = tuple(dict.fromkeys(itertools.chain(asked.table.columns, *(row.cells for row in first))))
        make = _as_jsonl if asked.out.lower().endswith(".jsonl") else _as_csv
        with (
            in_one_go(Path(asked.out), makes_folders=False) as staged,
            staged.path.open("x", encoding="utf-8", newline="") as stream,
        ):
            yield make(stream, columns)
        return

    def show(row: TableRow, outcome: Outcome) -> None:
        if isinstance(outcome, LingyuError):
            classifier.show_error(row.cells.get(asked.text, ""), outcome)
        else:
            classifier.show(outcome)

    yield _Output(show)


def _as_csv(stream: IO[str], columns: tuple[str, ...]) -> _Output:
    writer = csv.writer(stream)
    writer.writerow([*columns, *_added_names(columns)])
    known = frozenset(columns)

    def write(row: TableRow, outcome: Outcome) -> None:
        cells = [row.cells.get(name, "") for name in columns]
        writer.writerow([*cells, *(_as_cell(value) for value in _added_values(outcome))])

    def fault(row: TableRow) -> LingyuError | None:
        # the header stands there already, and a cell that is dropped without a word would be worse
        late = next((name for name in row.cells if name not in known), None)
        return (
            None if late is None else _comes_late(late, row, "Name --out .jsonl, where each row keeps its own columns")
        )

    return _Output(write, fault)


def _as_jsonl(stream: IO[str], columns: tuple[str, ...]) -> _Output:
    added = _added_names(columns)

    def write(row: TableRow, outcome: Outcome) -> None:
        ours = zip(added, _added_values(outcome), strict=True)
        kept = {name: value for name, value in ours if name not in row.cells}  # see fault: what is theirs stays
        stream.write(json.dumps({**row.cells, **kept}, ensure_ascii=False) + "\n")

    def fault(row: TableRow) -> LingyuError | None:
        late = next((name for name in added if name in row.cells), None)
        return None if late is None else _comes_late(late, row, "Give it another name: ours is called so")

    return _Output(write, fault)


def _comes_late(name: str, row: TableRow, next_step: str) -> LingyuError:
    return LingyuError(f"the row has a `{name}`, which none of the first {CHUNK_ROWS} rows has", row.where, next_step)


def _added_values(outcome: Outcome) -> tuple[str | float | bool | None, ...]:
    """In the order of _ADDED."""
    if isinstance(outcome, LingyuError):
        return None, None, None, None, str(outcome)
    return outcome.label, round(outcome.probability, 6), outcome.version, outcome.truncated, None


def _as_cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else value


def _added_names(columns: tuple[str, ...]) -> list[str]:
    """Names of our columns that the file has none of: it may hold the answers of another adapter already."""
    names = []
    for name in _ADDED:
        while name in columns:
            name = f"lingyu_{name}"
        names.append(name)
    return names


@contextlib.contextmanager
def _progress(asked: Asked) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, unless the answers go there; told how many rows are done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or (not asked.out and sys.stdout.isatty()):
        yield lambda rows: None
        return
    read = asked.table.progress
    known = (TaskProgressColumn(), TimeRemainingColumn()) if read else ()  # nobody knows how long a pipe is
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"), *known)
    # with redirect_stdout, rich would send the answers that are printed meanwhile to its console: stderr
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(asked.table.source, total=None, rows=0)

        def show(rows: int) -> None:
            done, total = read() if read else (0, None)
            bar.update(task, completed=done, total=total, rows=rows)

        yield show
