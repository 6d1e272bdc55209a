"""curves.png, confusion.png, scatter.png, drawn without pyplot: nothing global is touched, and no display is needed.

Chinese labels are drawn with the Noto Sans SC that the package zhplot carries. zhplot itself is never imported, since
its import changes matplotlib's settings for the whole process.
"""

import importlib.util
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from PIL import Image

from lingyu.recipe import FIGURES

Row = Mapping[str, Any]

MOST_CLASSES_WITH_NUMBERS = 20
LONGEST_LABEL = 12  # characters; longer ones are cut
_MOST_CLASSES_WITH_ZEROS = 8
_DPI = 110
_NO_GLYPH = "□"
_LEAST_SHARES, _LEAST_LOSSES = 0.02, 0.1  # that an axis spans
_BLUE, _ORANGE, _GREEN, _GREY, _BLACK = "#2b6cb0", "#dd6b20", "#2f855a", "#a0aec0", "#1a202c"
_RED = "#c53030"
_COLOURS = (_BLUE, _GREEN, "#6b46c1", "#b7791f")  # of figures on one axis


def plot_confusion(confusion: Sequence[Sequence[int]] | NDArray[np.integer], labels: Sequence[str]) -> bytes:
    """PNG of a confusion matrix: rows are true labels, columns predicted ones, colour is the share of the row.

    confusion: (classes, classes) counts    labels: names, in the same order

    Up to 20 classes each cell shows its count and its share; beyond that colour alone, on a scale that lets rare
    confusions be seen.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    classes = len(labels)
    assert counts.shape == (classes, classes), f"a confusion of shape {counts.shape} for {classes} labels"
    support = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    font_file = _chinese_font_file()
    with_numbers = classes <= MOST_CLASSES_WITH_NUMBERS
    side = 2.6 + 0.62 * classes if with_numbers else 2.6 + 0.145 * classes
    figure = Figure(figsize=(side + 0.6, side), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(1.0 if with_numbers else 0.5, vmin=0, vmax=1))
    _name_the_axes(axes, labels, font_file, size=10 if with_numbers else 6.5)
    if with_numbers:
        _write_cells(axes, counts, shares, size=9 if classes <= _MOST_CLASSES_WITH_ZEROS else 7)
    bar = figure.colorbar(image, ax=axes, shrink=0.75, aspect=28, pad=0.02, format=PercentFormatter(1.0))
    bar.set_label("share of the true label's rows", fontsize=8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)
    axes.set_title(f"{np.trace(counts):,} of {counts.sum():,} test rows right", fontsize=10, pad=10)
    return _png(figure)


def plot_scatter(predicted: NDArray[np.floating], true: NDArray[np.floating], title: str = "") -> bytes:
    """PNG of numbers: each test row by its true and its predicted value, and the line where both are equal.

    predicted, true: (rows,)
    """
    assert predicted.shape == true.shape, f"{predicted.shape} predicted for {true.shape} true values"
    figure = Figure(figsize=(5.4, 5.0), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    both = np.concatenate([predicted, true]).astype(np.float64)
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 1.0
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=_GREY, linewidth=1.0, zorder=1)
    # many rows are told by how dark it is
    alpha = float(np.clip(60 / max(len(true), 1) ** 0.5, 0.08, 0.8))
    axes.scatter(true, predicted, s=12, color=_BLUE, alpha=alpha, linewidths=0, zorder=2)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.set_aspect("equal")
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_title(title or f"{len(true):,} test rows", fontsize=10, pad=10)
    return _png(figure)


def plot_curves(
    rows: Sequence[Row],
    figures: Sequence[str],
    best_by: str,
    *,
    measured: str = "dev",
    beside: str = "",
) -> bytes:
    """PNG of a run over its steps: train loss and learning rate, and what was measured, with the best one marked.

    rows: of metrics.jsonl, {"step", "loss", "learning_rate", ...} or {"step", "dev": {"macro_f1", ..., "loss"}};
    dev of step 0 is what was there before training, and never the best. figures: of dev, to be drawn beside its loss;
    errors, which have a unit of their own, in a panel of their own. best_by: metric_for_best_model. Values that are
    missing or not finite are left out, and so is the panel of a train loss that was never logged.

    measured: what is written over dev, where the run measures itself on something else. beside: the key of rows with
    the same figures of another text, which are drawn dashed.
    """
    drawn = _Drawn(_evaluations(rows, "dev"), _evaluations(rows, beside), best_by, beside)
    errors = [figure for figure in figures if FIGURES[figure].lower_is_better]
    panels: list[Callable[[Axes], None]] = [partial(_draw_train, rows=rows)] if _points(rows, "loss")[0] else []
    panels.append(
        partial(_draw_dev, drawn=drawn, figures=[key for key in figures if key not in errors], title=measured)
    )
    if errors:
        panels.append(partial(_draw_errors, drawn=drawn, figures=errors, title=f"{measured}, errors"))
    figure = Figure(figsize=(5 * len(panels), 3.8), dpi=_DPI, layout="constrained")
    last_step = max((row["step"] for row in rows), default=1) or 1
    for draw, axes in zip(panels, np.atleast_1d(figure.subplots(1, len(panels))), strict=True):
        draw(axes)
        axes.set_xlim(-0.02 * last_step, 1.02 * last_step)
        axes.set_xlabel("optimiser step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    return _png(figure)


def _evaluations(rows: Sequence[Row], key: str) -> list[Row]:
    return [{"step": row["step"], **row[key]} for row in rows if key in row]


def _name_the_axes(axes: Axes, labels: Sequence[str], font_file: Path, size: float) -> None:
    glyphs = FT2Font(str(font_file)).get_charmap()
    names = [_drawable(label, glyphs) for label in labels]
    upright = len(labels) <= MOST_CLASSES_WITH_NUMBERS and max(map(len, names)) <= 4
    font = FontProperties(fname=font_file, size=size)
    # parse_math=False: a label with two dollar signs is no formula
    axes.set_xticks(range(len(names)), names, fontproperties=font, rotation=0 if upright else 90, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontproperties=font, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white" if len(names) <= MOST_CLASSES_WITH_NUMBERS else "#edf2f7", linewidth=0.8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def _write_cells(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], size: float) -> None:
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        if not count and len(counts) > _MOST_CLASSES_WITH_ZEROS:
            continue
        text = f"{count:,}\n{share:.0%}" if count else "0"
        colour = "white" if share > 0.55 else "#2d3748" if count else _GREY
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour, linespacing=1.3)


def _draw_train(axes: Axes, rows: Sequence[Row]) -> None:
    rates = axes.twinx()
    (rate,) = rates.plot(*_points(rows, "learning_rate"), color=_GREY, linewidth=1.2, label="learning rate")
    (loss,) = axes.plot(*_points(rows, "loss"), color=_BLUE, linewidth=1.6, label="train loss")
    axes.set_zorder(rates.get_zorder() + 1)  # the loss above the rate
    axes.patch.set_visible(False)
    axes.set_title("train", fontsize=11)
    axes.set_ylabel("loss")
    rates.set_ylabel("learning rate")
    axes.set_ylim(bottom=0)
    rates.set_ylim(bottom=0)
    rates.yaxis.set_major_formatter("{x:g}")
    axes.grid(axis="y", alpha=0.25)
    for each in (axes, rates):
        each.spines["top"].set_visible(False)
    _legend_below(axes, [loss, rate])


@dataclass(frozen=True)
class _Drawn:
    """What was measured at which step, and of another text; best_by: the figure that chose. beside: its name."""

    evaluations: Sequence[Row]
    others: Sequence[Row]
    best_by: str
    beside: str

    def lines(self, axes: Axes, figures: Sequence[str], colours: Sequence[str]) -> list[Line2D]:
        """A line a figure, and a star on the best where it was chosen by one of them."""
        runs = [(self.evaluations, "", "o-"), *([(self.others, f"{self.beside} ", "s--")] if self.others else [])]
        lines = [
            axes.plot(
                *_points(rows, figure),
                form,
                color=colour,
                markersize=3.5,
                linewidth=1.4,
                label=f"{of}{FIGURES[figure].title}",
            )[0]
            for rows, of, form in runs
            for figure, colour in zip(figures, colours, strict=False)
        ]
        return lines + (self._star(axes) if self.best_by in figures else [])

    def _star(self, axes: Axes) -> list[Line2D]:
        """On what was kept."""
        steps, values = _points([row for row in self.evaluations if row["step"] > 0], self.best_by)
        if not values:
            return []
        facts = FIGURES[self.best_by]
        best = int(np.argmin(values) if facts.lower_is_better else np.argmax(values))
        label = f"best {facts.title}: {values[best]:.3f} at step {steps[best]:,}"
        return axes.plot(
            steps[best], values[best], "*", markersize=14, color=_BLACK, markeredgecolor="white", label=label
        )


def _draw_dev(axes: Axes, drawn: _Drawn, figures: Sequence[str], title: str) -> None:
    losses = axes.twinx()
    handles = drawn.lines(axes, figures, _COLOURS) + drawn.lines(losses, ("loss",), (_ORANGE,))
    axes.set_ylabel(", ".join(FIGURES[figure].title for figure in figures))
    losses.set_ylabel("loss")
    _finish(axes, title, handles, _LEAST_SHARES)
    _span(losses, _LEAST_LOSSES)


def _draw_errors(axes: Axes, drawn: _Drawn, figures: Sequence[str], title: str) -> None:
    handles = drawn.lines(axes, figures, (_RED, _ORANGE))
    axes.set_ylabel(", ".join(FIGURES[figure].title for figure in figures))
    _finish(axes, title, handles, 0.0)


def _finish(axes: Axes, title: str, handles: Sequence[Line2D], least: float) -> None:
    axes.set_title(title, fontsize=11)
    axes.grid(axis="y", alpha=0.25)
    _span(axes, least)
    _legend_below(axes, handles)


def _span(axes: Axes, least: float) -> None:
    """Let the axis span so much at least: noise is not to look like a slope, nor a tick to need seven digits.

    It ends at 0 where all that is drawn lies above; a point at 0 is to be seen, and so is one below.
    """
    axes.spines["top"].set_visible(False)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.margins(y=0.15)
    low, high = axes.get_ylim()
    missing = max(0.0, least - (high - low)) / 2
    low, high = low - missing, high + missing
    if axes.dataLim.ymin > 0:
        low, high = max(low, 0.0), high + max(-low, 0.0)
    axes.set_ylim(low, high)


def _legend_below(axes: Axes, handles: Sequence[Line2D]) -> None:
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=min(len(handles), 4),
        frameon=False,
        fontsize=8,
        columnspacing=1.4,
    )


def _points(rows: Sequence[Row], key: str) -> tuple[list[int], list[float]]:
    """Steps and values of the rows that have a finite value under the key."""
    found = [(int(row["step"]), float(row[key])) for row in rows if row.get(key) is not None]
    finite = [(step, value) for step, value in found if np.isfinite(value)]
    return [step for step, _ in finite], [value for _, value in finite]


def _drawable(label: str, glyphs: Mapping[int, int]) -> str:
    """The label on one line, cut to a length that leaves room for the matrix; □ for what the font can't draw."""
    line = " ".join(label.split())
    short = line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"
    return "".join(character if ord(character) in glyphs else _NO_GLYPH for character in short)


def _chinese_font_file() -> Path:
    spec = importlib.util.find_spec("zhplot")
    assert spec is not None, "zhplot is a requirement of lingyu"
    assert spec.origin is not None, "zhplot is a package of files"
    return Path(spec.origin).parent / "fonts" / "NotoSansSC-Regular.ttf"


def _png(figure: Figure) -> bytes:
    """A palette, a third of the bytes: these pictures are kept in git. The same figure gives the same bytes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
