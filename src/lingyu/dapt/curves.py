"""curves.png of a base: what it learnt on the way, from before the first step."""

from collections.abc import Mapping, Sequence
from typing import Any

from lingyu.evaluation import plot_curves

Row = Mapping[str, Any]


def draw_curves(rows: Sequence[Row], general: Mapping[str, Any], best_step: int) -> bytes:
    """PNG. rows: of metrics.jsonl. general: what was measured on general text before and after, as far as it was.

    best_step: whose weights were kept, so that after is a point there.
    """
    beside = [
        {"step": step, "general": _figures(general[when])}
        for step, when in ((0, "before"), (best_step, "after"))
        if when in general
    ]
    return plot_curves([*rows, *beside], ("accuracy",), "loss", measured="held-out text", beside="general")


def _figures(measured: Mapping[str, Any]) -> dict[str, float]:
    return {"loss": measured["loss"], "accuracy": measured["accuracy"]["value"]}
