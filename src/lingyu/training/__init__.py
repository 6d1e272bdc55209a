"""What every training run shares: batches by tokens, optimiser groups, the Trainer, resume, records, progress."""

from .batches import EncodedRows, EpochDataLoader, TokenBudgetBatches, pad, plan_batches
from .launch import agreed_run, begin_process, require_world_size, resume_command
from .precision import Precision, chosen_precision, uses_cpu
from .progress import TrainingProgress
from .records import (
    MetricsFile,
    Tracker,
    TrackerCallback,
    forget_after,
    read_metrics,
    require_tracker,
    tracker_for,
    wandb_has_key,
    wandb_mode,
)
from .runs import RUNS, Inputs, Run, find_run, require_same_inputs, start_run
from .trainer import BatchesTrainer, build_trainer, logits_of, train_to_end, training_arguments

__all__ = [
    "RUNS",
    "BatchesTrainer",
    "EncodedRows",
    "EpochDataLoader",
    "Inputs",
    "MetricsFile",
    "Precision",
    "Run",
    "TokenBudgetBatches",
    "Tracker",
    "TrackerCallback",
    "TrainingProgress",
    "agreed_run",
    "begin_process",
    "build_trainer",
    "chosen_precision",
    "find_run",
    "forget_after",
    "logits_of",
    "pad",
    "plan_batches",
    "read_metrics",
    "require_same_inputs",
    "require_tracker",
    "require_world_size",
    "resume_command",
    "start_run",
    "tracker_for",
    "train_to_end",
    "training_arguments",
    "uses_cpu",
    "wandb_has_key",
    "wandb_mode",
]
