"""A version's folder, read without trusting it: every file is listed, whole and of a kind that can't carry code."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lingyu.digests import require_as_listed
from lingyu.errors import LingyuError, from_os_error

from .documents import DAMAGED, MAX_JSON_BYTES, read_bytes, read_json
from .manifest import MANIFEST, Manifest, read_manifest
from .scores import METRICS

SUFFIXES = (".safetensors", ".json", ".yaml", ".md", ".png")
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
AUDIT = "audit.json"
"""What was found in the rows that a version was trained on, without the rows: an Audit of lingyu.data."""

# Keys with which a config has a library import code that it names: transformers' auto_map, PEFT's megatron_config.
_CODE_KEYS = frozenset({"auto_map", "trust_remote_code", "megatron_config"})
_PNG = b"\x89PNG\r\n\x1a\n"
_LIST = "See which versions there are: lingyu adapters list"
_RESTORE = "Restore the version from a copy, or train it again"


@dataclass(frozen=True)
class Version:
    """A version that was verified. folder: as it was named, relative where it was named so."""

    name: str
    version: str
    folder: Path
    manifest: Manifest

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


def open_version(folder: Path) -> Version:
    """The version in a folder, after every file was checked against the manifest. Raises LingyuError, one line."""
    try:
        return _verified(folder)
    except OSError as error:
        known = from_os_error(error)
        raise LingyuError(known.what, where=known.where or folder, next=known.next) from error


def _verified(folder: Path) -> Version:
    present = {entry.name for entry in checked_entries(folder)}
    if MANIFEST not in present:
        raise LingyuError(
            f"is no version of an adapter: it holds no {MANIFEST}",
            where=folder,
            next="Name the folder of an adapter or of a version, such as adapters/hotel or adapters/hotel/v3",
        )
    manifest = read_manifest(folder / MANIFEST)
    _check_names(folder, present - {MANIFEST}, set(manifest.files))
    for name, record in manifest.files.items():
        require_as_listed(folder / name, record, MANIFEST, _RESTORE)
        check_kind(folder / name)
    return Version(manifest.name, manifest.version, folder, manifest)


def checked_entries(folder: Path) -> list[os.DirEntry[str]]:
    """What stands in a version's folder, by name. Raises LingyuError for anything but plain files of known kinds."""
    refuse_symlink(folder)
    if not folder.is_dir():
        raise LingyuError("no such folder", where=folder, next=_LIST)
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        refuse_symlink(path)
        if not entry.is_file(follow_symlinks=False):
            raise LingyuError("is not a file; a version holds files only", where=path, next="Take it out of the folder")
        if path.suffix not in SUFFIXES:
            raise LingyuError(
                f"files of this kind may carry code and have no place in a store, which holds {' '.join(SUFFIXES)}",
                where=path,
                next="Take it out of the folder",
            )
    return entries


def refuse_symlink(path: Path) -> None:
    try:
        is_link = stat.S_ISLNK(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    if is_link:
        raise LingyuError("is a symlink; in a store none is followed", where=path, next="Put what it points to there")


def check_kind(path: Path) -> None:
    """Raises LingyuError where a file is not what its suffix says, or is a config that names code to be imported.

    A pickle, renamed, is none of these kinds. Values of tensors are looked at by whoever reads them (read_tensors).
    """
    if path.suffix == ".safetensors":
        _check_safetensors(path)
    elif path.suffix == ".png":
        _check_png(path)
    elif path.suffix == ".json":
        if path.name in (METRICS, AUDIT):  # whose keys are no config's: a label may be called auto_map
            read_json(path)
        else:
            refuse_remote_code(path)
    else:
        _check_text(path)


def _check_safetensors(path: Path) -> None:
    """The header, which says where each tensor lies: within the file, one after the other."""
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, ValueError, OverflowError, RecursionError) as error:
        raise LingyuError(f"is no sound safetensors file ({error})", where=path, next=DAMAGED) from None


def _check_png(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_PNG)) != _PNG:
            raise LingyuError("is no PNG picture", where=path, next=DAMAGED)


def _check_text(path: Path) -> None:
    """UTF-8 without NUL."""
    try:
        text = read_bytes(path, MAX_JSON_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise LingyuError("is no UTF-8 text", where=path, next=DAMAGED) from None
    if "\0" in text:
        raise LingyuError("is no text: it holds NUL bytes", where=path, next=DAMAGED)


def refuse_remote_code(path: Path) -> None:
    """Raises LingyuError where a config names code to be imported."""
    named = sorted(set(_truthy_keys(read_json(path))) & _CODE_KEYS)
    if named:
        raise LingyuError(f"{named[0]}: code that comes with an adapter is never run", where=path, next=_RESTORE)


def _truthy_keys(value: object) -> Iterator[str]:
    """Every key with something behind it, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if item:
                yield key
            yield from _truthy_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from _truthy_keys(item)


def _check_names(folder: Path, present: set[str], listed: set[str]) -> None:
    missing, surplus = sorted(listed - present), sorted(present - listed)
    if missing:
        raise LingyuError(f"{missing[0]!r:.80} is listed in {MANIFEST} but missing", where=folder, next=_RESTORE)
    if surplus:
        raise LingyuError(f"is not listed in {MANIFEST}", where=folder / surplus[0], next="Take it out of the folder")


def require_base(version: Version, base_id: str, *, weights_fingerprint: str, tokenizer_fingerprint: str) -> None:
    """Raises LingyuError, with both sides, unless the version was trained on this base with this tokenizer."""
    trained = version.manifest.base
    if trained.weights_fingerprint != weights_fingerprint:
        raise LingyuError(
            f"was trained on {trained.id} (weights {trained.weights_fingerprint[:12]}), "
            f"not on {base_id} (weights {weights_fingerprint[:12]})",
            where=version.folder,
            next="On another base its answers are noise: take its own base",
        )
    if trained.tokenizer_fingerprint != tokenizer_fingerprint:
        raise LingyuError(
            f"was trained with the tokenizer of {trained.id} ({trained.tokenizer_fingerprint[:12]}), "
            f"not with that of {base_id} ({tokenizer_fingerprint[:12]})",
            where=version.folder,
            next="The weights agree, so a file of the tokenizer was changed: restore it",
        )
