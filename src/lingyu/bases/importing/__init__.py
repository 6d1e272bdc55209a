"""Checkpoints as others ship them, pickles and StructBERT's among them, made into bases."""

from .card import Imported, Origin, read_origin
from .checkpoint import VOCABULARIES, import_checkpoint
from .settings import CONFIGURATION, STRUCTBERT, source_type_in
from .tensors import PICKLE, PICKLE_INDEX, has_pickle, has_safetensors, pickle_files

__all__ = [
    "CONFIGURATION",
    "PICKLE",
    "PICKLE_INDEX",
    "STRUCTBERT",
    "VOCABULARIES",
    "Imported",
    "Origin",
    "has_pickle",
    "has_safetensors",
    "import_checkpoint",
    "pickle_files",
    "read_origin",
    "source_type_in",
]
