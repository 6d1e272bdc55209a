"""The main job: LoRA and a head onto a base, from a recipe to a published version; and reading one back.

What trains is imported when it is asked for: whoever answers must not wait for what measures.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand
from lingyu.training import import_bitsandbytes

import_bitsandbytes()  # before what follows imports peft, which would import it its own way

from .origin import BaseNotFound, find_base_of, require_base_of
from .weights import AdapterWeights, LinearWeights, LoraWeights, read_weights

if TYPE_CHECKING:
    from .encoding import encode_part
    from .gates import check_data
    from .importing import Foreign, import_adapter, read_foreign
    from .publishing import package_versions
    from .saving import load_adapter
    from .training import Outcome, dry_run, train

__all__ = [
    "AdapterWeights",
    "BaseNotFound",
    "Foreign",
    "LinearWeights",
    "LoraWeights",
    "Outcome",
    "check_data",
    "dry_run",
    "encode_part",
    "find_base_of",
    "import_adapter",
    "load_adapter",
    "package_versions",
    "read_foreign",
    "read_weights",
    "require_base_of",
    "train",
]

__getattr__ = on_demand(
    __name__,
    {
        "encoding": ("encode_part",),
        "gates": ("check_data",),
        "importing": ("Foreign", "import_adapter", "read_foreign"),
        "publishing": ("package_versions",),
        "saving": ("load_adapter",),
        "training": ("Outcome", "dry_run", "train"),
    },
)
