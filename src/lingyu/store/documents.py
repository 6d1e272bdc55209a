"""Reading small files that others may have written: bounded, regular, never through a symlink, one line when broken."""

import json
import os
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lingyu.errors import LingyuError, first_fault, from_os_error

MAX_JSON_BYTES = 16 * 2**20

DAMAGED = "The file is damaged: take it from a copy"

Model = TypeVar("Model", bound=BaseModel)


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """What stands in a regular file. Raises LingyuError for a symlink, a device, or more than max_bytes."""
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise LingyuError("is a symlink; in a store none is followed", where=path, next="Put the file itself there")
        if not stat.S_ISREG(status.st_mode):
            raise LingyuError("is not a file", where=path, next="Take it away or restore the file")
        if status.st_size > max_bytes:
            raise LingyuError(
                f"has {status.st_size:,} bytes; at most {max_bytes:,} are read here", where=path, next=DAMAGED
            )
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(max_bytes)
    except OSError as error:
        known = from_os_error(error)
        raise LingyuError(known.what, where=path, next=known.next) from None


def parse_json(data: bytes, where: Path) -> dict[str, object]:
    """The JSON object in these bytes. Raises LingyuError for anything else."""
    try:
        document = json.loads(data)
    except RecursionError:
        raise LingyuError("is nested too deeply to be read", where=where, next=DAMAGED) from None
    except ValueError as error:
        raise LingyuError(f"is not JSON ({error})", where=where, next=DAMAGED) from None
    if not isinstance(document, dict):
        raise LingyuError("holds no JSON object", where=where, next=DAMAGED)
    return document


def read_json(path: Path) -> dict[str, object]:
    return parse_json(read_bytes(path, MAX_JSON_BYTES), path)


def validated(model: type[Model], data: bytes, where: Path | str) -> Model:
    """The JSON as this model. Raises LingyuError that names the first wrong key and how many more there are."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise LingyuError(first_fault(error), where=where, next=DAMAGED) from None
