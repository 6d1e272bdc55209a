"""What appears whole or not at all: made in a hidden folder beside its place, synced, then one rename.

The writer holds a lock on the hidden folder itself, of which the system lets go when the writer dies, even of kill -9.
So a hidden folder without a lock was left by a writer that is gone, and the next one removes it.

Where a folder takes the place of an older one, that is put aside by a rename of its own. A machine that stops between
the two leaves nothing under the name, and the older folder hidden beside it: the next writer there puts it back. Both
renames, and what repairs them, run under a lock on the folder around.
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
REPLACED = ".replaced-"
_ANOTHER = "Name another with --out, or remove it first"


def require_free(out: Path, next: str = _ANOTHER) -> None:
    """Raises LingyuError where something stands at the place already, be it an empty folder or a broken link."""
    if os.path.lexists(out):
        raise LingyuError("exists already, and is never written over", where=out, next=next)
    if not out.name or out.name.startswith("."):
        raise LingyuError("can't be the name of a new folder", where=out, next="Name it like merged/hotel")


@contextmanager
def new_folder(out: Path, *, replace: bool = False, next: str = _ANOTHER) -> Iterator[Path]:
    """A hidden folder to be filled with files; at the end it becomes `out`, after an exception nothing is left.

    replace: whether it may take the place of a folder, which is then gone as a whole. next: what a person does where
    the place is taken. Raises LingyuError for that, and for a full disk.
    """
    _require_place(out, replace, next)
    try:
        with hidden_folder(out.parent) as staged:
            yield staged
            sync_files(staged)
            with alone_in(out.parent):
                _require_place(out, replace, next)  # a rename would take the place of one that came meanwhile
                swap_in(staged, out)
    except OSError as error:
        raise nothing_kept(error, out) from error


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """An empty folder in `parent`, gone at the end with what is then still in it. parent: made where it is not there,
    with those above it; of those that were made, none stays without anything in it."""
    made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):  # a folder that may be written into and not be looked through
            clean(parent)
        staged, lock = _locked_folder(parent)
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)
            os.close(lock)
    finally:
        for folder in made:
            with suppress(OSError):  # it holds what was written
                folder.rmdir()


def nothing_kept(error: OSError, out: Path) -> LingyuError:
    """What is said of a failure while a hidden folder was filled that was to be `out`."""
    known = from_os_error(error)
    hidden = known.where is None or HIDDEN in known.where
    return LingyuError(known.what, out if hidden else known.where, f"{known.next}. Nothing half-written was kept")


def sync_files(folder: Path) -> None:
    """Have the system put a folder of files on the disk."""
    for file in (*folder.iterdir(), folder):
        sync(file)


def sync(path: Path) -> None:
    """Have the system put a file, or a folder's list of names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clean(parent: Path) -> None:
    """Put right what writers left that are gone: half of a new folder, an old one without its name."""
    with alone_in(parent):
        for old in _hidden(parent, REPLACED):
            out = parent / old.name.removeprefix(REPLACED)
            if os.path.lexists(out):
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.rename(out)
    for folder in _hidden(parent, HIDDEN):
        with suppress(OSError):  # its writer is at work, or it is another user's
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _require_place(out: Path, replace: bool, next: str) -> None:
    if not (replace and out.is_dir() and not out.is_symlink()):
        require_free(out, next)


def swap_in(staged: Path, out: Path) -> None:
    """The rename that gives the new folder its name; an old one of that name is gone afterwards. Only for whoever is
    alone in the folder around."""
    old = out.with_name(f"{REPLACED}{out.name}")
    try:
        if out.is_dir():
            out.rename(old)
        staged.rename(out)
    except BaseException:  # a signal may come between the two
        if old.is_dir() and not out.exists():
            old.rename(out)
        raise
    sync(out.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def alone_in(parent: Path) -> Iterator[None]:
    """No two writers rename in a folder at once. Held for moments only."""
    lock = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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


def _hidden(parent: Path, prefix: str) -> list[Path]:
    return [folder for folder in parent.glob(f"{prefix}*") if folder.is_dir() and not folder.is_symlink()]
