"""A new folder that appears whole or not at all: hidden beside its place, synced, then one rename.

The writer holds a lock on the hidden folder itself, of which the system lets go when the writer dies, even of kill -9.
So a hidden folder without a lock was left by a writer that is gone, and the next one removes it.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lingyu.errors import LingyuError, from_os_error

HIDDEN = ".releasing-"


def require_free(out: Path) -> None:
    """Raises LingyuError where something stands at the place already, be it an empty folder or a broken link."""
    if os.path.lexists(out):
        raise LingyuError(
            "exists already, and is never written over", where=out, next="Name another with --out, or remove it first"
        )
    if not out.name or out.name.startswith("."):
        raise LingyuError("can't be the name of a new folder", where=out, next="Name it like merged/hotel")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A hidden folder to be filled with files; at the end it becomes `out`, after an exception nothing is left.

    Raises LingyuError where `out` exists, or the disk is full.
    """
    require_free(out)
    made: list[Path] = []
    try:
        made = _make(out.parent)
        _remove_left(out.parent)
        staged, lock = _locked_folder(out.parent)
        try:
            yield staged
            for file in staged.iterdir():
                _sync(file)
            _sync(staged)
            require_free(out)  # a rename would take the place of an empty folder that came meanwhile
            staged.rename(out)
            _sync(out.parent)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        known = from_os_error(error)
        elsewhere = known.where is not None and HIDDEN not in known.where
        where = known.where if elsewhere else out
        raise LingyuError(known.what, where, f"{known.next}. Nothing half-written was kept") from error
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # it holds what was written
                folder.rmdir()


def _make(folder: Path) -> list[Path]:
    """The folders that had to be made, the outermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """A new hidden folder and the open file that holds its lock."""
    while True:
        folder = parent / f"{HIDDEN}{secrets.token_hex(8)}"
        folder.mkdir()
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)
        # before it was locked, another writer took it for one that was left


def _remove_left(parent: Path) -> None:
    for folder in parent.glob(f"{HIDDEN}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        with suppress(OSError):  # its writer is at work, or it is another user's
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
