"""The main job: LoRA and a head onto a base, from a recipe to a published version."""

from .gates import check_data
from .saving import load_adapter
from .training import Job, Outcome, prepare, train

__all__ = ["Job", "Outcome", "check_data", "load_adapter", "prepare", "train"]
