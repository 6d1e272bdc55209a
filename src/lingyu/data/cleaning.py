"""Taking the texts of a table through named steps, row by row, and saying what each of them changed.

Rows in are rows out and rows left out: those of which no text is left, and those that can't be read, go to a file of
their own beside the output, with the place and the reason of each.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lingyu.errors import LingyuError, did_you_mean
from lingyu.reporting import Report
from lingyu.text import STEPS, clean

from .counts import EMPTY, Counts
from .reading import read_table
from .tables import Table, TableRow, nested_fault, no_column
from .writing import REPORT_ROWS, in_one_go, jsonl_instead, nearest_name, open_rows

CORPUS_STEPS = ("html", "control", "width", "urls", "personal")
"""What raw text goes through before a model is pretrained on it; personal data are masked unless someone says no."""

# Told the step, and the text before and after it.
OnChange = Callable[[str, str, str], object]

_OUT_FORMATS = (".csv", ".jsonl")
_MOST_ROUNDS = 8
_EXCERPT = 60  # characters of a sample's text, of which so many stand before what was changed:
_BEFORE = 12

_EMPTIED, _UNREAD = "empty after cleaning", "can't be read"


@dataclass(frozen=True)
class CleaningRequest:
    """texts: columns that are cleaned; the others stay as they are. out: a csv or jsonl file. samples: of each step."""

    source: str
    out: Path
    steps: tuple[str, ...]
    texts: tuple[str, ...] = ("text",)
    encoding: str = "utf-8"
    samples: int = 0
    force: bool = False

    @property
    def left_out(self) -> Path:
        return self.out.with_name(f"{self.out.stem}.left-out.jsonl")


@dataclass(frozen=True)
class Change:
    """What a step did to one text: an excerpt of it before and after. where: 'data/hotel.csv:12'."""

    step: str
    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Cleaned:
    """changed: step -> rows of which it changed a text. rows_changed: by any step. left_out: None where no row was."""

    out: Path
    left_out: Path | None
    counts: Counts
    changed: Mapping[str, int]
    rows_changed: int
    samples: tuple[Change, ...]


def settle(text: str, steps: Sequence[str], on_change: OnChange = lambda step, before, after: None) -> str:
    """The text taken through the steps, and stripped, until they change nothing more.

    One step may make work for another: a tag with a zero-width character after its `<` is one only after `control`.
    steps: known ones. on_change: told of every step that changes the text. 8 rounds at most: whoever wraps a text
    deeper than that does so to waste time, and gets what it is then.
    """
    for _ in range(_MOST_ROUNDS):
        start = text
        for step in steps:
            before, text = text, STEPS[step](text)
            if text != before:
                on_change(step, before, text)
        text = text.strip()
        if text == start:
            break
    return text


def require_steps(steps: Sequence[str], where: str) -> None:
    """Raises LingyuError for a name that is no step, and for a step whose package is not installed."""
    for name in steps:
        if name not in STEPS:
            near = did_you_mean(name, STEPS)
            hint = f"Did you mean {near}?" if near else f"There are {', '.join(STEPS)}"
            raise LingyuError(f"{name!r:.40}: no such text step", where, hint)
    clean("", steps)


def clean_table(request: CleaningRequest, report: Report) -> Cleaned:
    """Write the table of a source anew with its texts settled, in the order of its rows.

    Raises LingyuError for a step or column that is not there, for an output that exists already unless force, for a
    csv file that would not read as it was meant, and where no row is left; then nothing is written.
    """
    require_steps(request.steps, "--steps")
    _require_place(request)
    table = read_table(request.source, request.encoding)
    for column in request.texts:
        table.needs(column, "--text")
    tally = _Tally(request)
    columns = table.columns if request.out.suffix.lower() == ".csv" else None
    with in_one_go(request.out) as out, in_one_go(request.left_out) as left_out:
        with (
            open_rows(out.path, columns, jsonl_instead(request.out)) as kept,
            left_out.path.open("x", encoding="utf-8") as aside,
        ):
            for row in _reported(table, report):
                cleaned = tally.cleaned(row)
                if isinstance(cleaned, TableRow):
                    kept.write(cleaned.cells, row.where, row.nulls)
                else:
                    aside.write(_as_line(row, cleaned))
        if not tally.kept:
            what = f"of {tally.read:,} rows none has a text left"
            raise LingyuError(what, request.source, "Nothing was written. Is it the right column?")
        kept.require_same(request.out)
        left_out.wanted = tally.kept < tally.read
    if request.force and not left_out.wanted:
        request.left_out.unlink(missing_ok=True)  # of an earlier cleaning to the same place
    return tally.result(kept.notes(request.out))


def _require_place(request: CleaningRequest) -> None:
    """Raises LingyuError where the output has no place."""
    out = request.out
    if out.suffix.lower() not in _OUT_FORMATS:
        raise LingyuError("the output is csv or jsonl", out, f"Name it {nearest_name(out, _OUT_FORMATS).name}")
    for path in (out, request.left_out):
        if path.exists() and Path(request.source).exists() and path.samefile(request.source):
            raise LingyuError("the output would take the place of the file itself", path, "Name another with --out")
        if path.exists() and not path.is_file():
            raise LingyuError("stands there and is no file", path, "Name another with --out")
        if path.exists() and not request.force:
            raise LingyuError("stands there already", path, "Replace it with --force, or name another with --out")


def _reported(table: Table, report: Report) -> Iterator[TableRow]:
    for at, row in enumerate(table.rows):
        if table.progress and at % REPORT_ROWS == 0:
            report(table.source, *table.progress())
        yield row
    if table.progress:
        report(table.source, *table.progress())


def _as_line(row: TableRow, left_out: "_LeftOut") -> str:
    whole = {"where": row.where, "reason": left_out.why, "row": row.cells or list(row.misfits)}
    return json.dumps(whole, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class _LeftOut:
    """reason: under which the row is counted. why: what is said of it."""

    reason: str
    why: str


@dataclass
class _Tally:
    """What became of the rows so far."""

    request: CleaningRequest
    read: int = 0
    kept: int = 0
    rows_changed: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys((EMPTY, _EMPTIED, _UNREAD), 0))
    changed: dict[str, int] = field(init=False)
    samples: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = dict.fromkeys(self.request.steps, 0)

    def cleaned(self, row: TableRow) -> TableRow | _LeftOut:
        """The row with its texts settled, counted."""
        self.read += 1
        if fault := self._fault(row):
            return self._leave_out(_UNREAD, fault.what)
        before = {name: row.cells[name] for name in self.request.texts}
        changes: dict[str, tuple[str, str]] = {}

        def first(step: str, before: str, after: str) -> None:
            changes.setdefault(step, (before, after))

        after = {name: settle(text, self.request.steps, first) for name, text in before.items()}
        if not any(after.values()):
            reason = _EMPTIED if any(text.strip() for text in before.values()) else EMPTY
            return self._leave_out(reason, reason)
        self._count(row, changes, changed=after != before)
        return TableRow(row.where, {**row.cells, **after})

    def result(self, notes: tuple[str, ...]) -> Cleaned:
        request = self.request
        counts = Counts({request.source: self.read}, self.dropped, {str(request.out): self.kept}, notes)
        left_out = request.left_out if any(self.dropped.values()) else None
        return Cleaned(request.out, left_out, counts, self.changed, self.rows_changed, tuple(self.samples))

    def _fault(self, row: TableRow) -> LingyuError | None:
        """Why the row can't be cleaned."""
        if row.fault:
            return row.fault
        for name in self.request.texts:
            if name not in row.cells:
                return no_column(name, "--text", tuple(row.cells), row.where)
            if fault := nested_fault(row, name, "--text"):
                return fault
        return None

    def _leave_out(self, reason: str, why: str) -> _LeftOut:
        self.dropped[reason] += 1
        return _LeftOut(reason, why)

    def _count(self, row: TableRow, changes: Mapping[str, tuple[str, str]], *, changed: bool) -> None:
        self.kept += 1
        self.rows_changed += changed
        for step, (before, after) in changes.items():
            if self.changed[step] < self.request.samples:
                self.samples.append(Change(step, row.where, *_around_change(before, after)))
            self.changed[step] += 1


def _around_change(before: str, after: str) -> tuple[str, str]:
    """Both texts cut to where they begin to differ."""
    length = min(len(before), len(after))
    differs = next((at for at in range(length) if before[at] != after[at]), length)
    begin = max(differs - _BEFORE, 0)
    return _excerpt(before, begin), _excerpt(after, begin)


def _excerpt(text: str, begin: int) -> str:
    end = begin + _EXCERPT
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"
