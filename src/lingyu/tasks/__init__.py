"""What a head answers: its outputs, loss, figures, and how logits become an answer. One object trains and serves.

The metrics for a user are in lingyu.tasks.metrics, which brings evaluate and scikit-learn along.
"""

from .answers import (
    JSON,
    UNCERTAIN,
    Answer,
    Cell,
    EntitiesAnswer,
    Entity,
    MultiLabelAnswer,
    OrdinalAnswer,
    ScoreAnswer,
    TaskAnswer,
    ValueAnswer,
)
from .bio import lost_entities, padded_tags, tag_ids
from .class_weights import class_weights_of
from .counts import LabelCounts, label_counts
from .multi_label import MultiLabel
from .ordinal import Ordinal
from .preference import Preference, paired
from .registry import TASKS, task_named, task_to_train
from .regression import Regression, regression_targets
from .result import Failed, Result
from .single_label import SingleLabel
from .task import (
    IGNORED,
    Calibration,
    Logits,
    Probabilities,
    Read,
    Statistics,
    Targets,
    Task,
    TruncationSide,
    changed_rows,
    measured,
    measured_on_dev,
)
from .temperature import fit_temperature, negative_log_likelihood
from .token import Token

__all__ = [
    "IGNORED",
    "JSON",
    "TASKS",
    "UNCERTAIN",
    "Answer",
    "Calibration",
    "Cell",
    "EntitiesAnswer",
    "Entity",
    "Failed",
    "LabelCounts",
    "Logits",
    "MultiLabel",
    "MultiLabelAnswer",
    "Ordinal",
    "OrdinalAnswer",
    "Preference",
    "Probabilities",
    "Read",
    "Regression",
    "Result",
    "ScoreAnswer",
    "SingleLabel",
    "Statistics",
    "Targets",
    "Task",
    "TaskAnswer",
    "Token",
    "TruncationSide",
    "ValueAnswer",
    "changed_rows",
    "class_weights_of",
    "fit_temperature",
    "label_counts",
    "lost_entities",
    "measured",
    "measured_on_dev",
    "negative_log_likelihood",
    "padded_tags",
    "paired",
    "regression_targets",
    "tag_ids",
    "task_named",
    "task_to_train",
]
