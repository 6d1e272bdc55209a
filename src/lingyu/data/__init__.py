"""Labelled rows: importing, cleaning, auditing and splitting them; corpora of raw text; known public sets.

What only the tools need is imported when it is asked for: training and answering do not wait for it.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand

from .augmenting import augmented_copy, copies_of_rare
from .catalog import KNOWN
from .counts import Counts
from .getting import get
from .loading import load_splits
from .parts import Part, Splits
from .pieces import TURN_MARK, text_of
from .reading import find_file, is_hub_set, is_table_name, read_pipe, read_table
from .tables import Table, TableRow, nested_fault

if TYPE_CHECKING:
    from .audit.auditing import Audited as Audited
    from .audit.auditing import AuditRequest as AuditRequest
    from .audit.auditing import audit_parts as audit_parts
    from .audit.page import page as page
    from .audit.parts import AuditReading as AuditReading
    from .audit.parts import parts_of_files as parts_of_files
    from .audit.parts import parts_of_recipe as parts_of_recipe
    from .audit.parts import parts_of_splits as parts_of_splits
    from .audit.report import Audit as Audit
    from .audit.terminal import terminal_lines as terminal_lines
    from .audit.verdicts import CHECKS as CHECKS
    from .cleaning import Cleaned as Cleaned
    from .cleaning import CleaningRequest as CleaningRequest
    from .cleaning import clean_table as clean_table
    from .corpus import CorpusManifest as CorpusManifest
    from .corpus import CorpusRequest as CorpusRequest
    from .corpus import build_corpus as build_corpus
    from .corpus import corpus_hashes as corpus_hashes
    from .corpus import corpus_paragraphs as corpus_paragraphs
    from .corpus import read_corpus_manifest as read_corpus_manifest
    from .corpus.excluding import ExcludedSet as ExcludedSet
    from .corpus.excluding import load_excluded as load_excluded
    from .corpus.sources import file_and_column as file_and_column
    from .corpus.sources import shown_name as shown_name
    from .corpus.trove import TroveStage as TroveStage
    from .corpus.trove import datatrove_stages as datatrove_stages
    from .fixing.applying import Applied as Applied
    from .fixing.applying import apply_fixes as apply_fixes
    from .fixing.proposing import Proposed as Proposed
    from .fixing.proposing import propose_fixes as propose_fixes
    from .importing import Imported as Imported
    from .importing import ImportRequest as ImportRequest
    from .importing import import_rows as import_rows
    from .near import NEAR as NEAR
    from .near import NearIndex as NearIndex
    from .near import Nearness as Nearness
    from .near import near_pairs as near_pairs
    from .split_files import SplitDone as SplitDone
    from .split_files import SplitRequest as SplitRequest
    from .split_files import split_file as split_file
    from .split_manifest import SplitManifest as SplitManifest
    from .split_manifest import read_split_of as read_split_of
    from .writing import in_one_go as in_one_go

__all__ = [
    "CHECKS",
    "KNOWN",
    "NEAR",
    "TURN_MARK",
    "Applied",
    "Audit",
    "AuditReading",
    "AuditRequest",
    "Audited",
    "Cleaned",
    "CleaningRequest",
    "CorpusManifest",
    "CorpusRequest",
    "Counts",
    "ExcludedSet",
    "ImportRequest",
    "Imported",
    "NearIndex",
    "Nearness",
    "Part",
    "Proposed",
    "SplitDone",
    "SplitManifest",
    "SplitRequest",
    "Splits",
    "Table",
    "TableRow",
    "TroveStage",
    "apply_fixes",
    "audit_parts",
    "augmented_copy",
    "build_corpus",
    "clean_table",
    "copies_of_rare",
    "corpus_hashes",
    "corpus_paragraphs",
    "datatrove_stages",
    "file_and_column",
    "find_file",
    "get",
    "import_rows",
    "in_one_go",
    "is_hub_set",
    "is_table_name",
    "load_excluded",
    "load_splits",
    "near_pairs",
    "nested_fault",
    "page",
    "parts_of_files",
    "parts_of_recipe",
    "parts_of_splits",
    "propose_fixes",
    "read_corpus_manifest",
    "read_pipe",
    "read_split_of",
    "read_table",
    "shown_name",
    "split_file",
    "terminal_lines",
    "text_of",
]

__getattr__ = on_demand(
    __name__,
    {
        "fixing.applying": ("Applied", "apply_fixes"),
        "fixing.proposing": ("Proposed", "propose_fixes"),
        "cleaning": ("Cleaned", "CleaningRequest", "clean_table"),
        "corpus": (
            "CorpusManifest",
            "CorpusRequest",
            "build_corpus",
            "corpus_hashes",
            "corpus_paragraphs",
            "read_corpus_manifest",
        ),
        "corpus.excluding": ("ExcludedSet", "load_excluded"),
        "corpus.sources": ("file_and_column", "shown_name"),
        "corpus.trove": ("TroveStage", "datatrove_stages"),
        "importing": ("ImportRequest", "Imported", "import_rows"),
        "audit.auditing": ("AuditRequest", "Audited", "audit_parts"),
        "audit.parts": ("AuditReading", "parts_of_files", "parts_of_recipe", "parts_of_splits"),
        "audit.page": ("page",),
        "audit.report": ("Audit",),
        "audit.terminal": ("terminal_lines",),
        "audit.verdicts": ("CHECKS",),
        "near": ("NEAR", "NearIndex", "Nearness", "near_pairs"),
        "split_files": ("SplitDone", "SplitRequest", "split_file"),
        "split_manifest": ("SplitManifest", "read_split_of"),
        "writing": ("in_one_go",),
    },
)
