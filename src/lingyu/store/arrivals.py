"""A version that comes from elsewhere: taken in as it is, under its own name and number, and verified where it lies.

A manifest says which version it is, so a version never changes its name or number on the way: hotel@v3 means one
thing wherever it lies. Where a store holds another hotel@v3 the two can't stand side by side, and which of them is
meant is for people to say.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lingyu.digests import file_record
from lingyu.errors import LingyuError
from lingyu.folders import sync

from .channels import CHANNELS
from .manifest import MANIFEST
from .names import is_version
from .verification import Version, open_version

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Arrival:
    """version: as it lies in the store now. is_new: False where the store held the very same version already."""

    version: Version
    is_new: bool


def copy_version(source: Version, staged: Path) -> Path:
    """Write a verified version's files into a new folder, onto the disk, and verify them there; gives it back.

    Raises LingyuError where what was copied is not what was verified: somebody changed it meanwhile.
    """
    staged.mkdir()
    for name in (*source.manifest.files, MANIFEST):
        _copy_file(source.folder / name, staged / name)
    sync(staged)
    try:
        unchanged = open_version(staged).manifest == source.manifest
    except LingyuError:
        unchanged = False
    if not unchanged:
        raise LingyuError(
            "changed while it was copied", where=source.folder, next="Try again when nobody writes there any more"
        )
    return staged


def is_damaged(target: Path, arriving: Version) -> bool:
    """Whether what lies there was this very version, and is no longer whole.

    It was where its manifest is the same byte for byte, or, of a damaged manifest, where the files that the arriving
    one lists are there.
    """
    try:
        open_version(target)
    except LingyuError:
        names = arriving.manifest.files
        here = {name for name in (*names, MANIFEST) if (target / name).is_file() and not (target / name).is_symlink()}
        if MANIFEST in here and file_record(target / MANIFEST) == file_record(arriving.folder / MANIFEST):
            return True
        return bool(names) and all(name in here and file_record(target / name) == names[name] for name in names)
    return False


def require_same(present: Version, arriving: Version) -> None:
    """Raises LingyuError, with both sides, unless the two versions of this name and number are one and the same."""
    if present.manifest == arriving.manifest:
        return
    raise LingyuError(
        f"{arriving.reference} stands there already with other content: {_difference(present, arriving)}",
        where=present.folder,
        next="Both stay as they are. Bring the other into a store of its own: --to or --store ANOTHER_FOLDER",
    )


def require_own_name(version: Version) -> None:
    """Raises LingyuError where a version lies in a folder such as hotel/v3, but is another by its manifest."""
    folder = version.folder.resolve()
    if is_version(folder.name) and (folder.parent.name, folder.name) != (version.name, version.version):
        raise LingyuError(
            f"its {MANIFEST} says {version.reference}: the folder was renamed or copied",
            where=version.folder,
            next=f"Give it back its name, {version.name}/{version.version}; a new version is made by publishing",
        )


def require_store(root: Path) -> None:
    """Raises LingyuError for the folder of an adapter or a version, where the store around it is meant."""
    is_adapter = (root / CHANNELS).is_file() or any(root.glob(f"v[1-9]*/{MANIFEST}"))
    if is_adapter or (root / MANIFEST).is_file():
        store = root.parent if is_adapter else root.parent.parent
        raise LingyuError("is the folder of an adapter, not a store", where=root, next=f"Did you mean {store}?")


def _copy_file(source: Path, target: Path) -> None:
    """A regular file, whatever its place was swapped for meanwhile. Raises OSError."""
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as reader:
        if not stat.S_ISREG(os.fstat(reader.fileno()).st_mode):
            raise LingyuError("is not a file; a version holds files only", where=source, next="Restore the version")
        with target.open("wb") as writer:
            while chunk := reader.read(_CHUNK_BYTES):
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())


def _difference(present: Version, arriving: Version) -> str:
    """The first file that tells the two apart, or that the manifest itself does."""
    ours, theirs = present.manifest.files, arriving.manifest.files
    for name in sorted({*ours, *theirs}, key=lambda name: (not name.endswith(".safetensors"), name)):
        if ours.get(name) != theirs.get(name):
            sides = (record.sha256[:12] if record else "missing" for record in (ours.get(name), theirs.get(name)))
            return "{} is {} there and {} in what arrives".format(name, *sides)
    return f"{MANIFEST} differs"
