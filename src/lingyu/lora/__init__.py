"""The main job: LoRA and a head onto a base, from a recipe to a published version."""

from .gates import check_data
from .saving import load_adapter
from .training import Outcome, dry_run, train

__all__ = ["Outcome", "check_data", "dry_run", "load_adapter", "train"]
