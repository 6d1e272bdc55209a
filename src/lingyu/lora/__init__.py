"""The main job: LoRA and a head onto a base, from a recipe to a published version; and reading one back."""

from .gates import check_data
from .importing import Foreign, import_adapter, read_foreign
from .origin import BaseNotFound, find_base_of
from .publishing import package_versions
from .saving import load_adapter
from .training import Outcome, dry_run, train
from .weights import WEIGHTS, AdapterWeights, LinearWeights, LoraWeights, read_weights

__all__ = [
    "WEIGHTS",
    "AdapterWeights",
    "BaseNotFound",
    "Foreign",
    "LinearWeights",
    "LoraWeights",
    "Outcome",
    "check_data",
    "dry_run",
    "find_base_of",
    "import_adapter",
    "load_adapter",
    "package_versions",
    "read_foreign",
    "read_weights",
    "train",
]
