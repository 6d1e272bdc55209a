"""Charts as inline SVG: no script, no font, no request. Colours are classes of the page's style sheet (c0, c1, ...), so
that they follow light and dark; every label goes through ElementTree, which escapes it.

A chart is as wide as a phone and is scaled up from there; the words in it stay readable at either size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup
from rich.cells import cell_len, set_cell_size

from .excerpts import legible

COLOURS: Final = 6
"""Classes c0 to c5; a seventh series begins anew."""

_WIDTH = 380
_LEFT, _RIGHT = 46, 16  # beside the plot of a histogram
_PLOT_HEIGHT = 150
_BAR = 11
_VALUE = 104  # kept free for the number behind the longest bar
_LONGEST_LABEL = 44  # cells of text over a bar
_MOST_TICKS = 7
_FEW = 20  # values up to which an axis is counted in whole numbers
_LEAST = 1e-6


@dataclass(frozen=True)
class Series:
    """One colour of a chart. values: one a category or bin; words: what is written at each bar, the same number.

    colour: any number; a part keeps its own over all charts.
    """

    name: str
    values: tuple[float, ...]
    words: tuple[str, ...] = ()
    colour: int = 0

    @property
    def style(self) -> str:
        return f"c{self.colour % COLOURS}"


@dataclass(frozen=True)
class Limit:
    """A line in a histogram. at: in the unit of its edges."""

    at: float
    name: str


def bars(title: str, unit: str, categories: Sequence[str], series: Sequence[Series]) -> Markup:
    """Bars to the right, one a series for each category, which stands over them. unit: of the values, for the axis."""
    row = 16 + _BAR * len(series) + 8
    head = 20 if len(series) > 1 else 4
    height = head + row * len(categories) + 34
    svg = _svg(title, height)
    if len(series) > 1:
        _legend(svg, series)
    top = _nice_top(max((value for line in series for value in line.values), default=0))
    room = _WIDTH - _VALUE
    bottom = head + row * len(categories)
    for tick in _ticks(top):
        x = 4 + room * tick / top
        _line(svg, "grid", x, head, x, bottom)
        _text(svg, "tick", x, bottom + 14, _number(tick), anchor="start" if tick == 0 else "middle")
    _text(svg, "axis", 4 + room / 2, bottom + 29, unit, anchor="middle")
    for place, category in enumerate(categories):
        y = head + row * place
        _text(svg, "category", 4, y + 12, _cut(category))
        for index, line in enumerate(series):
            _bar(svg, line, place, y + 16 + _BAR * index, room / top)
    return _markup(svg)


def _bar(svg: Element, series: Series, place: int, y: float, scale: float) -> None:
    width = series.values[place] * scale
    shape = SubElement(svg, "rect", {"class": series.style, "x": "4", "y": _n(y), "height": str(_BAR - 2)})
    shape.set("width", _n(max(width, 1) if series.values[place] else 0))
    words = series.words[place] if series.words else _number(series.values[place])
    _text(svg, "value", 4 + width + 4, y + _BAR - 3, words)


def histogram(
    title: str, units: tuple[str, str], edges: Sequence[float], series: Sequence[Series], limit: Limit | None = None
) -> Markup:
    """Outlines of counts or shares over bins, all equally wide on the page whatever their edges are.

    units: of the axis below and of the values. edges: one more than each series has values.
    """
    head = (20 if len(series) > 1 else 8) + (14 if limit else 0)
    bottom = head + _PLOT_HEIGHT
    svg = _svg(title, bottom + 34)
    if len(series) > 1:
        _legend(svg, series)
    bin_width = (_WIDTH - _LEFT - _RIGHT) / (len(edges) - 1)
    top = _nice_top(max(value for line in series for value in line.values))
    for tick in _ticks(top):
        y = bottom - _PLOT_HEIGHT * tick / top
        _line(svg, "grid", _LEFT, y, _WIDTH - _RIGHT, y)
        _text(svg, "tick", _LEFT - 5, y + 4, _number(tick), anchor="end")
    _edge_ticks(svg, edges, bin_width, bottom)
    for line in series:
        _outline(svg, line.style, [bottom - _PLOT_HEIGHT * value / top for value in line.values], bin_width, bottom)
    if limit:
        _limit(svg, limit, _LEFT + bin_width * _place(limit.at, edges), head, bottom)
    _text(svg, "axis", _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, bottom + 29, units[0], anchor="middle")
    side = _text(svg, "axis", 0, 0, units[1], anchor="middle")
    side.set("transform", f"translate(10 {_n(bottom - _PLOT_HEIGHT / 2)}) rotate(-90)")
    return _markup(svg)


def _edge_ticks(svg: Element, edges: Sequence[float], bin_width: float, bottom: float) -> None:
    last = len(edges) - 1
    every = math.ceil(last / _MOST_TICKS)
    for place in [*range(0, last - every // 2, every), last]:
        x = _LEFT + bin_width * place
        _line(svg, "mark", x, bottom, x, bottom + 4)
        _text(svg, "tick", x, bottom + 15, _number(edges[place]), anchor="middle")


def _outline(svg: Element, style: str, heights: Sequence[float], bin_width: float, bottom: float) -> None:
    steps = [f"M{_LEFT} {_n(bottom)}"]
    for place, y in enumerate(heights):
        steps.append(f"V{_n(y)}H{_n(_LEFT + bin_width * (place + 1))}")
    SubElement(svg, "path", {"class": f"outline {style}", "d": "".join([*steps, f"V{_n(bottom)}"])})


def _limit(svg: Element, limit: Limit, x: float, head: float, bottom: float) -> None:
    _line(svg, "limit", x, head - 4, x, bottom)
    side = "end" if x > _WIDTH / 2 else "start"
    _text(svg, "limit-name", x, head - 7, limit.name, anchor=side)


def _place(value: float, edges: Sequence[float]) -> float:
    """Where a value stands between the edges, counted in bins; at the end where it is beyond."""
    for place, (start, end) in enumerate(pairwise(edges)):
        if value < end:
            return place + max(value - start, 0) / max(end - start, 1e-9)
    return len(edges) - 1


def _legend(svg: Element, series: Sequence[Series]) -> None:
    x = 4.0
    for line in series:
        square = {"class": line.style, "x": _n(x), "y": "3", "width": "9", "height": "9"}
        SubElement(svg, "rect", square)
        name = _cut(line.name, 16)
        _text(svg, "tick", x + 13, 12, name)
        x += 13 + 7.2 * cell_len(name) + 12


def _svg(title: str, height: float) -> Element:
    svg = Element("svg", {"viewBox": f"0 0 {_WIDTH} {_n(height)}", "role": "img", "aria-label": legible(title)})
    SubElement(svg, "title").text = legible(title)
    return svg


def _line(svg: Element, name: str, x1: float, y1: float, x2: float, y2: float) -> None:
    SubElement(svg, "line", {"class": name, "x1": _n(x1), "y1": _n(y1), "x2": _n(x2), "y2": _n(y2)})


def _text(svg: Element, name: str, x: float, y: float, words: str, *, anchor: str = "start") -> Element:
    element = SubElement(svg, "text", {"class": name, "x": _n(x), "y": _n(y), "text-anchor": anchor})
    element.text = legible(words)
    return element


def _cut(words: str, most: int = _LONGEST_LABEL) -> str:
    words = legible(words)
    return words if cell_len(words) <= most else f"{set_cell_size(words, most - 1).rstrip()}…"


def _markup(svg: Element) -> Markup:
    return Markup(tostring(svg, encoding="unicode"))  # noqa: S704 - ElementTree has escaped it


def _nice_top(largest: float) -> float:
    """A round number that is not smaller, whose quarters are round too: whole ones where the values are few rows."""
    if largest <= _FEW and largest == round(largest):
        return 4.0 * max(math.ceil(largest / 4), 1)
    power: float = 10.0 ** math.floor(math.log10(max(largest, _LEAST)))
    return next(step * power for step in (1, 2, 4, 5, 8, 10, 20) if step * power >= largest)


def _ticks(top: float) -> list[float]:
    return [top * quarter / 4 for quarter in range(5)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
