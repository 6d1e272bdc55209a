"""The sum of a file, as every manifest and every lineage keeps it, and that of a few values."""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lingyu.errors import LingyuError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileRecord(BaseModel):
    """What a manifest lists of a file. A key that is not known is kept, so that it can be named."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    sha256: Sha256
    size: Annotated[int, Field(ge=0)]


def file_record(path: Path) -> FileRecord:
    """As a manifest lists it. Raises OSError for a symlink."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return FileRecord(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=os.fstat(file.fileno()).st_size)


def require_as_listed(path: Path, listed: FileRecord, manifest: str, next: str, *, status: int = 2) -> None:
    """Raises LingyuError where a file is not the one that the manifest of this name lists. next: what to do then."""
    found = file_record(path)
    if found.size != listed.size:
        what = f"has {found.size:,} bytes, but {listed.size:,} in {manifest}: the file was changed or cut short"
    elif found.sha256 != listed.sha256:
        what = f"has SHA-256 {found.sha256[:12]}, but {listed.sha256[:12]} in {manifest}: the file was changed"
    else:
        return
    raise LingyuError(what, where=path, next=next, status=status)


def file_sha256(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_sha256(values: object) -> str:
    """SHA-256 (hex) of the values as JSON: where one of them differs, so does the sum."""
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()
