"""The store: a folder of adapters, each with its versions and channels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lingyu.digests import file_record
from lingyu.errors import LingyuError, did_you_mean, from_os_error
from lingyu.folders import sync

from .arrivals import Arrival, copy_version, is_damaged, require_own_name, require_same, require_store
from .channels import (
    Change,
    Removal,
    named_versions,
    prepare_change,
    prepare_removal,
    read_channels,
    read_history,
    sign_removal,
    version_before,
)
from .manifest import MANIFEST, Manifest, VersionFacts, read_manifest
from .names import STABLE, AdapterReference, check_channel, check_name, is_version, shown, version_number
from .staging import LOCKS, claim, hidden_path, hide, write_synced, writers_turn
from .verification import Version, check_kind, checked_entries, open_version, refuse_symlink

_HIGHEST_RECEIVED = 99_999_999  # of nine digits that a number may have
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
        found = _listed_versions(folder)
        # A listing may miss a version that comes while another goes: what two in a row agree on stands there.
        while (again := _listed_versions(folder)) != found:
            found = again
        return found

    def channels(self, name: str) -> dict[str, str]:
        """channel: version."""
        return read_channels(self._folder(name))

    def history(self, name: str) -> tuple[Change | Removal, ...]:
        """Every change of a channel of the adapter and every removal of a version, the oldest first."""
        return read_history(self._folder(name))

    def manifest(self, name: str, version: str) -> Manifest:
        """The manifest of a version, read without verifying its files: for lists."""
        return read_manifest(self._version_folder(name, version) / MANIFEST)

    def find(self, reference: str | AdapterReference) -> AdapterReference:
        """The reference with its channel followed to the version. Raises LingyuError, with what was nearly meant."""
        wanted = _parsed(reference)
        while True:
            version = self._meant(wanted)
            # Looked at after the channel: a version is there before a channel names it.
            versions = self.versions(wanted.name)
            if version in versions:
                return AdapterReference(wanted.name, version)
            if not versions:
                raise self._no_adapter(wanted.name)
            if self._meant(wanted) == version:  # else the channel moved on and the version was removed meanwhile
                raise self._unknown(wanted, f"no version {version}", versions)

    def open(self, reference: str | AdapterReference) -> Version:
        """The version that is meant, every file of it verified. Raises LingyuError."""
        wanted = _parsed(reference)
        while True:
            found = self.find(wanted)
            try:
                return self._open(found)
            except LingyuError:
                # A version that is removed while it is read is not damaged: it is not there, which find says.
                if self.find(wanted) == found:
                    raise

    def publish(self, name: str, write: WriteVersion, *, channel: str | None = STABLE, why: str) -> Version:
        """Make the adapter's next version of what `write` puts into a folder, and set the channel to it.

        The version is seen at once and whole, or not at all. Its channel follows a moment later: whoever is killed in
        between leaves a whole version that no channel names, which set_channel then gives one.

        `write` gets the folder and the version's number, and is called again with the next number in the rare case
        that someone took this one meanwhile without asking for the lock. Raises LingyuError where the store can't be
        written or the disk is full; nothing is left of the attempt.
        """
        require_store(self.root)
        check_name(name)
        if channel is not None:
            check_channel(channel)
        with self._writing(name) as folder:
            while True:
                version = _next_version(folder)
                staged = hidden_path(folder)
                staged.mkdir()
                manifest = _fill(staged, name, version, write)
                change = prepare_change(folder, channel, version, why) if channel else None
                if not claim(staged, folder / version):
                    continue
                if change:
                    change.commit()
                return Version(name, version, folder / version, manifest)

    def receive(self, source: Version, *, channel: str | None = None, why: str) -> Arrival:
        """Take in a verified version as it is, and set a channel to it where one is named.

        Where the store holds the very same version, only the channel is set; where that one is damaged, it is restored.
        Raises LingyuError, and leaves nothing behind, where that number holds another version, or what was copied is
        not what was verified.
        """
        require_store(self.root)
        if channel is not None:
            check_channel(channel)
        with self._writing(check_name(source.name)) as folder:
            target = folder / source.version
            _require_numbers_left(source)
            _require_not_removed(folder, source)
            change = prepare_change(folder, channel, source.version, why) if channel else None
            is_new = not target.exists() or is_damaged(target, source)
            if is_new:
                staged = copy_version(source, hidden_path(folder))
                if target.exists():
                    hide(target)
                is_new = claim(staged, target)
            if not is_new:
                require_same(open_version(target), source)
            if change:
                change.commit()
            return Arrival(replace(source, folder=target), is_new)

    def set_channel(self, name: str, channel: str, version: str, why: str) -> Change | None:
        """Set a channel to a version, with a line in the history, which is given back; None where it stood there.

        Raises LingyuError where there is no such version or a file of it was changed.
        """
        check_channel(channel)
        wanted = AdapterReference(check_name(name), _checked_version(version))
        self.open(wanted)
        with self._writing(name) as folder:
            self.find(wanted)  # now that nobody can remove it
            change = prepare_change(folder, channel, version, why)
            change.commit()
            return change.line

    def rollback(self, name: str, channel: str, why: str) -> Change:
        """Set a channel back to the version that it named before; again, and it goes back one further.

        Raises LingyuError where it named none before, or that one was removed or a file of it was changed.
        """
        wanted = AdapterReference(check_name(name), check_channel(channel))
        self._meant(wanted)  # which may be gone: then above all a way back is needed
        with self._writing(name) as folder:
            current = self._meant(wanted)
            before = version_before(self.history(name), channel, current)
            if before is None or before not in self.versions(name):
                raise self._nothing_before(wanted, current, before)
            self.open(AdapterReference(name, before))
            change = prepare_change(folder, channel, before, why, rollback=True)
            change.commit()
            assert change.line is not None, "it named another version before"
            return change.line

    def remove(self, name: str, version: str, why: str) -> Removal:
        """Remove a version that no channel names, damaged or not, with a line in the history, which is given back.

        Its number is never given again. It is gone at once and whole: whoever is reading it either has all of it or
        learns that it is not there.
        Raises LingyuError where there is no such version or a channel names it.
        """
        wanted = AdapterReference(check_name(name), _checked_version(version))
        self.find(wanted)
        with self._writing(name) as folder:
            self.find(wanted)
            self._require_unnamed(wanted)
            gone = self._version_folder(name, version)
            is_file = (gone / MANIFEST).is_file() and not (gone / MANIFEST).is_symlink()
            manifest = file_record(gone / MANIFEST).sha256 if is_file else None
            removal = sign_removal(version, manifest, why)
            # The history first: of a writer that is killed in between, the number stays taken and the version whole.
            prepare_removal(folder, removal).commit()
            hide(gone)  # the end of the turn deletes what is hidden
            return removal

    def remove_channel(self, name: str, channel: str, why: str) -> Change:
        """Take a channel away; the version that it named stays. Raises LingyuError where there is no such channel."""
        wanted = AdapterReference(check_name(name), check_channel(channel))
        self._meant(wanted)
        with self._writing(name) as folder:
            self._meant(wanted)
            change = prepare_change(folder, channel, None, why)
            change.commit()
            assert change.line is not None, "there was such a channel"
            return change.line

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        """The writer's turn, with failures of the file system as one line."""
        for path in (self.root / name, self.root / LOCKS, self.root / LOCKS / f"{name}.lock"):
            refuse_symlink(path)
        try:
            with writers_turn(self.root, name) as folder:
                yield folder
        except OSError as error:
            known = from_os_error(error)
            elsewhere = known.where is not None and not Path(known.where).is_relative_to(self.root / name)
            where = known.where if elsewhere else self.root / name
            raise LingyuError(known.what, where, f"{known.next}. {_NOTHING_KEPT}") from error

    def _folder(self, name: str) -> Path:
        folder = self.root / check_name(name)
        refuse_symlink(folder)
        return folder

    def _version_folder(self, name: str, version: str) -> Path:
        folder = self._folder(name) / _checked_version(version)
        refuse_symlink(folder)
        return folder

    def _open(self, found: AdapterReference) -> Version:
        opened = open_version(self._version_folder(found.name, found.selector))
        require_own_name(opened)
        return opened

    def _meant(self, wanted: AdapterReference) -> str:
        """The version that a reference means, whether it is there or not."""
        if wanted.names_version:
            return wanted.selector
        channels = self.channels(wanted.name)
        if wanted.selector in channels:
            return channels[wanted.selector]
        versions = self.versions(wanted.name)
        if not versions:
            raise self._no_adapter(wanted.name)
        raise self._unknown(wanted, f"no channel `{wanted.selector}`", (*channels, *versions))

    def _require_unnamed(self, wanted: AdapterReference) -> None:
        """Raises LingyuError where a channel names the version."""
        naming = [channel for channel, version in self.channels(wanted.name).items() if version == wanted.selector]
        if naming:
            raise LingyuError(
                f"{wanted} is what channel `{naming[0]}` names",
                where=self.root,
                next=f"Promote another version to {naming[0]} first, or take the channel away: "
                f"lingyu adapters remove {wanted.name}@{naming[0]} --why ...",
            )

    def _nothing_before(self, wanted: AdapterReference, current: str, before: str | None) -> LingyuError:
        others = ", ".join(version for version in self.versions(wanted.name) if version != current)
        return LingyuError(
            f"channel `{wanted.selector}` named nothing before {current}"
            if before is None
            else f"channel `{wanted.selector}` named {before} before {current}, which is not there any more",
            where=self.root / wanted.name,
            next=f"Promote one of {others} to it" if others else f"{current} is its only version; publish another",
        )

    def _no_adapter(self, name: str) -> LingyuError:
        known = self.adapters()
        near = did_you_mean(name, known)
        if (self.root / name / "config.json").is_file() or (self.root / name / "graph.json").is_file():
            next = "It is a model by itself: transformers loads a merged one, lingyu.Graph an exported one"
        elif near:
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
    elif not (folder / MANIFEST).is_file():
        return Store(folder.parent).open(folder.name)
    opened = open_version(folder)
    require_own_name(opened)
    return opened


def _fill(staged: Path, name: str, version: str, write: WriteVersion) -> Manifest:
    """Have a hidden folder filled, add the manifest, and put all of it on the disk."""
    facts = write(staged, version)
    entries = checked_entries(staged)
    manifest = Manifest(
        **{key: getattr(facts, key) for key in VersionFacts.model_fields},
        name=name,
        version=version,
        created=datetime.now(UTC).replace(microsecond=0),
        files={entry.name: file_record(staged / entry.name) for entry in entries},
    )
    assert MANIFEST not in manifest.files, "the store writes the manifest"
    for entry in entries:
        check_kind(staged / entry.name)
        sync(staged / entry.name)
    write_synced(staged / MANIFEST, manifest.as_bytes())
    sync(staged)
    return manifest


def _listed_versions(folder: Path) -> tuple[str, ...]:
    found = (entry.name for entry in _entries(folder) if is_version(entry.name) and entry.is_dir())
    return tuple(sorted(found, key=version_number))


def _entries(folder: Path) -> list[Path]:
    """What stands in an adapter's folder; nothing where it went away meanwhile, with the first try to publish it."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _next_version(folder: Path) -> str:
    """One more than any number that stands there, whatever it is, or that the history names: v3 is one thing for ever.

    Raises LingyuError where the history can't be read, or no number is left.
    """
    there = {entry.name for entry in folder.iterdir() if is_version(entry.name)}
    taken = there | named_versions(read_history(folder))
    wanted = f"v{max(map(version_number, taken), default=0) + 1}"
    if not is_version(wanted):
        raise LingyuError("its last number is taken", where=folder, next="Publish under another name")
    return wanted


def _require_numbers_left(arriving: Version) -> None:
    """Raises LingyuError for a number so high that whoever made it up left none for those to come."""
    if version_number(arriving.version) > _HIGHEST_RECEIVED:
        raise LingyuError(
            f"{arriving.reference} would leave its name few numbers; up to v{_HIGHEST_RECEIVED} are taken in",
            where=arriving.folder,
            next="Have whoever made it publish it under another name",
        )


def _require_not_removed(folder: Path, arriving: Version) -> None:
    """Raises LingyuError where a version of this number was removed, unless it is the very same that comes back."""
    removals = [line for line in read_history(folder) if isinstance(line, Removal)]
    removed = {line.manifest for line in removals if line.removed == arriving.version}
    if removed and file_record(arriving.folder / MANIFEST).sha256 not in removed:
        raise LingyuError(
            f"another {arriving.reference} stood here and was removed; a number means one version for ever",
            where=folder,
            next="Bring it into a store of its own: --to or --store ANOTHER_FOLDER",
        )


def _parsed(reference: str | AdapterReference) -> AdapterReference:
    return reference if isinstance(reference, AdapterReference) else AdapterReference.parse(reference)


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
