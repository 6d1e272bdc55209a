"""lingyu predict --file: every row of a table in its order, to the screen or with its columns to another file.

A table is gone through once, a few hundred rows at a time, be it a file or a pipe, and is never held as a whole.
"""

import contextlib
import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lingyu.data import Table, TableRow, in_one_go, read_pipe, read_table
from lingyu.errors import Faults, LingyuError
from lingyu.tasks import Cell, Failed, Result

from .classifier import Classifier

Outcome = Result | LingyuError

CHUNK_ROWS = 512
_ADDED = ("version", "truncated", "error")  # behind what the answer itself adds
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
    """What is to be answered. text, pair, tenant: columns; without a tenant one adapter answers all. out: None is
    stdout.
    """

    table: Table
    text: str
    pair: str | None
    tenant: str | None
    out: str | None

    def check(self) -> None:
        """Raises LingyuError for a column that is not there."""
        for column, option in self._columns:
            self.table.needs(column, option)

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
        for column, option in self._columns:
            if column not in row.cells:
                return LingyuError(f"the row has no `{column}`", row.where, f"Give it one, or set {option}")
        return None

    @property
    def _columns(self) -> list[tuple[str, str]]:
        """(column, the option that names it)"""
        named = ((self.text, "--column"), (self.pair, "--pair-column"), (self.tenant, "--map"))
        return [(column, option) for column, option in named if column is not None]

    def pairs(self, rows: Sequence[Mapping[str, str]]) -> list[str | None]:
        """The second text of each row. An empty cell holds none: in a table of many tenants not every adapter reads
        two texts.
        """
        return [None if self.pair is None or not cells[self.pair].strip() else cells[self.pair] for cells in rows]


def classify_table(classifier: Classifier, asked: Asked) -> None:
    """Rows that can't be read or answered stand among the others, with what is wrong in the column `error`.

    Raises LingyuError at the end where there were such rows.
    """
    done = failed = 0
    chunks = asked.chunks()
    first = list(_outcomes(classifier, asked, next(chunks, ())))
    with _output(classifier, asked, first) as output, _progress(asked) as show_rows:
        others = (_outcomes(classifier, asked, rows, output.fault) for rows in chunks)
        for outcomes in itertools.chain([first], others):
            for row, answered in outcomes:
                outcome = output.late(row, answered) or answered
                failed += isinstance(outcome, LingyuError)
                output.write(row, outcome)
                done += 1
            sys.stdout.flush()
            show_rows(done)
    if asked.out:
        print(f"{asked.out}: {done - failed:,} of {done:,} rows answered", file=sys.stderr)
    if failed:
        hint = "See the column `error`" if asked.out else "The lines above say why"
        raise LingyuError(f"{failed:,} of {done:,} rows could not be answered", asked.table.source, hint)


def _outcomes(
    classifier: Classifier,
    asked: Asked,
    rows: tuple[TableRow, ...],
    no_place: Callable[[TableRow], LingyuError | None] = lambda row: None,
) -> Iterator[tuple[TableRow, Outcome]]:
    """(row, its result or what is wrong with it), in order; the good ones go through the model together.

    no_place: why a row can't be written where it goes.
    """
    faults = {at: fault for at, row in enumerate(rows) if (fault := asked.fault(row) or no_place(row))}
    good = [row.cells for at, row in enumerate(rows) if at not in faults]
    tenants = [cells[asked.tenant] for cells in good] if asked.tenant is not None else []
    texts = [cells[asked.text] for cells in good]
    answers = iter(classifier.answer(texts, tenants, asked.pairs(good)) if good else [])
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
    """Where outcomes go. fault: why a row has no place there, late: why its answer has none; None where it has one."""

    write: Callable[[TableRow, Outcome], None]
    fault: Callable[[TableRow], LingyuError | None] = lambda row: None
    late: Callable[[TableRow, Outcome], LingyuError | None] = lambda row, outcome: None


@contextlib.contextmanager
def _output(classifier: Classifier, asked: Asked, first: Sequence[tuple[TableRow, Outcome]]) -> Iterator[_Output]:
    """--out, or the screen. first: the rows that say which columns there are; in jsonl each may have its own."""
    if asked.out:
        columns = tuple(dict.fromkeys(itertools.chain(asked.table.columns, *(row.cells for row, _ in first))))
        answered = [outcome for _, outcome in first if isinstance(outcome, Result)]
        names = _added_names(columns, [*_columns_of_answers(classifier, answered), *_ADDED])
        make = _as_jsonl if asked.out.lower().endswith(".jsonl") else _as_csv
        with (
            in_one_go(Path(asked.out), makes_folders=False) as staged,
            staged.path.open("x", encoding="utf-8", newline="") as stream,
        ):
            yield make(stream, columns, names)
        return

    def show(row: TableRow, outcome: Outcome) -> None:
        if isinstance(outcome, LingyuError):
            classifier.show_error(row.cells.get(asked.text, ""), outcome)
        else:
            classifier.show(outcome)

    yield _Output(show)


def _as_csv(stream: IO[str], columns: tuple[str, ...], names: Mapping[str, str]) -> _Output:
    writer = csv.writer(stream)
    writer.writerow([*columns, *names.values()])
    known = frozenset(columns)

    def write(row: TableRow, outcome: Outcome) -> None:
        cells, ours = [row.cells.get(name, "") for name in columns], _added_values(outcome)
        writer.writerow([*cells, *(_as_cell(ours.get(name)) for name in names)])

    def fault(row: TableRow) -> LingyuError | None:
        # the header stands there already, and a cell that is dropped without a word would be worse
        late = next((name for name in row.cells if name not in known), None)
        return (
            None if late is None else _comes_late(late, row, "Name --out .jsonl, where each row keeps its own columns")
        )

    def late(row: TableRow, outcome: Outcome) -> LingyuError | None:
        new = next((name for name in _added_values(outcome) if name not in names), None)
        if new is None:
            return None
        what = f"the answer has a `{new}`, which those to the first {CHUNK_ROWS} rows have not"
        return LingyuError(what, row.where, "Name --out .jsonl, where each row keeps its own columns")

    return _Output(write, fault, late)


def _as_jsonl(stream: IO[str], columns: tuple[str, ...], names: Mapping[str, str]) -> _Output:
    def write(row: TableRow, outcome: Outcome) -> None:
        values = _added_values(outcome)
        if isinstance(outcome, LingyuError):
            values = dict.fromkeys(names) | values
        ours = {names.get(name, name): value for name, value in values.items()}
        kept = {name: value for name, value in ours.items() if name not in row.cells}  # see fault: what is theirs stays
        stream.write(json.dumps({**row.cells, **kept}, ensure_ascii=False) + "\n")

    def fault(row: TableRow) -> LingyuError | None:
        late = next((name for name in names.values() if name in row.cells), None)
        return None if late is None else _comes_late(late, row, "Give it another name: ours is called so")

    return _Output(write, fault)


def _comes_late(name: str, row: TableRow, next_step: str) -> LingyuError:
    return LingyuError(f"the row has a `{name}`, which none of the first {CHUNK_ROWS} rows has", row.where, next_step)


def _columns_of_answers(classifier: Classifier, answered: Sequence[Result]) -> list[str]:
    """What the answers add: those of the adapter's task, or where many adapters answer those of the first rows."""
    if classifier.columns:
        return list(classifier.columns)
    found = dict.fromkeys(name for result in answered for name in result.answer.cells)
    return list(found) or ["predicted_label", "probability"]


def _added_values(outcome: Outcome) -> dict[str, Cell | bool]:
    """By our own names for the columns, in their order."""
    if isinstance(outcome, LingyuError):
        return {"error": str(outcome)}
    return {**outcome.answer.cells, **dict(zip(_ADDED, (outcome.version, outcome.truncated, None), strict=True))}


def _as_cell(value: Cell | bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else value


def _added_names(columns: tuple[str, ...], ours: Sequence[str]) -> dict[str, str]:
    """Our columns, each under a name that the file has none of: it may hold the answers of another adapter already."""
    names = {}
    for ours_is in ours:
        name = ours_is
        while name in columns:
            name = f"lingyu_{name}"
        names[ours_is] = name
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
