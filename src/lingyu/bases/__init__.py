"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, Base, Classifier, Encoded, find_base, is_hub_id
from .families import FAMILIES, Family, auto_target_modules, check_target_modules, require_saved
from .machine import usable_cores

__all__ = [
    "EMBEDDED",
    "FAMILIES",
    "Base",
    "Classifier",
    "Encoded",
    "Family",
    "auto_target_modules",
    "check_target_modules",
    "find_base",
    "is_hub_id",
    "require_saved",
    "usable_cores",
]
