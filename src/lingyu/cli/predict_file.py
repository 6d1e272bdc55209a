"""lingyu predict --file: every row of a table in its order, to the screen or with its columns to another file.

A table is gone through once, a few hundred rows at a time, be it a file or a pipe, and is never held as a whole.
"""

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from lingyu.data import Table, TableRow, read_pipe, read_table, text_of
from lingyu.errors import Faults, LingyuError, printable
from lingyu.tasks import Failed, Result

from .classifier import Classifier
from .predict_output import CHUNK_ROWS, Outcome, Output, check_out, file_of
from .stdin import piped_bytes


def open_table(source: str, format_: str | None, encoding: str, out: str | None) -> Table:
    """source: a file, or `-` for a pipe of format_. Raises LingyuError where it can't be read, or --out can't be."""
    if out:
        check_out(out, source)
    try:
        if source == "-":
            return read_pipe(piped_bytes(), format_ or "csv", encoding)
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


class Question(NamedTuple):
    """A row as its adapter reads it. tenant: '' where one adapter answers all."""

    text: str
    pair: str | None
    tenant: str


@dataclass(frozen=True)
class TableRequest:
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

    def question(self, row: TableRow, task_of: Callable[[str], str | LingyuError]) -> Question:
        """What a row asks, its texts as training for the task of its tenant read them (see lingyu.data.text_of).

        An empty second text is none: in a table of many tenants not every adapter reads two.
        Raises LingyuError for what is wrong with a row before anybody is asked.
        """
        if row.fault:
            raise row.fault
        for column, option in self._columns:
            if column not in row.cells:
                raise LingyuError(f"the row has no `{column}`", row.where, f"Give it one, or set {option}")
        tenant = row.cells[self.tenant] if self.tenant is not None else ""
        task = task_of(tenant)
        if isinstance(task, LingyuError):
            raise LingyuError(task.what, task.where, task.next)
        pair = text_of(row, self.pair, task) if self.pair is not None and row.cells[self.pair].strip() else ""
        return Question(text_of(row, self.text, task), pair if pair.strip() else None, tenant)

    @property
    def _columns(self) -> list[tuple[str, str]]:
        """(column, the option that names it)"""
        named = ((self.text, "--column"), (self.pair, "--pair-column"), (self.tenant, "--map"))
        return [(column, option) for column, option in named if column is not None]


def classify_table(classifier: Classifier, request: TableRequest) -> None:
    """Rows that can't be read or answered stand among the others, with what is wrong in the column `error`.

    Raises LingyuError at the end where there were such rows.
    """
    done = failed = 0
    chunks = request.chunks()
    first = list(_outcomes(classifier, request, next(chunks, ())))
    with _output(request, classifier, first) as output, _progress(request) as show_rows:
        others = (_outcomes(classifier, request, rows, output.fault) for rows in chunks)
        for outcomes in itertools.chain([first], others):
            for row, answered in outcomes:
                outcome = (isinstance(answered, Result) and output.late(row, answered)) or answered
                failed += isinstance(outcome, LingyuError)
                output.write(row, outcome)
                done += 1
            sys.stdout.flush()
            show_rows(done)
    for note in request.table.notes():  # why a text is empty, for one, where a sheet shows something else
        print(f"{request.table.source}: {printable(note)}", file=sys.stderr)
    if request.out:
        print(f"{request.out}: {done - failed:,} of {done:,} rows answered", file=sys.stderr)
    if failed:
        hint = "See the column `error`" if request.out else "The lines above say why"
        raise LingyuError(f"{failed:,} of {done:,} rows could not be answered", request.table.source, hint)


def _outcomes(
    classifier: Classifier,
    request: TableRequest,
    rows: tuple[TableRow, ...],
    no_place: Callable[[TableRow], LingyuError | None] = lambda row: None,
) -> Iterator[tuple[TableRow, Outcome]]:
    """(row, its result or what is wrong with it), in order; the good ones go through the model together.

    no_place: why a row can't be written where it goes.
    """

    @cache  # an unknown tenant is looked for among all only once
    def task_of(tenant: str) -> str | LingyuError:
        try:
            return classifier.task_of(tenant)
        except LingyuError as error:
            return error

    questions = [_question(row, request, task_of, no_place) for row in rows]
    good = [question for question in questions if isinstance(question, Question)]
    answers = iter(classifier.answer(*_columns_of(good)) if good else [])
    for row, question in zip(rows, questions, strict=True):
        if isinstance(question, LingyuError):
            yield row, question
            continue
        answer = next(answers)
        yield row, _placed(answer.error, row.where) if isinstance(answer, Failed) else answer


def _question(
    row: TableRow,
    request: TableRequest,
    task_of: Callable[[str], str | LingyuError],
    no_place: Callable[[TableRow], LingyuError | None],
) -> Question | LingyuError:
    try:
        question = request.question(row, task_of)
        return no_place(row) or question
    except LingyuError as error:
        return error if error.where == row.where else _placed(error, row.where)


def _columns_of(questions: Sequence[Question]) -> tuple[list[str], list[str], list[str | None]]:
    """Texts, tenants, second texts."""
    return [each.text for each in questions], [each.tenant for each in questions], [each.pair for each in questions]


def _placed(error: LingyuError, where: str) -> LingyuError:
    """The error of an answer with the row it is about; what else it is about goes into the words."""
    return LingyuError(f"{error.where}: {error.what}" if error.where else error.what, where, error.next)


def _output(
    request: TableRequest, classifier: Classifier, first: Sequence[tuple[TableRow, Outcome]]
) -> contextlib.AbstractContextManager[Output]:
    if request.out:
        return file_of(request.out, request.table.columns, classifier, first)
    return contextlib.nullcontext(_Screen(request.text, classifier))


@dataclass(frozen=True)
class _Screen:
    """Has a place for everything. column: of the text."""

    column: str
    classifier: Classifier

    def fault(self, row: TableRow) -> LingyuError | None:
        return None

    def late(self, row: TableRow, result: Result) -> LingyuError | None:
        return None

    def write(self, row: TableRow, outcome: Outcome) -> None:
        if isinstance(outcome, LingyuError):
            self.classifier.show_error(row.cells.get(self.column, ""), outcome)
        else:
            self.classifier.show(outcome)


@contextlib.contextmanager
def _progress(request: TableRequest) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, unless the answers go there; told how many rows are done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal or (not request.out and sys.stdout.isatty()):
        yield lambda rows: None
        return
    read = request.table.progress
    known = (TaskProgressColumn(), TimeRemainingColumn()) if read else ()  # nobody knows how long a pipe is
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"), *known)
    # with redirect_stdout, rich would send the answers that are printed meanwhile to its console: stderr
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(request.table.source, total=None, rows=0)

        def show(rows: int) -> None:
            done, total = read() if read else (0, None)
            bar.update(task, completed=done, total=total, rows=rows)

        yield show
