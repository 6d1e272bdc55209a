"""The store: adapters as folders of immutable versions, with channels. Knows nothing of training."""

from .card import CardFacts, render_card
from .channels import Change
from .hashes import ANSWERS, HASHES, Answers, read_answers, read_hashes, write_answers, write_hashes
from .manifest import (
    MANIFEST,
    BaseRecord,
    Calibration,
    FileRecord,
    LineageEntry,
    Manifest,
    PartRecord,
    VersionFacts,
    read_manifest,
)
from .names import STABLE, AdapterReference, check_name
from .scores import METRICS, Interval, Scores, read_scores
from .store import Store, open_adapter
from .tensors import read_tensors, write_tensors
from .verification import ADAPTER_CONFIG, Version, open_version, require_base

__all__ = [
    "ADAPTER_CONFIG",
    "ANSWERS",
    "HASHES",
    "MANIFEST",
    "METRICS",
    "STABLE",
    "AdapterReference",
    "Answers",
    "BaseRecord",
    "Calibration",
    "CardFacts",
    "Change",
    "FileRecord",
    "Interval",
    "LineageEntry",
    "Manifest",
    "PartRecord",
    "Scores",
    "Store",
    "Version",
    "VersionFacts",
    "check_name",
    "open_adapter",
    "open_version",
    "read_answers",
    "read_hashes",
    "read_manifest",
    "read_scores",
    "read_tensors",
    "render_card",
    "require_base",
    "write_answers",
    "write_hashes",
    "write_tensors",
]
