"""What every training run shares: batches by tokens, optimiser groups, the Trainer, resume, records, progress.

The Trainer and what it brings along are imported when they are asked for: whoever answers needs the batches alone.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand

from .bitsandbytes import import_bitsandbytes

import_bitsandbytes()  # before transformers' Trainer imports peft, which would import it its own way

from .answering import logits_of
from .batches import (
    EncodedComparisons,
    EncodedRows,
    TokenBudgetBatches,
    TrainingRows,
    batches_by_length,
    pad,
    plan_batches,
)
from .copies import RowsWithCopies
from .optimizer import Factor, layerwise, loraplus
from .precision import Precision, chosen_precision, uses_cpu
from .runs import Inputs, Run, find_or_start, find_run, require_same_inputs, start_run

if TYPE_CHECKING:
    from .fitting import fit, recorded
    from .launch import agreed_run, begin_process, require_world_size, resume_command
    from .progress import TrainingProgress, of_masked_words
    from .records import (
        MetricsFile,
        Tracker,
        forget_after,
        read_metrics,
        require_tracker,
        tracker_for,
        wandb_has_key,
        wandb_mode,
    )
    from .trainer import BatchesTrainer, build_trainer, training_arguments

__all__ = [
    "BatchesTrainer",
    "EncodedComparisons",
    "EncodedRows",
    "Factor",
    "Inputs",
    "MetricsFile",
    "Precision",
    "RowsWithCopies",
    "Run",
    "TokenBudgetBatches",
    "Tracker",
    "TrainingProgress",
    "TrainingRows",
    "agreed_run",
    "batches_by_length",
    "begin_process",
    "build_trainer",
    "chosen_precision",
    "find_or_start",
    "find_run",
    "fit",
    "forget_after",
    "import_bitsandbytes",
    "layerwise",
    "logits_of",
    "loraplus",
    "of_masked_words",
    "pad",
    "plan_batches",
    "read_metrics",
    "recorded",
    "require_same_inputs",
    "require_tracker",
    "require_world_size",
    "resume_command",
    "start_run",
    "tracker_for",
    "training_arguments",
    "uses_cpu",
    "wandb_has_key",
    "wandb_mode",
]

__getattr__ = on_demand(
    __name__,
    {
        "fitting": ("fit", "recorded"),
        "launch": ("agreed_run", "begin_process", "require_world_size", "resume_command"),
        "progress": ("TrainingProgress", "of_masked_words"),
        "records": (
            "MetricsFile",
            "Tracker",
            "forget_after",
            "read_metrics",
            "require_tracker",
            "tracker_for",
            "wandb_has_key",
            "wandb_mode",
        ),
        "trainer": ("BatchesTrainer", "build_trainer", "training_arguments"),
    },
)
