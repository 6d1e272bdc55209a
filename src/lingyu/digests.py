"""The sum of a file, as every manifest and every lineage keeps it, and that of a few values."""

import hashlib
import json
from pathlib import Path


def file_sha256(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_sha256(values: object) -> str:
    """SHA-256 (hex) of the values as JSON: where one of them differs, so does the sum."""
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()
