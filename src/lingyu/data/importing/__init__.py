"""Importing: a table, a folder of texts or a pipe into one clean table, and a quarantine for what can't be read."""

from .importer import Imported, ImportRequest, Repaired, import_rows
from .rows import EncodingUse

__all__ = ["EncodingUse", "ImportRequest", "Imported", "Repaired", "import_rows"]
