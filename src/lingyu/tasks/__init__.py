"""What a head answers: its outputs, loss, figures, and how logits become an answer. One object trains and serves.

lingyu.tasks.metrics, which brings evaluate along, is not imported here.
"""

from .answers import (
    JSON,
    UNCERTAIN,
    Answer,
    EntitiesAnswer,
    Entity,
    MultiLabelAnswer,
    OrdinalAnswer,
    ScoreAnswer,
    TaskAnswer,
    ValueAnswer,
    on_one_line,
)
from .arrays import IGNORED, Logits, Probabilities, Targets
from .bio import lost_entities, padded_tags, tag_ids
from .calibration import Calibration
from .class_weights import class_weights_of
from .counts import label_counts
from .multi_label import MultiLabel, best_threshold
from .ordinal import Ordinal
from .preference import Preference
from .questions import (
    checked_pairs,
    checked_texts,
    no_threshold,
    require_as_many_texts,
    require_probability,
    require_threshold,
)
from .registry import TASKS, WITH_THRESHOLDS, task_named, task_to_train
from .regression import Regression, regression_targets
from .result import Failed, Result
from .single_label import SingleLabel
from .task import Asked, Read, Task, changed_rows, checked_probabilities, measured_on_dev
from .temperature import fit_temperature
from .token import Token
from .traits import TruncationSide

__all__ = [
    "IGNORED",
    "JSON",
    "TASKS",
    "UNCERTAIN",
    "WITH_THRESHOLDS",
    "Answer",
    "Asked",
    "Calibration",
    "EntitiesAnswer",
    "Entity",
    "Failed",
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
    "Targets",
    "Task",
    "TaskAnswer",
    "Token",
    "TruncationSide",
    "ValueAnswer",
    "best_threshold",
    "changed_rows",
    "checked_pairs",
    "checked_probabilities",
    "checked_texts",
    "class_weights_of",
    "fit_temperature",
    "label_counts",
    "lost_entities",
    "measured_on_dev",
    "no_threshold",
    "on_one_line",
    "padded_tags",
    "regression_targets",
    "require_as_many_texts",
    "require_probability",
    "require_threshold",
    "tag_ids",
    "task_named",
    "task_to_train",
]
