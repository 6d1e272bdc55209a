"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, LINEAGE, Ancestor, Base, Classifier, Encoded, find_base, is_hub_id
from .families import FAMILIES, Family, auto_target_modules, check_target_modules, encoder_linears, require_saved
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
    "auto_target_modules",
    "check_target_modules",
    "encoder_linears",
    "find_base",
    "is_hub_id",
    "require_saved",
    "usable_cores",
]
