"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, LINEAGE, VOCABULARY, Ancestor, Base
from .classifiers import Classifier, auto_classifier, classifier_class, quiet_transformers
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
from .finding import Found, Hub, base_here, bases_here, find_base, hub_asked_for, is_hub_id
from .fingerprints import StoredTensor, encoder_tensors, plain_name, weight_files, weights_fingerprint
from .importing import Imported, import_checkpoint

__all__ = [
    "EMBEDDED",
    "FAMILIES",
    "LINEAGE",
    "VOCABULARY",
    "Ancestor",
    "Base",
    "Classifier",
    "Family",
    "Found",
    "Head",
    "Hub",
    "Imported",
    "MaskedLM",
    "StoredTensor",
    "auto_classifier",
    "auto_target_modules",
    "base_here",
    "bases_here",
    "check_target_modules",
    "classifier_class",
    "encoder_linears",
    "encoder_tensors",
    "find_base",
    "first_position",
    "hub_asked_for",
    "import_checkpoint",
    "is_hub_id",
    "masked_lm_of",
    "plain_name",
    "quiet_transformers",
    "require_saved",
    "weight_files",
    "weights_fingerprint",
]
