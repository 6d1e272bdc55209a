"""The pictures: real Chinese glyphs, bounded size, same bytes, nothing global touched."""

import io
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from lingyu.evaluation import plot_curves, plots
from lingyu.evaluation.plots import plot_confusion, plot_scatter
from lingyu.tasks import task_named

PNG = b"\x89PNG\r\n\x1a\n"
TWO = [[41, 9], [7, 143]]
INTENTS = [f"查{kind}方式({n})" for n in range(12) for kind in ("联系", "收费", "物流", "退款", "保险", "预约")]

ROWS = [
    {"step": 10, "epoch": 0.2, "loss": 0.61, "learning_rate": 4e-4, "grad_norm": 1.2},
    {"step": 20, "epoch": 0.4, "loss": 0.42, "learning_rate": 5e-4, "grad_norm": 1.0},
    {"step": 20, "epoch": 0.4, "dev": {"macro_f1": 0.80, "accuracy": 0.85, "loss": 0.40}},
    {"step": 30, "epoch": 0.6, "loss": 0.33, "learning_rate": 2e-4, "grad_norm": 0.9},
    {"step": 30, "epoch": 0.6, "dev": {"macro_f1": 0.78, "accuracy": 0.86, "loss": 0.38}},
]


def curves(rows, best_by="macro_f1", figures=("accuracy", "macro_f1"), **more):
    return plot_curves(rows, figures, best_by, **more)


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib only warns of a missing glyph
        yield


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("labels", [["负面", "正面"], INTENTS[:7], INTENTS[:20], INTENTS[:21], INTENTS])
def test_confusion_is_a_png_of_bounded_size_without_a_missing_glyph(labels):
    counts = np.random.default_rng(0).integers(0, 90, (len(labels), len(labels)))
    png = plot_confusion(counts, labels)
    assert png.startswith(PNG)
    assert len(png) < 300_000
    assert max(pixels(png).shape) < 2000


def test_chinese_labels_are_drawn_and_not_boxes():
    drawn = {
        labels: pixels(plot_confusion(TWO, labels)) for labels in (("负面", "正面"), ("负画", "正画"), ("□□", "□□"))
    }
    pictures = list(drawn.values())
    for i, one in enumerate(pictures):
        for other in pictures[i + 1 :]:
            assert one.shape != other.shape or (one != other).any()


def test_odd_labels_are_drawn_on_one_line_and_never_as_a_formula():
    odd = ["$x_1$", "两\n行", "很长的标签名字" * 9, "\U000f0000", "", "<b>\\frac{1}{2}"]
    assert plot_confusion(np.eye(6, dtype=int), odd).startswith(PNG)
    assert plot_confusion(TWO, ["$a$", "正"]) != plot_confusion(TWO, ["a", "正"])


def test_a_label_without_rows_and_an_empty_confusion_are_drawn():
    assert plot_confusion([[0, 0], [3, 4]], ["负面", "正面"]).startswith(PNG)
    assert plot_confusion([[0, 0], [0, 0]], ["负面", "正面"]).startswith(PNG)


def test_same_input_gives_the_same_bytes_and_other_input_others():
    assert plot_confusion(TWO, ["负面", "正面"]) == plot_confusion(np.array(TWO), ("负面", "正面"))
    assert plot_confusion(TWO, ["负面", "正面"]) != plot_confusion(np.array(TWO).T, ["负面", "正面"])
    assert curves(ROWS) == curves(list(ROWS))
    assert b"Software" not in curves(ROWS)


def test_curves_mark_the_best_evaluation_by_the_metric_that_chose_it():
    pictures = {curves(ROWS, metric) for metric in ("macro_f1", "accuracy", "loss")}
    assert len(pictures) == 3


@pytest.mark.parametrize(
    "rows",
    [
        [],
        ROWS[:1],
        [{"step": 5, "dev": {"accuracy": 0.5}}],
        [{"step": 5, "loss": float("nan"), "learning_rate": 1e-4}, {"step": 6, "loss": None}],
        [{"step": step, "loss": 1 / step, "learning_rate": 1e-4} for step in range(1, 20_000)],
    ],
    ids=["none", "one", "accuracy only", "not finite", "long"],
)
def test_curves_of_any_record_are_drawn(rows):
    png = curves(rows)
    assert png.startswith(PNG)
    assert len(png) < 300_000


def test_drawing_leaves_matplotlib_as_it_was_and_never_imports_zhplot():
    before = dict(mpl.rcParams)
    plot_confusion(TWO, ["负面", "正面"])
    curves(ROWS)
    assert dict(mpl.rcParams) == before
    assert "zhplot" not in sys.modules


def test_what_was_there_before_training_is_drawn_and_never_the_best():
    before = {"step": 0, "dev": {"accuracy": 0.9, "loss": 0.1}}
    general = [{"step": step, "general": {"accuracy": 0.5, "loss": 2.0}} for step in (0, 30)]
    pictures = [curves(rows, "loss", beside="general") for rows in (ROWS, [before, *ROWS], [before, *ROWS, *general])]
    assert len(set(pictures)) == 3
    assert curves([before], "loss") != curves([{**before, "step": 1}], "loss")


@pytest.mark.parametrize(("name", "chosen_by"), [("ordinal", ("qwk", "mae")), ("regression", ("pearson", "loss"))])
def test_curves_of_another_task_draw_its_figures_and_mark_what_chose(name, chosen_by):
    task = task_named(name, ("差", "中", "好") if name == "ordinal" else ())
    measured = [(20, dict.fromkeys(task.figures, 0.6)), (30, dict.fromkeys(task.figures, 0.7))]
    rows = [row for row in ROWS if "dev" not in row]
    rows += [{"step": step, "dev": {"loss": 0.5, **figures}} for step, figures in measured]
    pictures = {plot_curves(rows, task.figures, figure) for figure in chosen_by}
    assert len(pictures) == 2
    lost = [{**row, "dev": {"loss": 0.5}} if "dev" in row else row for row in rows]
    assert plot_curves(lost, task.figures, chosen_by[1]) not in pictures, "no figure was drawn"


def test_errors_have_a_panel_of_their_own_and_a_train_loss_that_was_never_logged_has_none():
    wide, with_errors = (
        pixels(curves([*ROWS, {"step": 30, "dev": {"mae": 0.9}}], "macro_f1", figures)).shape[1]
        for figures in (("macro_f1",), ("macro_f1", "mae"))
    )
    narrow = pixels(curves([row for row in ROWS if "dev" in row])).shape[1]
    assert (wide, with_errors) == (2 * narrow, 3 * narrow)


def test_what_is_drawn_at_0_or_below_lies_within_the_axis(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "_png", lambda figure: drawn.append(figure) or b"")
    for kappa in (-0.2, 0.0, 0.4):
        rows = [{"step": step, "dev": {"qwk": kappa, "loss": 2.0}} for step in (10, 20)]
        plot_curves(rows, ("qwk",), "qwk")
    lows = [figure.axes[0].get_ylim()[0] for figure in drawn]
    assert lows[0] < -0.2
    assert lows[1] < 0
    assert 0 <= lows[2] < 0.4


def test_a_figure_reads_alike_on_the_axis_and_in_the_legend(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "_png", lambda figure: drawn.append(figure) or b"")
    curves(ROWS)
    axes = drawn[0].axes[1]
    drawn[0].draw_without_rendering()
    assert not any("%" in label.get_text() for label in axes.get_yticklabels())
    assert any("best macro-F1: 0.800 at step 20" in text.get_text() for text in axes.get_legend().get_texts())


def test_a_scatter_shows_where_values_lie_and_where_they_should():
    random = np.random.default_rng(0)
    true = random.normal(50, 10, 3000).astype(np.float32)
    near, far = (
        plot_scatter(true + random.normal(0, s, 3000).astype(np.float32), true, "3,000 test rows") for s in (1, 9)
    )
    assert near.startswith(PNG)
    assert near != far
    assert len(near) < 300_000
    height, width, _ = pixels(near).shape
    assert max(height, width) < 2000


@pytest.mark.parametrize("values", [[3.0, 3.0], [0.0], [-1e30, 1e30]], ids=["constant", "one", "wide"])
def test_a_scatter_of_any_values_is_drawn(values):
    assert plot_scatter(np.array(values), np.array(values)).startswith(PNG)
