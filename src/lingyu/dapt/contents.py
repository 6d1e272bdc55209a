"""The files of a base that was made here, as its lineage.json lists them: whole, none lacking, none beside them."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lingyu.bases import LINEAGE, Base
from lingyu.digests import FileRecord, file_record, require_as_listed
from lingyu.errors import LingyuError

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
        require_as_listed(present[name], record, LINEAGE, _COPY, status=1)
    return len(listed)


def _listed(lineage: Path) -> Files | None:
    if not lineage.is_file():
        return None
    try:
        document = json.loads(lineage.read_text("utf-8"))
        return TypeAdapter(Files).validate_python(document["files"]) if "files" in document else None
    except (ValueError, TypeError, ValidationError):
        raise _no("holds a list of files that can't be read", lineage) from None


def _no(what: str, where: Path, next: str = _COPY) -> LingyuError:
    return LingyuError(what, where=where, next=next, status=1)
