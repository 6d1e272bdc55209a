"""The store: adapters as folders of immutable versions, with channels. Knows nothing of training."""

from .arrivals import Arrival, require_own_name, require_store
from .card import CardFacts, ancestry_paragraphs, render_card
from .channels import Change, Removal, check_why
from .documents import validated
from .hashes import ANSWERS, HASHES, StoredAnswers, read_answers, read_hashes, write_answers, write_hashes
from .hub import HubAddress, Pushed, pull, push
from .judging import Interval, IntervalJson, Judgement, judgement_by, judgement_of
from .manifest import (
    MANIFEST,
    BaseRecord,
    LineageEntry,
    Manifest,
    ParentRecord,
    PartRecord,
    SplitRecord,
    VersionFacts,
    read_manifest,
)
from .markdown import bullets, fenced, front_matter, inline, section, table
from .names import STABLE, AdapterReference, check_channel, check_name
from .scores import METRICS, Combination, ParentDev, StoredScores, read_scores
from .staging import preparing
from .store import Store, open_adapter
from .tenants import TENANTS, Tenant, read_tenants, require_alike, tenant_faults, tenant_notes
from .tensors import read_tensors, write_tensors
from .verification import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    AUDIT,
    Version,
    open_version,
    refuse_remote_code,
    refuse_symlink,
    require_base,
)

__all__ = [
    "ADAPTER_CONFIG",
    "ADAPTER_WEIGHTS",
    "ANSWERS",
    "AUDIT",
    "HASHES",
    "MANIFEST",
    "METRICS",
    "STABLE",
    "TENANTS",
    "AdapterReference",
    "Arrival",
    "BaseRecord",
    "CardFacts",
    "Change",
    "Combination",
    "HubAddress",
    "Interval",
    "IntervalJson",
    "Judgement",
    "LineageEntry",
    "Manifest",
    "ParentDev",
    "ParentRecord",
    "PartRecord",
    "Pushed",
    "Removal",
    "SplitRecord",
    "Store",
    "StoredAnswers",
    "StoredScores",
    "Tenant",
    "Version",
    "VersionFacts",
    "ancestry_paragraphs",
    "bullets",
    "check_channel",
    "check_name",
    "check_why",
    "fenced",
    "front_matter",
    "inline",
    "judgement_by",
    "judgement_of",
    "open_adapter",
    "open_version",
    "preparing",
    "pull",
    "push",
    "read_answers",
    "read_hashes",
    "read_manifest",
    "read_scores",
    "read_tenants",
    "read_tensors",
    "refuse_remote_code",
    "refuse_symlink",
    "render_card",
    "require_alike",
    "require_base",
    "require_own_name",
    "require_store",
    "section",
    "table",
    "tenant_faults",
    "tenant_notes",
    "validated",
    "write_answers",
    "write_hashes",
    "write_tensors",
]
