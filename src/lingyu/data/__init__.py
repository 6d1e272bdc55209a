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
    from .audit.auditing import Audited, AuditRequest, audit_parts
    from .audit.page import page
    from .audit.parts import AuditReading, parts_of_files, parts_of_recipe, parts_of_splits
    from .audit.report import Audit
    from .audit.terminal import terminal_lines
    from .audit.verdicts import CHECKS
    from .cleaning import Cleaned, CleaningRequest, clean_table
    from .corpus import (
        CorpusManifest,
        CorpusRequest,
        build_corpus,
        corpus_hashes,
        corpus_paragraphs,
        read_corpus_manifest,
    )
    from .corpus.excluding import ExcludedSet, load_excluded
    from .corpus.sources import file_and_column, shown_name
    from .corpus.trove import TroveStage, datatrove_stages
    from .fixing.applying import Applied, apply_fixes
    from .fixing.proposing import Proposed, propose_fixes
    from .importing import Imported, ImportRequest, import_rows
    from .near import NEAR, NearIndex, Nearness, near_pairs
    from .split_files import SplitDone, SplitRequest, split_file
    from .split_manifest import SplitManifest, read_split_of
    from .writing import in_one_go, nearest_name

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
    "nearest_name",
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
        "writing": ("in_one_go", "nearest_name"),
    },
)
