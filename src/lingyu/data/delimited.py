"""csv and tsv: which way a file quotes, and its records with the line each begins on.

Two ways are about. Spreadsheets and csv writers wrap a text in quotation marks and double those inside. Research sets
(ChnSentiCorp) are tab-separated without any quoting, and a quotation mark is just a character: read in the first way,
one that opens a text swallows all lines up to the next one, without an error (454 rows of ChnSentiCorp's train part).
"""

import csv
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from lingyu.errors import LingyuError

_WHOLLY_QUOTED = re.compile(r'"(?:[^"]|"")*"')

Record = tuple[int, list[str]]  # the line it begins on, its cells


@dataclass(frozen=True)
class _Reading:
    """What a file looks like, read in one way."""

    records: int
    width: int  # cells of the first record
    even: bool  # every record has as many
    broken_at: int | None  # the line of the record at which strict parsing gave up

    @property
    def reads(self) -> bool:
        return self.even and self.broken_at is None


def records(text: str, delimiter: str, source: str) -> Iterator[Record]:
    """The records of a file, the header among them; wholly blank lines are none.

    Raises LingyuError where a quotation mark is never closed, or closed in the middle of a cell.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default of 131,072 characters is less than a long review
    quoted = _chosen_quoting(text, delimiter, source)
    yield from _parse(text, delimiter, quoted=quoted)


def _chosen_quoting(text: str, delimiter: str, source: str) -> bool:
    """Whether quotation marks wrap cells: they do unless reading them so breaks, or swallows lines that are whole."""
    if '"' not in text:
        return False
    quoted = _look(text, delimiter, quoted=True)
    plain = _look(text, delimiter, quoted=False)
    swallows = quoted.records < plain.records
    if delimiter == "\t":
        return quoted.reads and (not plain.reads or (not swallows and _wraps_every_quote(text, delimiter)))
    # Lines of a single column are whole whatever they hold, so there a text of several lines is what it seems.
    if quoted.reads and not (swallows and plain.reads and plain.width > 1):
        return True
    if not plain.reads and quoted.broken_at is not None:
        raise LingyuError(
            "a quotation mark opens here and is not closed where a cell ends",
            f"{source}:{quoted.broken_at}",
            'Double the quotation marks inside a text (""), or save the file as jsonl',
        )
    return not plain.reads


def _look(text: str, delimiter: str, *, quoted: bool) -> _Reading:
    count, width, even = 0, 0, True
    try:
        for _, cells in _parse(text, delimiter, quoted=quoted):
            count += 1
            width = width or len(cells)
            even = even and len(cells) == width
    except _StrictError as error:
        return _Reading(count, width, even=False, broken_at=error.line)
    return _Reading(count, width, even, broken_at=None)


def _wraps_every_quote(text: str, delimiter: str) -> bool:
    """Whether every cell with a quotation mark is wrapped in them, as a program writes it and a person seldom does."""
    rows = _parse(text, delimiter, quoted=False)
    return all(_WHOLLY_QUOTED.fullmatch(cell) for _, cells in rows for cell in cells if '"' in cell)


class _StrictError(Exception):
    """line: where the record begins at which strict parsing gave up."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _parse(text: str, delimiter: str, *, quoted: bool) -> Iterator[Record]:
    lines = io.StringIO(text, newline="")
    reader = csv.reader(
        lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=True
    )
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            raise _StrictError(begins) from None
        if cells is None:
            return
        if cells:
            yield begins, cells
