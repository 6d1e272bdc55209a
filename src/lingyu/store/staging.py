"""Writing so that a reader sees all of it or nothing: hidden, synced, then one rename.

One lock an adapter is held for as long as its writer lives, and the system lets go of it when the writer dies. So
whoever holds the lock knows that every hidden entry it finds was left by a writer that is gone, and removes it. A
version that is prepared before its turn, as one that is pulled, lies in a hidden folder of the store (lingyu.folders).
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lingyu.errors import LingyuError
from lingyu.folders import clean, hidden_folder, nothing_kept, sync

HIDDEN = ".writing-"
LOCKS = ".locks"
LOCK_TIMEOUT_S = 600.0  # far over what writing a version takes: who waits longer waits for a process that hangs


@contextmanager
def writers_turn(root: Path, name: str) -> Iterator[Path]:
    """The adapter's folder, to be written by nobody else meanwhile. Left as it was found where nothing came of it."""
    folder = root / name
    locks = root / LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{name}.lock", timeout=LOCK_TIMEOUT_S, poll_interval=0.01)
    try:
        lock.acquire()
    except Timeout:
        raise LingyuError(
            f"another process has been writing this adapter for over {LOCK_TIMEOUT_S:.0f} s",
            where=folder,
            next="End it, then try again",
        ) from None
    try:
        if not folder.exists():
            folder.mkdir()
            sync(root)
        remove_hidden(folder)
        with suppress(PermissionError):  # a store that may be written into and not be looked through
            clean(root)
        yield folder
    finally:
        remove_hidden(folder)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        lock.release()


@contextmanager
def preparing(root: Path) -> Iterator[Path]:
    """A hidden folder of the store, gone at the end. Raises LingyuError where the store can't be written."""
    try:
        with hidden_folder(root) as folder:
            yield folder
    except OSError as error:
        raise nothing_kept(error, root) from error


def remove_hidden(folder: Path) -> None:
    """Remove what a writer that is gone left half-written. Only for whoever has the writer's turn."""
    for left in folder.glob(f"{HIDDEN}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def hidden_path(folder: Path) -> Path:
    """A free hidden name in the folder. (tempfile's would be readable by its owner only, after the rename too.)"""
    return folder / f"{HIDDEN}{secrets.token_hex(8)}"


def hide(target: Path) -> None:
    """Take a whole folder out of sight, in one rename. Only for whoever has the writer's turn, whose end deletes it."""
    target.rename(hidden_path(target.parent))
    sync(target.parent)


def write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def claim(staged: Path, target: Path) -> bool:
    """Give a synced hidden folder its name; False where the name is taken.

    The rename is the claim: the system refuses it where target is a folder that holds something, or is a file.
    """
    try:
        staged.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise
    sync(target.parent)
    return True
