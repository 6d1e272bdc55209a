"""The store: a folder of adapters, each with its versions and channels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from safetensors import SafetensorError

from lingyu.errors import LingyuError, did_you_mean, from_os_error

from .channels import Change, prepare_change, read_channels, read_history
from .manifest import MANIFEST, Manifest, VersionFacts, read_manifest
from .names import STABLE, AdapterReference, check_channel, check_name, is_version, shown, version_number
from .staging import claim, hidden_path, sync, write_synced, writers_turn
from .verification import Version, checked_entries, digest, open_version, refuse_symlink

_NOTHING_KEPT = "Nothing half-written was kept"

# Writes a version's files, all but the manifest, into a folder, given the version's number; tells what it is.
WriteVersion = Callable[[Path, str], VersionFacts]


class Store:
    """A folder of adapters. Making one touches nothing; publishing makes the folder where there is none.

    What is named here is a name, never a path: see `open_adapter` for folders.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that have a version, sorted. Raises LingyuError where there is no store."""
        if not self.root.is_dir():
            raise LingyuError("no such store", where=self.root, next="Name the folder of your adapters with --store")
        names = (entry.name for entry in self.root.iterdir() if entry.is_dir() and not entry.is_symlink())
        return tuple(sorted(name for name in names if _is_name(name) and self.versions(name)))

    def versions(self, name: str) -> tuple[str, ...]:
        """Listed versions of an adapter, the oldest first; empty where there is no such adapter."""
        folder = self._folder(name)
        if not folder.is_dir():
            return ()
        found = (entry.name for entry in folder.iterdir() if is_version(entry.name) and entry.is_dir())
        return tuple(sorted(found, key=version_number))

    def channels(self, name: str) -> dict[str, str]:
        """channel: version."""
        return read_channels(self._folder(name))

    def history(self, name: str) -> tuple[Change, ...]:
        """Every change of a channel of the adapter, the oldest first."""
        return read_history(self._folder(name))

    def manifest(self, name: str, version: str) -> Manifest:
        """The manifest of a version, read without verifying its files: for lists."""
        return read_manifest(self._version_folder(name, version) / MANIFEST)

    def find(self, reference: str | AdapterReference) -> AdapterReference:
        """The reference with its channel followed to the version. Raises LingyuError, with what was nearly meant."""
        wanted = reference if isinstance(reference, AdapterReference) else AdapterReference.parse(reference)
        versions = self.versions(wanted.name)
        if not versions:
            raise self._no_adapter(wanted.name)
        if wanted.names_version:
            version = wanted.selector
        else:
            channels = self.channels(wanted.name)
            if wanted.selector not in channels:
                raise self._unknown(wanted, f"no channel `{wanted.selector}`", (*channels, *versions))
            version = channels[wanted.selector]
        if version not in versions:
            raise self._unknown(wanted, f"no version {version}", versions)
        return AdapterReference(wanted.name, version)

    def open(self, reference: str | AdapterReference) -> Version:
        """The version that is meant, every file of it verified. Raises LingyuError."""
        found = self.find(reference)
        opened = open_version(self._version_folder(found.name, found.selector))
        if opened.reference != str(found):
            raise LingyuError(
                f"its {MANIFEST} says {opened.reference}: the folder was renamed or copied",
                where=opened.folder,
                next="Give it back its name; a new version is made by publishing",
            )
        return opened

    def publish(self, name: str, write: WriteVersion, *, channel: str | None = STABLE, why: str) -> Version:
        """Make the adapter's next version of what `write` puts into a folder, and set the channel to it.

        The version is seen at once and whole, or not at all. Its channel follows a moment later: whoever is killed in
        between leaves a whole version that no channel names, which set_channel then gives one.

        `write` gets the folder and the version's number, and is called again with the next number in the rare case
        that someone took this one meanwhile without asking for the lock. Raises LingyuError where the store can't be
        written or the disk is full; nothing is left of the attempt.
        """
        check_name(name)
        if channel is not None:
            check_channel(channel)
        with self._writing(name) as folder:
            while True:
                version = f"v{max(map(version_number, self._taken(folder)), default=0) + 1}"
                staged = hidden_path(folder)
                staged.mkdir()
                manifest = _fill(staged, name, version, write)
                change = prepare_change(folder, channel, version, why) if channel else None
                if not claim(staged, folder / version):
                    continue
                if change:
                    change.commit()
                return Version(name, version, folder / version, manifest)

    def set_channel(self, name: str, channel: str, version: str, why: str) -> None:
        """Set a channel to a version, with a line in the history. Raises LingyuError where there is no such version."""
        check_channel(channel)
        self.find(AdapterReference(check_name(name), _checked_version(version)))
        with self._writing(name) as folder:
            prepare_change(folder, channel, version, why).commit()

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        """The writer's turn, with failures of the file system as one line."""
        refuse_symlink(self.root / name)
        try:
            with writers_turn(self.root, name) as folder:
                yield folder
        except OSError as error:
            known = from_os_error(error)
            elsewhere = known.where is not None and not Path(known.where).is_relative_to(self.root / name)
            where = known.where if elsewhere else self.root / name
            raise LingyuError(known.what, where, f"{known.next}. {_NOTHING_KEPT}") from error
        except SafetensorError as error:  # how that library's writer reports a full disk
            raise LingyuError(str(error), where=self.root / name, next=f"Try again. {_NOTHING_KEPT}") from error

    def _folder(self, name: str) -> Path:
        folder = self.root / check_name(name)
        refuse_symlink(folder)
        return folder

    def _version_folder(self, name: str, version: str) -> Path:
        folder = self._folder(name) / _checked_version(version)
        refuse_symlink(folder)
        return folder

    @staticmethod
    def _taken(folder: Path) -> Iterator[str]:
        """Numbers that can't be claimed, whatever stands there."""
        return (entry.name for entry in folder.iterdir() if is_version(entry.name))

    def _no_adapter(self, name: str) -> LingyuError:
        known = self.adapters()
        near = did_you_mean(name, known)
        if near:
            next = f"Did you mean `{near}`?"
        elif known:
            next = f"There are: {', '.join(known[:10])}"
        else:
            next = "The store is empty; `publish.to` of a recipe names it"
        return LingyuError(f"no adapter named `{name}`", where=self.root, next=next)

    def _unknown(self, wanted: AdapterReference, what: str, known: tuple[str, ...]) -> LingyuError:
        near = did_you_mean(wanted.selector, known)
        next = f"Did you mean `{wanted.name}@{near}`?" if near else f"There are: {', '.join(known[-10:])}"
        return LingyuError(what, where=self.root / wanted.name, next=next)


def open_adapter(reference: str, store: Path | str) -> Version:
    """A version that a person at a terminal names: a name in the store, or with a `/` in it the folder itself.

    The folder is an adapter's (adapters/hotel, adapters/hotel@canary) or a version's (adapters/hotel/v3). For
    requests take Store.open, which knows names only. Raises LingyuError.
    """
    if "/" not in reference:
        return Store(store).open(reference)
    if "\\" in reference or "\0" in reference or ".." in reference.split("/") or len(reference) > 4096:
        raise LingyuError(
            f"{shown(reference)} is no folder of an adapter", next="Write the path without .. and \\, or NAME[@VERSION]"
        )
    folder = Path(reference)
    if is_version(folder.name):
        refuse_symlink(folder.parent)
        return open_version(folder)
    if (folder / MANIFEST).is_file():
        return open_version(folder)
    return Store(folder.parent).open(folder.name)


def _fill(staged: Path, name: str, version: str, write: WriteVersion) -> Manifest:
    """Have a hidden folder filled, add the manifest, and put all of it on the disk."""
    facts = write(staged, version)
    entries = checked_entries(staged)
    manifest = Manifest(
        **{key: getattr(facts, key) for key in VersionFacts.model_fields},
        name=name,
        version=version,
        created=datetime.now(UTC).replace(microsecond=0),
        files={entry.name: digest(staged / entry.name) for entry in entries},
    )
    assert MANIFEST not in manifest.files, "the store writes the manifest"
    for entry in entries:
        sync(staged / entry.name)
    write_synced(staged / MANIFEST, manifest.as_bytes())
    sync(staged)
    return manifest


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except LingyuError:
        return False
    return True


def _checked_version(version: str) -> str:
    if not is_version(version):
        raise LingyuError(f"{shown(version)} is no version", next="Versions are v1, v2, v3 ...")
    return version
