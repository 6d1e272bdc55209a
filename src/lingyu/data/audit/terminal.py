"""An audit on a terminal: plain lines, the verdict first, no text of the data.

Columns are aligned by the cells that a terminal gives a character: two for a Chinese one.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from lingyu.errors import printable

from .report import Audit, Check, Lengths, Level, Part, Verdict
from .wording import (
    NO_NAME,
    TITLES,
    counted,
    crossing_figures,
    grouped,
    headline,
    left_out_figures,
    overlap_figures,
    percent,
    total_of,
)

WIDTH = 100
_MOST_LABELS = 10
_MOST_CHARACTERS = 10
_MOST_PAIRS = 8
_LONGEST_NAME = 24  # cells of a label's or a part's name
_BAR = 24  # cells of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"

Cell = str | int | None


def terminal_lines(
    audit: Audit, *, width: int = WIDTH, report: Path | None = None, page: Path | None = None
) -> list[str]:
    """What a terminal shows of an audit. width: cells at which sentences are wrapped; tables stay whole.

    report, page: where it was written as JSON and as HTML, if it was.
    """
    sections = (
        _wrapped(f"{audit.grade.upper()}: {headline(audit)}", width, indent=6),
        _checks(audit, width),
        _parts(audit.parts),
        _named(_left_out(audit.parts), width),
        _named(_crossings(audit), width),
        _named(_overlaps(audit), width),
        _labels(audit.parts),
        _lengths(audit.parts),
        _named(_unknown(audit.parts), width),
        _named(_noise(audit), width),
        _named(_languages(audit.parts), width),
        _named(_personal(audit.parts), width),
        _next(audit, report, page),
    )
    return [line for section in sections if section for line in ("", *section)][1:]


def _checks(audit: Audit, width: int) -> list[str]:
    """A line a check, its sentence behind the figures, or below them where it is long."""
    head = ("check", "grade", "rows", "exact", "same", "near")
    rows: list[tuple[Cell, ...]] = [
        (TITLES[verdict.check], verdict.grade, *_counts(audit, verdict)) for verdict in audit.verdicts
    ]
    heading, *figures = _table(head, rows, left=2)
    lines = [f"{heading}   (exact, same, near: summed over parts)"]
    for verdict, line in zip(audit.verdicts, figures, strict=True):
        says = printable(verdict.says)
        whole = f"{line}   {says}"
        lines += [whole] if cell_len(whole) <= width else [line, *_wrapped(f"    {says}", width, indent=4)]
    return lines


def _counts(audit: Audit, verdict: Verdict) -> tuple[int | None, ...]:
    """(rows, exact, same, near); none of a check that could not run."""
    if verdict.grade == "unchecked":
        return None, None, None, None
    return verdict.rows, *_levels(audit, verdict.check)


def _levels(audit: Audit, check: Check) -> tuple[int | None, int | None, int | None]:
    """(exact, same, near) rows of a check, where it has such levels. A row that stands in two other parts is counted
    for each of them."""
    parts, crossings = audit.parts, audit.crossings
    if check == "leakage":
        return *_sum(crossing.rows for crossing in crossings), None
    if check == "conflicts":
        return *_sum(part.conflict_rows for part in parts), None
    if check == "duplicates":
        return *_sum(part.repeats for part in parts), None
    if check == "near_leakage":
        return None, None, sum(crossing.near_rows for crossing in crossings)
    if check == "near_duplicates":
        return None, None, sum(part.near_rows for part in parts)
    if check == "overlap":
        exact = [overlap.exact for overlap in audit.overlaps if overlap.exact is not None]
        near = [overlap.near_rows for overlap in audit.overlaps if overlap.near_rows is not None]
        same = sum(overlap.same for overlap in audit.overlaps)
        return sum(exact) if exact else None, same, sum(near) if near else None
    return None, None, None


def _sum(levels: Iterable[Level]) -> tuple[int, int]:
    levels = tuple(levels)
    return sum(level.exact for level in levels), sum(level.same for level in levels)


def _parts(parts: Sequence[Part]) -> list[str]:
    head = ("part", "rows", "empty", "distinct texts", "repeats", "near", "two labels")
    rows: list[tuple[Cell, ...]] = [
        (
            _name(part.name),
            part.rows,
            part.empty,
            _both(part.texts),
            _both(part.repeats),
            part.near_rows,
            _both(part.conflicts),
        )
        for part in parts
    ]
    heading, *lines = _table(head, rows, left=1)
    return [f"{heading}   (exact / same text)", *lines]


def _left_out(parts: Sequence[Part]) -> list[tuple[str, str]]:
    return [(f"left out of {_name(part.name)}", printable(left_out_figures(part))) for part in parts if part.left_out]


def _both(level: Level) -> str:
    return f"{level.exact:,} / {level.same:,}"


def _crossings(audit: Audit) -> list[tuple[str, str]]:
    return [
        (f"{_name(crossing.part)} in {_name(crossing.other)}", crossing_figures(crossing))
        for crossing in audit.crossings
    ]


def _overlaps(audit: Audit) -> list[tuple[str, str]]:
    return [
        (f"{_name(overlap.part)} in {printable(overlap.other)}", overlap_figures(overlap)) for overlap in audit.overlaps
    ]


def _labels(parts: Sequence[Part]) -> list[str]:
    """A bar a label over all parts, and its share of each."""
    total = total_of(part.labels for part in parts)
    groups = [(name, sum(total[key] for key in keys), keys) for name, keys in grouped(total, _MOST_LABELS)]
    longest = max((count for _, count, _ in groups), default=0)
    rows: list[tuple[Cell, ...]] = []
    for name, count, keys in groups:
        shares = [percent(sum(part.labels.get(key, 0) for key in keys), sum(part.labels.values())) for part in parts]
        rows.append((_name(name), _bar(count, longest), count, percent(count, total.total()), *shares))
    head = ("label", "", "rows", "all", *(_name(part.name) for part in parts))
    return _table(head, rows, left=2) if rows else []


def _bar(count: int, longest: int) -> str:
    """In eighths of a cell; never nothing for what is there."""
    eighths = max(round(8 * _BAR * count / longest), 1) if count else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _lengths(parts: Sequence[Part]) -> list[str]:
    head = ("lengths", "in", "mean", "median", "90 %", "99 %", "longest", "over the limit")
    rows: list[tuple[Cell, ...]] = [
        (
            _name(part.name),
            lengths.unit,
            f"{lengths.mean:,.1f}",
            lengths.median,
            lengths.p90,
            lengths.p99,
            lengths.longest,
            _over(lengths),
        )
        for part in parts
        for lengths in (part.characters, part.tokens)
        if lengths is not None
    ]
    return _table(head, rows, left=2)


def _over(lengths: Lengths) -> str | None:
    if lengths.limit is None or lengths.over_limit is None:
        return None
    return f"{lengths.over_limit:,} over {lengths.limit:,} ({percent(lengths.over_limit, sum(lengths.counts))})"


def _unknown(parts: Sequence[Part]) -> list[tuple[str, str]]:
    lines = []
    for part in parts:
        if (unknown := part.unknown) is None:
            continue
        characters = ", ".join(f"{printable(char)} {count:,}" for char, count in unknown.characters[:_MOST_CHARACTERS])
        share = percent(unknown.unknown, unknown.tokens)
        rows = counted(unknown.rows, "row")
        figures = f"{unknown.unknown:,} of {counted(unknown.tokens, 'token')} ({share}) in {rows}"
        lines.append((f"unknown tokens in {_name(part.name)}", f"{figures}{': ' if characters else ''}{characters}"))
    return lines


def _noise(audit: Audit) -> list[tuple[str, str]]:
    if (noise := audit.noise) is None:
        return []
    doubted = f"{noise.doubted:,} of {counted(noise.rows, 'row')} ({percent(noise.doubted, noise.rows)})"
    how = f"{printable(noise.method)}, {noise.folds} folds, accuracy {noise.accuracy:.3f}"
    pairs = [f"{_name(given)} -> {_name(better)} {rows:,}" for given, better, rows in noise.pairs[:_MOST_PAIRS]]
    return [("doubted labels", f"{doubted}; {how}"), *([("as", ", ".join(pairs))] if pairs else [])]


def _languages(parts: Sequence[Part]) -> list[tuple[str, str]]:
    return [
        (
            f"languages of {_name(part.name)}",
            ", ".join(f"{name} {percent(rows, part.rows)}" for name, rows in _most_first(part.languages)),
        )
        for part in parts
        if part.languages
    ]


def _personal(parts: Sequence[Part]) -> list[tuple[str, str]]:
    return [
        (f"personal data in {_name(part.name)}", ", ".join(f"{kind} in {counted(rows, 'row')}" for kind, rows in found))
        for part in parts
        if (found := _most_first(part.personal))
    ]


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((printable(key), count) for key, count in counts.items() if count), key=lambda item: -item[1])


def _next(audit: Audit, report: Path | None, page: Path | None) -> list[str]:
    if audit.grade == "ok":
        return []
    look = f"Next: look at the worst samples on the page {page or '(--html report.html)'}. To mend the rows"
    mend = f"lingyu data fix propose {shlex.quote(str(report or 'report.json'))} --out fixes.csv"
    return [f"{look}:", mend] if report else [f"{look}, write --json report.json,", f"then: {mend}"]


def _name(name: str) -> str:
    """A name of the data, on one line, cut in the middle where it is long."""
    name = printable(name) or NO_NAME
    if cell_len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    end = name
    while cell_len(end) > half:
        end = end[1:]
    return f"{set_cell_size(name, half).rstrip()}…{end}"


def _named(items: Sequence[tuple[str, str]], width: int) -> list[str]:
    """`name   figures`, the figures one below the other."""
    widest = max((cell_len(name) for name, _ in items), default=0)
    lines = [f"{set_cell_size(name, widest)}   {figures}" for name, figures in items]
    return [part for line in lines for part in _wrapped(line, width, indent=widest + 3)]


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, left: int) -> list[str]:
    """Columns as wide as what stands in them, the first `left` ones to the left, the others to the right."""
    lines = [list(head), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(head))]
    return [
        "  ".join(
            set_cell_size(cell, width) if column < left else " " * (width - cell_len(cell)) + cell
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _cell(cell: Cell) -> str:
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell


def _wrapped(line: str, width: int, *, indent: int) -> list[str]:
    """A line that is wider goes on below, from a blank behind the indent; whole where there is none."""
    lines = []
    while cell_len(line) > width and (cut := _last_blank(line, indent, width)):
        lines.append(line[:cut].rstrip())
        line = " " * indent + line[cut:].lstrip()
    return [*lines, line.rstrip()]


def _last_blank(line: str, indent: int, width: int) -> int:
    """Where the last blank stands between so many cells and so many; 0 where there is none."""
    cells = 0
    found = 0
    for place, char in enumerate(line):
        if cells > width:
            break
        found = place if char == " " and cells > indent else found
        cells += cell_len(char)
    return found
