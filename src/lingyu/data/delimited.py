"""csv and tsv: which way a file quotes, and its records with the line each begins on.

Two ways are about. Spreadsheets and csv writers wrap a text in quotation marks and double those inside. Research sets
(ChnSentiCorp) are tab-separated without any quoting, and a quotation mark is just a character: read in the first way,
one that opens a text swallows all lines up to the next one, without an error (454 rows of ChnSentiCorp's train part).

So a file is looked at in both ways before it is read. Of a pipe only the beginning can be; a record further on that
seems to have swallowed lines is marked.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lingyu.errors import LingyuError

from .contents import Content
from .decoding import LONGEST_CHARACTERS

_WHOLLY_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_UNFINISHED_LINES = 100  # of the record that the end of a pipe's sample cuts: more, and its quotation mark never closes


class Lines(Protocol):
    """A text as it is read here: decoding.Text is one, and so is the text of an import, which forgives."""

    @property
    def content(self) -> Content: ...

    def sample_lines(self) -> Iterator[str]: ...

    def lines(self, newline: str) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Record:
    """line: on which it begins. swallowed: it has several lines, and each of them would be a row by itself."""

    line: int
    cells: list[str]
    swallowed: bool = False


@dataclass(frozen=True)
class _Reading:
    """What a text looks like, read in one way."""

    records: int
    lines: int | None  # that these records are, where the sample was cut within the next one; None for all
    width: int  # cells of the first record
    even: bool  # every record has as many
    broken_at: int | None  # the line of the record at which strict parsing gave up

    @property
    def reads(self) -> bool:
        return self.even and self.broken_at is None


def records(text: Lines, delimiter: str) -> Iterator[Record]:
    """The records of a text, the header among them; wholly blank lines are none.

    Raises LingyuError where a quotation mark is never closed, or closed in the middle of a cell.
    """
    csv.field_size_limit(LONGEST_CHARACTERS)  # the default of 131,072 characters is less than a long review
    quoted = _chosen_quoting(text, delimiter)
    try:
        yield from _parse(text.lines(""), delimiter, quoted=quoted, marks_swallowed=not text.content.is_whole)
    except _StrictError as error:  # of a pipe, or a file that changed meanwhile
        raise _not_closed(text.content.source, error.line) from None


def _chosen_quoting(text: Lines, delimiter: str) -> bool:
    """Whether quotation marks wrap cells: they do unless reading them so breaks, or swallows lines that are whole."""
    if not any('"' in line for line in text.sample_lines()):
        return delimiter != "\t" and not text.content.is_whole  # where some may still come, what is usual
    quoted = _look(text, delimiter, quoted=True)
    plain = _look(text, delimiter, quoted=False, lines=quoted.lines)
    swallows = quoted.records < plain.records
    if delimiter == "\t":
        return quoted.reads and (not plain.reads or (not swallows and _wraps_every_quote(text, delimiter)))
    # Lines of a single column are whole whatever they hold, so there a text of several lines is what it seems.
    if quoted.reads and not (swallows and plain.reads and plain.width > 1):
        return True
    if not plain.reads and quoted.broken_at is not None:
        raise _not_closed(text.content.source, quoted.broken_at)
    return not plain.reads


def _not_closed(source: str, line: int) -> LingyuError:
    return LingyuError(
        "a quotation mark opens here and is not closed where a cell ends",
        f"{source}:{line}",
        'Double the quotation marks inside a text (""), or save the file as jsonl',
    )


def _look(text: Lines, delimiter: str, *, quoted: bool, lines: int | None = None) -> _Reading:
    """lines: how many to look at; None for all of the sample."""
    count, width, even = 0, 0, True
    sample = itertools.islice(text.sample_lines(), lines)
    try:
        for record in _parse(sample, delimiter, quoted=quoted):
            count += 1
            width = width or len(record.cells)
            even = even and len(record.cells) == width
    except _StrictError as error:
        cut = error.at_end and not text.content.is_whole and error.lines <= _UNFINISHED_LINES
        if not cut:
            return _Reading(count, None, width, even=False, broken_at=error.line)
        return _Reading(count, error.line - 1, width, even, broken_at=None)
    return _Reading(count, None, width, even, broken_at=None)


def _wraps_every_quote(text: Lines, delimiter: str) -> bool:
    """Whether every cell with a quotation mark is wrapped in them, as a program writes it and a person seldom does."""
    rows = _parse(text.sample_lines(), delimiter, quoted=False)
    return all(_WHOLLY_QUOTED.fullmatch(cell) for record in rows for cell in record.cells if '"' in cell)


class _StrictError(Exception):
    """line: where the record begins at which strict parsing gave up; lines: how many it took; at_end: all of them."""

    def __init__(self, line: int, lines: int, *, at_end: bool) -> None:
        super().__init__(line)
        self.line = line
        self.lines = lines
        self.at_end = at_end


def _parse(lines: Iterable[str], delimiter: str, *, quoted: bool, marks_swallowed: bool = False) -> Iterator[Record]:
    taken: list[str] = []
    reader = csv.reader(
        _kept(lines, taken) if marks_swallowed else lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    width = 0
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            at_end = "unexpected end of data" in str(error)
            raise _StrictError(begins, reader.line_num + 1 - begins, at_end=at_end) from None
        if cells is None:
            return
        if cells:
            width = width or len(cells)
            yield Record(begins, cells, width > 1 and len(taken) > 1 and _each_is_a_row(taken, delimiter, width))
        taken.clear()


def _kept(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _each_is_a_row(lines: list[str], delimiter: str, width: int) -> bool:
    return all(len(cells) == width for cells in csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))
