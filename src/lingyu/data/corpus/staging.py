"""A folder that is there whole or not at all: made in a hidden one beside it, then given its name by one rename."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lingyu.errors import LingyuError
from lingyu.folders import sync

from ..csv_folder import require_nothing_lost
from .manifest import HASHES, MANIFEST, SHARD_NAME


@contextmanager
def corpus_in_one_go(out: Path, *, replace: bool) -> Iterator[Path]:
    """The folder to write into; at the end it is `out`, and where an error ends the block nothing is left of it.

    A killed process leaves the hidden folder `.NAME.building` beside out, which the next build of it removes. Where
    it was killed between the two renames, the old corpus lies in there, and is put back first.
    Raises LingyuError where out is there (replace: where what is there is no corpus), or is being built.
    """
    _require_free(out, replace)
    out.parent.mkdir(parents=True, exist_ok=True)
    building = out.parent / f".{out.name}.building"
    building.mkdir(exist_ok=True)
    try:
        lock = FileLock(building / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise LingyuError(
            "another process is building this corpus", where=out, next="Wait for it, or name another --out"
        ) from None
    try:
        fresh, old = building / "corpus", building / "old"
        if old.exists() and not os.path.lexists(out):
            old.rename(out)
            _require_free(out, replace)
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        sync(fresh)
        _require_free(out, replace)  # hours may have passed
        try:
            if out.exists():
                out.rename(old)
            fresh.rename(out)
        except BaseException:  # a signal may come between the two
            if old.exists() and not out.exists():
                old.rename(out)
            raise
        sync(out.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)  # while nobody else can begin to build in it
        lock.release()


def _require_free(out: Path, replace: bool) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise LingyuError("--out is a file or a link", where=out, next="Name a folder that is not there yet")
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / MANIFEST).is_file():
        raise LingyuError("--out is a folder that holds something else", where=out, next="Name another folder")
    if not replace:
        next_step = "Replace it with --force, or name another folder"
        raise LingyuError("the corpus is there already", where=out, next=next_step)
    require_nothing_lost(out, _is_of_a_corpus)


def _is_of_a_corpus(file: Path) -> bool:
    return file.is_file() and (file.name in (MANIFEST, HASHES) or re.fullmatch(SHARD_NAME, file.name) is not None)
