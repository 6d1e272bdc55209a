"""What every training run shares: batches by tokens, optimiser groups, the Trainer, resume, records, progress."""

from .batches import EncodedRows, EpochDataLoader, TokenBudgetBatches, pad, plan_batches
from .fitting import fit, recorded
from .launch import agreed_run, begin_process, require_world_size, resume_command
from .precision import Precision, chosen_precision, uses_cpu
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
from .runs import Inputs, Run, find_or_start, find_run, require_same_inputs, start_run
from .trainer import BatchesTrainer, build_trainer, logits_of, training_arguments

__all__ = [
    "BatchesTrainer",
    "EncodedRows",
    "EpochDataLoader",
    "Inputs",
    "MetricsFile",
    "Precision",
    "Run",
    "TokenBudgetBatches",
    "Tracker",
    "TrainingProgress",
    "agreed_run",
    "begin_process",
    "build_trainer",
    "chosen_precision",
    "find_or_start",
    "find_run",
    "fit",
    "forget_after",
    "logits_of",
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
