"""Figures as tables for a terminal, the test first of all."""

from collections.abc import Collection, Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table

from lingyu.recipe import FIGURES

from .intervals import Scores
from .report import Metrics

_MOST_INTERVALS = 2  # that 80 columns hold


def table_with(headings: Iterable[str], caption: str, *, words: Collection[str] = ("",)) -> Table:
    """A table without rows: its columns are of figures, but for those of these headings."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, caption=caption)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right", no_wrap=True)
    return table


def table_of(found: Metrics, name: str = "adapter") -> Table:
    """The test for a terminal of 80 columns: model and baselines; the leak-free test below, if there is one.

    name: what was measured. Of tasks with many figures only the first stands there with its interval.
    """
    figures = found.task.figures
    with_interval = figures if len(figures) <= _MOST_INTERVALS else figures[:1]
    has_ece = found.test.ece is not None
    headings = ("", "rows", *(FIGURES[figure].title for figure in figures), *(["ECE"] if has_ece else []))
    table = table_with(headings, "test set; in brackets 95 % bootstrap intervals over its rows")

    def add(name: str, scores: Scores, rows: int, ece: float | None = None) -> None:
        told = (
            str(interval) if figure in with_interval else f"{interval.value:.3f}"
            for figure, interval in ((figure, scores[figure]) for figure in figures)
        )
        # rich reads [...] as markup
        cells = [cell.replace("[", r"\[") for cell in (name, f"{rows:,}", *told)]
        table.add_row(*cells, *([f"{ece:.3f}" if ece is not None else ""] if has_ece else []))

    test, clean = found.test, found.test_without_leaks
    rivals = [rival for rival in (found.baseline, found.column_baseline) if rival]
    add(name, test.scores, test.rows, test.ece)
    for rival in (*rivals, found.trivial):
        add(rival.name, rival.scores, test.rows)
    if clean:
        table.add_section()
        add(f"{name}, no leaks", clean.scores, clean.rows, clean.ece)
        for rival in rivals:
            if rival.without_leaks:
                add(f"{rival.name}, no leaks", rival.without_leaks.scores, clean.rows)
    return table
