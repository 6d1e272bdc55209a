"""The files of a base that was made here, as its lineage.json lists them: whole, none lacking, none beside them."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lingyu.bases import LINEAGE, Base
from lingyu.errors import LingyuError
from lingyu.store import FileRecord, file_record

Files = dict[str, FileRecord]
_COPY = "Copy the base anew from where it was made"


def list_files(folder: Path) -> Files:
    """Every file there but lineage.json, by its name."""
    return {file.name: file_record(file) for file in sorted(folder.iterdir()) if file.name != LINEAGE}


def require_files(base: Base) -> int | None:
    """How many files its lineage.json lists, each of which is as listed; None where it lists none.

    Raises LingyuError, status 1, naming the first that is changed, lacking, not listed, or no plain file.
    """
    listed = _listed(base.folder / LINEAGE)
    if listed is None:
        return None
    present = {entry.name: entry for entry in sorted(base.folder.iterdir()) if entry.name != LINEAGE}
    for name, entry in present.items():
        if name not in listed:
            raise _no(f"is not listed in {LINEAGE}", entry, "Take it out of the folder")
        if entry.is_symlink() or not entry.is_file():
            raise _no("is not a plain file", entry)
    for name, record in listed.items():
        if name not in present:
            raise _no(f"{name!r:.80} is listed in {LINEAGE} but missing", base.folder)
        _require_unchanged(present[name], record)
    return len(listed)


def _listed(lineage: Path) -> Files | None:
    if not lineage.is_file():
        return None
    try:
        document = json.loads(lineage.read_text("utf-8"))
        return TypeAdapter(Files).validate_python(document["files"]) if "files" in document else None
    except (ValueError, TypeError, ValidationError):
        raise _no("holds a list of files that can't be read", lineage) from None


def _require_unchanged(file: Path, record: FileRecord) -> None:
    found = file_record(file)
    if found.size != record.size:
        raise _no(f"has {found.size:,} bytes, but {record.size:,} in {LINEAGE}: changed or cut short", file)
    if found.sha256 != record.sha256:
        raise _no(f"has SHA-256 {found.sha256[:12]}, but {record.sha256[:12]} in {LINEAGE}: the file was changed", file)


def _no(what: str, where: Path, next: str = _COPY) -> LingyuError:
    return LingyuError(what, where=where, next=next, status=1)
