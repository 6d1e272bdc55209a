"""The sum of a file, as every manifest and every lineage keeps it."""

import hashlib
from pathlib import Path


def file_sha256(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
