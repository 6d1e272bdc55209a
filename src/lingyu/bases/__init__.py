"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, LINEAGE, Ancestor, Base, Classifier, Encoded, Head, find_base, is_hub_id, quiet_transformers
from .families import (
    FAMILIES,
    Family,
    MaskedLM,
    auto_target_modules,
    check_target_modules,
    encoder_linears,
    first_position,
    masked_lm_of,
    require_saved,
)
from .fingerprints import StoredTensor, encoder_tensors, plain_name
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
    "Head",
    "MaskedLM",
    "StoredTensor",
    "auto_target_modules",
    "check_target_modules",
    "encoder_linears",
    "encoder_tensors",
    "find_base",
    "first_position",
    "is_hub_id",
    "masked_lm_of",
    "plain_name",
    "quiet_transformers",
    "require_saved",
    "usable_cores",
]
