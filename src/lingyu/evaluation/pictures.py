"""Which pictures a task's test has."""

import numpy as np

from lingyu.tasks import Task

from .plots import plot_confusion, plot_scatter
from .report import Answers, Metrics

CONFUSION = "confusion.png"
SCATTER = "scatter.png"


def pictures_of(task: Task, metrics: Metrics, answers: Answers) -> dict[str, bytes]:
    """File name -> PNG: what was answered for what, where a row has one label, or a number; none of other tasks."""
    if metrics.test.confusion is not None:
        return {CONFUSION: plot_confusion(np.asarray(metrics.test.confusion), task.labels)}
    if task.traits.answers_number:
        predicted = task.predictions(task.probabilities(answers.logits, answers.calibration), answers.calibration)
        pearson, mae = (metrics.test.scores[figure].value for figure in ("pearson", "mae"))
        title = f"{metrics.test.rows:,} test rows: Pearson r {pearson:.3f}, MAE {mae:.3g}"
        return {SCATTER: plot_scatter(predicted, answers.targets, title)}
    return {}
