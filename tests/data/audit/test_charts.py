"""Charts: what is drawn is what was counted."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from lingyu.data.audit.charts import Limit, Series, bars, histogram

NUMBERS = st.floats(0, 1e12)


def texts(svg: Markup, style: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text") if element.get("class") == style]


def widths(svg: Markup) -> list[float]:
    rects = ElementTree.fromstring(svg).iter("rect")
    return [float(rect.get("width", "")) for rect in rects if rect.get("x") == "4"]


def test_bars_are_as_long_as_their_values() -> None:
    drawn = widths(bars("Labels", "%", ["a", "b", "c"], [Series("train", (50.0, 25.0, 0.0))]))
    assert drawn[0] == pytest.approx(2 * drawn[1])
    assert drawn[2] == 0


def test_a_bar_chart_names_its_axis_its_categories_and_its_series() -> None:
    svg = bars(
        "Label balance", "% of rows", ["负面", "<b>"], [Series("train", (50.0, 50.0)), Series("dev", (60.0, 40.0))]
    )
    assert texts(svg, "category") == ["负面", "<b>"]
    assert texts(svg, "axis") == ["% of rows"]
    assert texts(svg, "tick")[:2] == ["train", "dev"]
    assert ElementTree.fromstring(svg).get("aria-label") == "Label balance"


def test_an_outline_is_as_high_as_its_values() -> None:
    svg = histogram("Lengths", ("tokens", "texts"), (0, 10, 20, 40), [Series("train", (10.0, 40.0, 0.0))])
    path = next(iter(ElementTree.fromstring(svg).iter("path"))).get("d", "")
    bottom = float(path.split("V")[0].split()[1])
    heights = [bottom - float(y) for y in re.findall(r"V([\d.]+)H", path)]
    assert heights == [pytest.approx(150 * value / 40, abs=0.1) for value in (10, 40, 0)]


@pytest.mark.parametrize(("limit", "share"), [(0, 0.0), (10, 1 / 3), (30, 5 / 6), (40, 1.0), (900, 1.0)])
def test_the_limit_stands_where_it_is_among_the_edges(limit: int, share: float) -> None:
    svg = histogram(
        "Lengths", ("tokens", "texts"), (0, 10, 20, 40), [Series("", (1.0, 2.0, 3.0))], Limit(limit, "here")
    )
    line = next(line for line in ElementTree.fromstring(svg).iter("line") if line.get("class") == "limit")
    assert float(line.get("x1", "")) == pytest.approx(46 + (380 - 46 - 16) * share, abs=0.1)


def test_few_rows_are_counted_in_whole_numbers() -> None:
    svg = histogram("Similarity", ("similarity", "rows"), (0.8, 0.9, 1.0), [Series("rows", (2.0, 1.0))])
    assert texts(svg, "tick")[:5] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("value", [5e-324, 1e-9, 0.3, 1.0, 99.9, 100.0, 1e12])
def test_an_axis_ends_behind_the_largest_value(value: float) -> None:
    longest = max(widths(bars("Labels", "%", ["a"], [Series("train", (value,))])))
    assert longest <= 380 - 104


@given(st.lists(st.tuples(st.text(st.characters(codec=None)), NUMBERS), min_size=1, max_size=8))
def test_any_text_and_any_number_can_be_drawn(drawn: list[tuple[str, float]]) -> None:
    names, values = zip(*drawn, strict=True)
    series = [Series(names[0], values), Series(names[-1], values, colour=99)]
    drawings = (
        bars(names[0], names[0], names, series),
        histogram(names[0], (names[0], "rows"), range(len(values) + 1), series, Limit(values[0], names[0])),
    )
    for svg in drawings:
        assert ElementTree.fromstring(svg.encode("utf-8")).tag.endswith("svg")  # well-formed, and UTF-8
    assert len(widths(drawings[0])) >= len(series) * len(names)  # a bar each, and the legend's squares
