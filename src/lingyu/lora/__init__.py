"""The main job: LoRA and a head onto a base, from a recipe to a published version; and reading one back."""

from .gates import check_data
from .origin import find_base_of
from .saving import load_adapter
from .training import Outcome, dry_run, train
from .weights import AdapterWeights, LinearWeights, LoraWeights, read_weights

__all__ = [
    "AdapterWeights",
    "LinearWeights",
    "LoraWeights",
    "Outcome",
    "check_data",
    "dry_run",
    "find_base_of",
    "load_adapter",
    "read_weights",
    "train",
]
