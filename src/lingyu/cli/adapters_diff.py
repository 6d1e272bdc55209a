"""How `lingyu adapters diff` shows two versions beside one another on a terminal."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lingyu.errors import printable

if TYPE_CHECKING:
    from lingyu.evaluation import Comparison, Part, Scores
    from lingyu.store import Version

_MISSING = "–"
_SHOWN_WHERE_THEY_DIFFER = ("reads", "thresholds", "parents")
_WIDTH_OF_AN_INTERVAL = len("0.883 [0.861, 0.905]")


def diff_page(comparison: "Comparison", one: "Version", other: "Version") -> Group:
    """The tables, and below them the verdict."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, title_justify="left")
    table.add_column("", style="bold", overflow="fold")
    for name in (comparison.one, comparison.other):
        table.add_column(Text(printable(name)), overflow="fold", min_width=_WIDTH_OF_AN_INTERVAL)
    table.add_column("", overflow="fold")
    for section in (_versions(one, other), _recipe(comparison), _data(comparison), _test(comparison)):
        table.add_section()
        for cells in section:
            table.add_row(*(Text(printable(cell)) for cell in cells))
    notes = (Text(f"Note: {printable(note)}.") for note in comparison.notes)
    return Group(table, Text(), *notes, Text(printable(comparison.verdict), style="bold"))


def _versions(one: "Version", other: "Version") -> Iterator[tuple[str, ...]]:
    """What the manifests say; the same things of both in one word."""
    facts: dict[str, Callable[[Version], str]] = {
        "created": lambda version: f"{version.manifest.created:%Y-%m-%d %H:%M}",
        "base": lambda version: f"{version.manifest.base.id} ({version.manifest.base.weights_fingerprint[:12]})",
        "task": lambda version: version.manifest.task,
        "labels": lambda version: ", ".join(version.manifest.labels) or "none",
        "max_length": lambda version: f"{version.manifest.max_length} tokens",
        "reads": lambda version: "two texts" if version.manifest.text_pair else "one text",
        "text steps": lambda version: ", ".join(version.manifest.text_steps) or "none",
        "temperature": lambda version: f"{version.manifest.calibration.temperature:.3f}",
        "thresholds": lambda version: ", ".join(f"{t:.3f}" for t in version.manifest.calibration.thresholds) or "none",
        "parents": lambda version: ", ".join(parent.reference for parent in version.manifest.parents) or "none",
    }
    for name, fact in facts.items():
        ones, others = fact(one), fact(other)
        if name not in _SHOWN_WHERE_THEY_DIFFER or ones != others:
            yield name, ones, others, "same" if ones == others else ""


def _recipe(comparison: "Comparison") -> Iterator[tuple[str, ...]]:
    if comparison.recipe is None:
        yield "recipe", _MISSING, _MISSING, "one of them keeps none"
    elif not comparison.recipe:
        yield "recipe", "", "", "same"
    for setting in comparison.recipe or ():
        yield setting.key, _value(setting.one), _value(setting.other), ""


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):  # of labels, pairs
        return ", ".join(": ".join(map(_value, item)) if isinstance(item, list) else _value(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _data(comparison: "Comparison") -> Iterator[tuple[str, ...]]:
    for part in comparison.parts:
        if part.rows != (None, None):
            yield f"{part.name} rows", *map(_count, part.rows), _in_both(part)


def _count(rows: int | None) -> str:
    return _MISSING if rows is None else f"{rows:,}"


def _in_both(part: "Part") -> str:
    if part.is_same:
        return "same"
    return "" if part.texts_in_both is None else f"{part.texts_in_both:,} in both"


def _test(comparison: "Comparison") -> Iterator[tuple[str, ...]]:
    """Each on its own test, then both on the texts that they share."""
    from lingyu.recipe import FIGURES

    for figure in comparison.figures:
        yield f"test {FIGURES[figure].title}", *(_figure(scores, figure) for scores in comparison.scores), ""
    paired = comparison.paired
    if paired is None or comparison.parts[-1].rows == (paired.rows, paired.rows):
        return  # nothing is shared, or all of both tests, of which the lines above are
    left_out = [
        f"{count:,} {why}"
        for count, why in ((paired.trained_on, "trained on, left out"), (paired.relabelled, "relabelled, left out"))
        if count
    ]
    yield "shared texts", f"{paired.rows:,}", f"{paired.rows:,}", ", ".join(left_out)
    for figure in comparison.figures:
        yield f"shared {FIGURES[figure].title}", _figure(paired.one, figure), _figure(paired.other, figure), ""


def _figure(scores: "Scores | None", figure: str) -> str:
    return _MISSING if scores is None or figure not in scores else str(scores[figure])
