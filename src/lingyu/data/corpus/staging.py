"""The folder of a corpus: there whole or not at all, built by one process at a time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lingyu.errors import LingyuError
from lingyu.folders import alone_in, hidden_folder, nothing_kept, swap_in, sync_files

from ..csv_folder import require_nothing_lost
from .manifest import HASHES, MANIFEST, SHARD_NAME


@contextmanager
def corpus_in_one_go(out: Path, *, replace: bool) -> Iterator[Path]:
    """The folder to write into; at the end it is `out`, and where an error ends the block nothing is left of it.

    Raises LingyuError where out is there (replace: where what is there is no corpus), or is being built.
    """
    _require_free(out, replace)
    try:
        with hidden_folder(out.parent) as building, _nobody_else_builds(out):
            _require_free(out, replace)  # what a killed one had put aside may have come back
            fresh = building / "corpus"
            fresh.mkdir()
            yield fresh
            sync_files(fresh)
            with alone_in(out.parent):
                _require_free(out, replace)  # hours may have passed
                swap_in(fresh, out)
    except OSError as error:
        raise nothing_kept(error, out) from error


@contextmanager
def _nobody_else_builds(out: Path) -> Iterator[None]:
    lock = FileLock(out.with_name(f".{out.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LingyuError(
            "another process is building this corpus", where=out, next="Wait for it, or name another --out"
        ) from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)  # while nobody else can have it
        lock.release()


def _require_free(out: Path, replace: bool) -> None:
    if out.name in ("", ".."):
        raise LingyuError("--out can't be the name of a folder", where=out, next="Name it like data/corpus/hotel")
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
