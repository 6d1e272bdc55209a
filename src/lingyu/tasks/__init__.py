"""What a head answers: its outputs, loss, metrics, and how logits become an answer. One object trains and serves.

The metrics are in lingyu.tasks.metrics, which brings evaluate and scikit-learn along.
"""

from collections.abc import Sequence

from lingyu.errors import LingyuError

from .result import Failed, Result
from .single_label import IGNORED, UNCERTAIN, Answer, SingleLabel, class_weights_of

__all__ = ["IGNORED", "UNCERTAIN", "Answer", "Failed", "Result", "SingleLabel", "class_weights_of", "task_named"]


def task_named(name: str, labels: Sequence[str]) -> SingleLabel:
    """The task object that answers for a stored adapter. Raises LingyuError for a task of a later lingyu."""
    if name != "single_label":
        raise LingyuError(f"this lingyu does not know the task {name!r}", next="Update it: pip install -U lingyu")
    return SingleLabel(labels=tuple(labels))
