"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, LINEAGE, Ancestor, Base, Classifier, Encoded, quiet_transformers
from .bitsandbytes import import_bitsandbytes
from .families import (
    FAMILIES,
    Family,
    Head,
    MaskedLM,
    auto_target_modules,
    check_target_modules,
    encoder_linears,
    first_position,
    masked_lm_of,
    require_saved,
)
from .finding import Found, bases_here, find_base, is_hub_id
from .fingerprints import StoredTensor, encoder_tensors, plain_name, weights_fingerprint
from .importing import Imported, import_checkpoint
from .machine import usable_cores

__all__ = [
    "EMBEDDED",
    "FAMILIES",
    "LINEAGE",
    "Ancestor",
    "Base",
    "Classifier",
    "Encoded",
    "Family",
    "Found",
    "Head",
    "Imported",
    "MaskedLM",
    "StoredTensor",
    "auto_target_modules",
    "bases_here",
    "check_target_modules",
    "encoder_linears",
    "encoder_tensors",
    "find_base",
    "first_position",
    "import_bitsandbytes",
    "import_checkpoint",
    "is_hub_id",
    "masked_lm_of",
    "plain_name",
    "quiet_transformers",
    "require_saved",
    "usable_cores",
    "weights_fingerprint",
]
