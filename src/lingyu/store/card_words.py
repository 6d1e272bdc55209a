"""What a card says of a task."""

from collections.abc import Callable, Mapping

from lingyu.tasks import Task

from .figures import shown_figures

_HUB_METRICS = {
    "accuracy": "accuracy", "exact_match": "exact_match", "macro_f1": "f1", "micro_f1": "f1", "span_f1": "f1",
    "precision": "precision", "recall": "recall", "mae": "mae", "pearson": "pearsonr",
}  # fmt: skip
"""Figure -> what the hub calls it, as far as it has a name for it."""


def hub_metrics(task: Task) -> list[str]:
    return list(dict.fromkeys(_HUB_METRICS[figure] for figure in shown_figures(task) if figure in _HUB_METRICS))


WHAT_IT_GIVES: Mapping[str, Callable[[str, int], str]] = {
    "single_label": lambda text, labels: f"It gives {text} one of {labels} labels.",
    "multi_label": lambda text, labels: f"It gives {text} any number of {labels} labels, none among them.",
    "token": lambda text, labels: f"It finds the entities of {text}, of {labels} kinds.",
    "ordinal": lambda text, labels: f"It gives {text} one of the {labels} steps of a scale.",
    "regression": lambda text, labels: f"It gives {text} a number.",
    "preference": lambda text, labels: "It gives a reply to a context a score: of two replies the better one has more.",
}
"""By task: a sentence from what it reads, and how many labels there are."""

ALWAYS_ANSWERS: Mapping[str, str] = {
    "single_label": "It always answers with one of its labels, for a text of another domain too; "
    "`--threshold` has it say `uncertain` instead.",
    "multi_label": "It answers a text of another domain too; that a text has none of its labels is an answer as well.",
    "token": "It looks for its kinds of entities in a text of another domain too. No two of them overlap.",
    "ordinal": "It always answers with a step of its scale, the median, for a text of another domain too.",
    "regression": "It always answers with a number, for a text of another domain too.",
    "preference": "A score says nothing alone: only scores of replies to one context can be compared.",
}
"""By task: what an answer to any text is worth."""
