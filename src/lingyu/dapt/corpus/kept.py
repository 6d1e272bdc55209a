"""Folders that are made once and kept by their key: each is there whole or not at all, whoever is killed meanwhile."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from lingyu.folders import sync

_BUILDING: Final = ".building"


@contextmanager
def made_once(folder: Path, is_whole: Callable[[Path], bool]) -> Iterator[Path | None]:
    """Where to write what is to become the folder; None where it is there. Another process that wants it waits.

    is_whole: whether what stands in its place is all of it; else it is made anew. After an exception nothing is left.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if folder.is_dir() and not folder.is_symlink() and is_whole(folder):
            yield None
            return
        _remove_dead_builds(folder)
        _remove(folder)
        building = folder.with_name(f".{folder.name}{_BUILDING}")
        building.mkdir()
        try:
            yield building
            for path in (*building.rglob("*"), building):
                sync(path)
            building.rename(folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _remove_dead_builds(folder: Path) -> None:
    """What killed processes left, of any folder beside this one: nobody holds the lock of such a one."""
    for left in folder.parent.glob(f".*{_BUILDING}"):
        owner = folder.with_name(left.name.removeprefix(".").removesuffix(_BUILDING))
        if owner == folder:
            _remove(left)
            continue
        try:
            with _lock(owner).acquire(timeout=0):
                _remove(left)
        except Timeout:
            continue


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
