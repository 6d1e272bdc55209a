"""What a head answers: its outputs, loss, metrics, and how logits become an answer. One object for training and serving."""

from collections.abc import Sequence

from . import metrics
from .single_label import IGNORED, UNCERTAIN, Answer, SingleLabel, class_weights_of

__all__ = ["IGNORED", "UNCERTAIN", "Answer", "SingleLabel", "class_weights_of", "metrics", "task_named"]


def task_named(name: str, labels: Sequence[str]) -> SingleLabel:
    """The task object that answers for a stored adapter."""
    assert name == "single_label", name
    return SingleLabel(labels=tuple(labels))
