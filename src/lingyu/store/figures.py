"""How the figures of a task are called and which of them judges."""

from lingyu.tasks import Task

TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "span_f1": "span F1",
    "precision": "precision",
    "recall": "recall",
    "qwk": "QWK",
    "mae": "MAE",
    "rmse": "RMSE",
    "pearson": "Pearson r",
}

MEANINGS = {
    "exact_match": "exact match: the share of texts all of whose labels are right",
    "span_f1": "span F1: an entity is right where both its ends and its label are",
    "qwk": "QWK: quadratic weighted kappa, 1 where every answer is right and 0 where they are no better than chance",
    "mae": "MAE: the mean error, in the unit of the data or in steps of the scale",
    "rmse": "RMSE: the root of the mean squared error",
}
"""Of figures that not everybody knows."""

_NO_SHARES = frozenset({"qwk", "mae", "rmse", "pearson"})


def judging_figure(task: Task) -> str:
    """The figure by which a list and a verdict judge: the task's primary one.

    single_label is trained by macro-F1 and judged by accuracy, which McNemar's test is of.
    """
    return "accuracy" if task.name == "single_label" else task.primary


def shown_figures(task: Task) -> tuple[str, ...]:
    """All figures of the task: the one that judges, then the others in their order."""
    first = judging_figure(task)
    return (first, *(figure for figure in task.figures if figure != first))


def is_share(figure: str) -> bool:
    """Whether it is told in percentage points."""
    return figure not in _NO_SHARES
