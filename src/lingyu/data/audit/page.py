"""An audit as one HTML page that needs nothing but itself: no script, no request, readable on a phone and on paper.

Whatever the template prints goes through `_printed`: made visible, then escaped. Only the charts are markup already.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from . import charts
from .charts import Limit, Series
from .excerpts import Excerpt, excerpt, excerpts, legible
from .report import Audit, Check, Crossing, Grade, Lengths, Part
from .samples import Sample, Samples
from .wording import (
    FIGURES,
    MEANINGS,
    NO_NAME,
    TITLES,
    counted,
    grouped,
    headline,
    left_out_figures,
    percent,
    total_of,
)

_TEMPLATE = "page.html.jinja"
_MOST_SAMPLES = 12  # of a check
_OPEN_SAMPLES = 4  # the others are behind a line to click
_MOST_LABELS = 12
_MOST_LANGUAGES = 8
_MOST_PAIRS = 12
_MOST_PARTS = 20
_SIMILARITY_BINS = 10
_LONGEST_NAME = 80
_LONGEST_ROW = 200
_LONGEST_SENTENCE = 1_000

_MARKS: Mapping[Grade, str] = {"ok": "✓", "look": "!", "stop": "✕", "unchecked": "?"}


def page(audit: Audit, samples: Samples) -> str:
    """The page, ready to be encoded as UTF-8; under 1 MB whatever the texts are."""
    return _template().render(
        audit=audit,
        headline=headline(audit),
        marks=_MARKS,
        checks=[_card(audit, verdict.check, samples.get(verdict.check, ())) for verdict in audit.verdicts],
        parts=audit.parts[:_MOST_PARTS],
        matrix=_matrix(audit.crossings),
        balance=_balance(audit.parts),
        lengths=_length_charts(audit.parts),
        languages=_languages(audit.parts),
        personal=[(part, _most_first(part.personal)) for part in audit.parts if any(part.personal.values())],
        figures=FIGURES,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"name": _name, "row": _row, "pairs": _pairs, "count": lambda count: f"{count:,}"}
    environment.globals |= {"percent": percent, "counted": counted, "left_out": left_out_figures}
    return environment.get_template(_TEMPLATE)


def _printed(value: object) -> object:
    """What stands in the page for a value: no text reaches it with a character that HTML or UTF-8 can't hold."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _cut(legible(value), _LONGEST_SENTENCE)


def _name(name: str) -> str:
    return _cut(legible(name), _LONGEST_NAME) or NO_NAME


def _row(row: str) -> str:
    return _cut(legible(row), _LONGEST_ROW)


def _pairs(names: Mapping[str, str]) -> str:
    return ", ".join(f"{value} = {name}" for value, name in names.items())


def _cut(text: str, most: int) -> str:
    """Without its middle where it is longer: of a path both ends tell something."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"


# ---- checks and their samples


@dataclass(frozen=True)
class Quoted:
    """A row as it is quoted. text: None where it is not known, or the same as the one before it."""

    row: str
    label: str | None
    text: Excerpt | None


@dataclass(frozen=True)
class Shown:
    """A sample. part: that of its first row. is_same: both rows have the same text, which is quoted once."""

    part: str
    rows: tuple[Quoted, ...]
    is_same: bool
    similarity: float | None
    confidence: float | None
    suggested_label: str | None

    @property
    def has_facts(self) -> bool:
        return self.is_same or any(
            fact is not None for fact in (self.similarity, self.confidence, self.suggested_label)
        )


@dataclass(frozen=True)
class Figure:
    title: str
    chart: Markup


@dataclass(frozen=True)
class Card:
    check: Check
    title: str
    meaning: str
    grade: Grade
    rows: int
    says: str
    charts: tuple[Figure, ...]
    open: tuple[Shown, ...]
    more: tuple[Shown, ...]

    @property
    def has_section(self) -> bool:
        """Whether there is more to show of it than its sentence."""
        return bool(self.rows or self.open)


def _card(audit: Audit, check: Check, samples: Sequence[Sample]) -> Card:
    verdict = next(verdict for verdict in audit.verdicts if verdict.check == check)
    shown = tuple(_shown(sample) for sample in islice(_first_of_each_text(samples), _MOST_SAMPLES))
    return Card(
        check=check,
        title=TITLES[check],
        meaning=MEANINGS[check],
        grade=verdict.grade,
        rows=verdict.rows,
        says=verdict.says,
        charts=tuple(_card_charts(audit, check, samples)),
        open=shown[:_OPEN_SAMPLES],
        more=shown[_OPEN_SAMPLES:],
    )


def _first_of_each_text(samples: Iterable[Sample]) -> Iterator[Sample]:
    """A text that stands there forty times would otherwise be all that is seen."""
    seen = set()
    for sample in samples:
        if sample.text not in seen:
            yield sample
        seen |= {sample.text, sample.other_text}


def _shown(sample: Sample) -> Shown:
    ours, theirs, is_same = _texts(sample)
    rows = [Quoted(sample.row, sample.label, ours)]
    if sample.other is not None:
        rows.append(Quoted(sample.other, sample.other_label, theirs))
    return Shown(sample.part, tuple(rows), is_same, sample.similarity, sample.confidence, sample.suggested_label)


def _texts(sample: Sample) -> tuple[Excerpt, Excerpt | None, bool]:
    """The text of a sample, that of the other row where it differs, and whether it does not."""
    if sample.other_text is None:
        return excerpt(sample.text), None, False
    ours, theirs = excerpts(sample.text, sample.other_text)
    is_same = sample.text.strip() == sample.other_text.strip()
    return ours, None if is_same else theirs, is_same


def _card_charts(audit: Audit, check: Check, samples: Sequence[Sample]) -> Iterable[Figure]:
    if check in ("near_leakage", "near_duplicates"):
        found = [finding.similarity for finding in audit.findings if finding.check == check]
        similarities = [value for value in found or [sample.similarity for sample in samples] if value is not None]
        if similarities:
            yield _similarities(similarities, audit.settings.near_similarity)
    if check == "noise" and audit.noise and audit.noise.pairs:
        pairs = audit.noise.pairs[:_MOST_PAIRS]
        names = [f"{_name(given)} → {_name(better)}" for given, better, _ in pairs]
        title = "Doubted labels: what stands there → what it looks like"
        counts = tuple(float(rows) for _, _, rows in pairs)
        yield Figure(title, charts.bars(title, "rows", names, [Series("rows", counts)]))


def _similarities(similarities: Sequence[float], lowest: float) -> Figure:
    """How alike near-duplicates are, from the threshold to one."""
    lowest = min(lowest, *similarities, 0.99)
    counts = [0] * _SIMILARITY_BINS
    for value in similarities:
        counts[min(int((value - lowest) / (1 - lowest) * _SIMILARITY_BINS), _SIMILARITY_BINS - 1)] += 1
    edges = [lowest + (1 - lowest) * place / _SIMILARITY_BINS for place in range(_SIMILARITY_BINS + 1)]
    title = "How alike they are"
    series = [Series("rows", tuple(map(float, counts)))]
    return Figure(title, charts.histogram(title, ("edit similarity", "rows"), edges, series))


# ---- figures of the parts


@dataclass(frozen=True)
class Matrix:
    """Crossings as a table: rows by columns, None where they were not compared."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Crossing | None, ...]], ...]


def _matrix(crossings: Sequence[Crossing]) -> Matrix:
    cells = {(crossing.part, crossing.other): crossing for crossing in crossings}
    columns = tuple(dict.fromkeys(crossing.other for crossing in crossings))[:_MOST_PARTS]
    names = tuple(dict.fromkeys(crossing.part for crossing in crossings))[:_MOST_PARTS]
    return Matrix(columns, tuple((name, tuple(cells.get((name, other)) for other in columns)) for name in names))


def _balance(parts: Sequence[Part]) -> Figure | None:
    return _shares("Label balance", {part.name: part.labels for part in parts}, _MOST_LABELS)


def _languages(parts: Sequence[Part]) -> Figure | None:
    return _shares("Languages", {part.name: part.languages for part in parts}, _MOST_LANGUAGES)


def _shares(title: str, counts: Mapping[str, Mapping[str, int]], most: int) -> Figure | None:
    """Bars of each part's share of each key; None where there is nothing to draw."""
    groups = grouped(total_of(counts.values()), most)
    if not groups:
        return None
    series = []
    for colour, (name, rows) in enumerate(list(counts.items())[: charts.COLOURS]):
        total = sum(rows.values())
        found = [sum(rows.get(key, 0) for key in keys) for _, keys in groups]
        words = tuple(f"{count:,} ({percent(count, total)})" for count in found)
        series.append(Series(name, tuple(100 * count / max(total, 1) for count in found), words, colour))
    return Figure(title, charts.bars(title, "% of the part's rows", [_name(name) for name, _ in groups], series))


def _length_charts(parts: Sequence[Part]) -> list[Figure]:
    """One chart a unit, or one for each set of edges where parts were counted by different ones."""
    drawn: dict[tuple[str, tuple[int, ...]], list[tuple[int, str, Lengths]]] = {}
    for colour, part in enumerate(parts[: charts.COLOURS]):
        for lengths in (part.characters, part.tokens):
            if lengths is not None and any(lengths.counts):
                drawn.setdefault((lengths.unit, lengths.edges), []).append((colour, part.name, lengths))
    in_order = sorted(drawn.items(), key=lambda item: item[0][0])  # characters, then tokens
    return [_length_chart(unit, edges, lengths) for (unit, edges), lengths in in_order]


def _length_chart(unit: str, edges: Sequence[int], drawn: Sequence[tuple[int, str, Lengths]]) -> Figure:
    series = [Series(name, _percentages(lengths.counts), colour=colour) for colour, name, lengths in drawn]
    limit = next((lengths.limit for *_, lengths in drawn if lengths.limit is not None), None)
    title = f"Lengths in {unit}" + (f": {series[0].name}" if len(series) == 1 else "")
    line = None if limit is None else Limit(limit, f"max_length {limit:,}")
    is_open = edges[-1] - edges[-2] > 2 * (edges[1] - edges[0])
    below = f"{unit} (the last step: {edges[-2]:,} to {edges[-1]:,})" if is_open else unit
    return Figure(title, charts.histogram(title, (below, "% of the part's texts"), edges, series, line))


def _percentages(counts: Sequence[int]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(100 * count / total for count in counts)


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((key, count) for key, count in counts.items() if count), key=lambda item: -item[1])
