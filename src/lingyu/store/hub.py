"""Versions on a hub of Hugging Face's protocol: one repository an adapter, its files at the root, a tag a version.

So plain PEFT loads what was pushed, and ORG/NAME@v3 names one version for good. Whatever comes back is believed as
little as any other folder: it is listed first, fetched at one commit, and verified before it enters a store.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from logging import ERROR
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lingyu.errors import LingyuError, did_you_mean, from_os_error, without_password

from .arrivals import Arrival, require_same, require_store
from .documents import MAX_JSON_BYTES
from .manifest import MANIFEST, Manifest, read_manifest
from .names import check_channel, is_version, shown
from .staging import preparing
from .store import Store
from .verification import SUFFIXES, Version, open_version

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_MAIN = "main"
# What a hub itself, or making a repository on its pages, puts there.
_THE_HUBS_OWN = frozenset({".gitattributes"})
_OF_A_NEW_REPOSITORY = _THE_HUBS_OWN | {"README.md"}
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN"
_TRY_AGAIN = "Try again"


@dataclass(frozen=True)
class HubAddress:
    """A repository, and a branch, tag or commit of it."""

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ORG/NAME[@REVISION]. Raises LingyuError for what is none."""
        repository, at, revision = text.partition("@")
        if re.fullmatch(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", repository, re.ASCII) is None:
            raise LingyuError(f"{shown(repository)} is no repository of a hub", next="Write ORG/NAME")
        if at and re.fullmatch(r"[\w./-]{1,255}", revision, re.ASCII) is None:
            raise LingyuError(
                f"{shown(revision)} is no revision", where=repository, next="Write ORG/NAME@v3, or a branch or commit"
            )
        return cls(repository, revision or None)

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}" if self.revision else self.repository


@dataclass(frozen=True)
class Pushed:
    """is_new: False where the very same version was there. before: the version that main held until now, if any."""

    address: HubAddress
    commit: str
    is_new: bool
    before: str | None


@dataclass(frozen=True)
class _Listing:
    """A repository at one commit. sizes: path: bytes, of every file."""

    commit: str
    is_private: bool
    sizes: Mapping[str, int]


def push(version: Version, repository: str, *, private: bool = False) -> Pushed:
    """Put a verified version onto the hub: its files become main, and a tag of its number points at them for good.

    Raises LingyuError where the repository holds anything else than versions of this adapter, or another version of
    this number, and for every failure on the way. A tag is set last: whoever is cut off runs the same command again.
    """
    asked = HubAddress.parse(repository)
    if asked.revision is not None:
        raise LingyuError(
            f"a push takes no revision, for its tag is that of the version: {version.version}",
            where=asked.repository,
            next=f"Write {asked.repository}",
        )
    address = HubAddress(asked.repository, version.version)
    with _in_one_line(address):
        api = _api()
        api.create_repo(address.repository, private=private or None, exist_ok=True)
        listing = _list(api, HubAddress(address.repository))
        if private and not listing.is_private:
            raise LingyuError(
                "exists and is public", where=repository, next="Make it private on its settings page, or name another"
            )
        before = _require_room(api, version, address, listing)
        tagged = _tags(api, address.repository).get(version.version)
        if tagged is not None:
            present = _manifest_at(api, address, _list(api, address))
            require_same(_there(present, address), version)
            return Pushed(address, tagged, is_new=False, before=before)
        commit = api.upload_folder(
            repo_id=address.repository,
            folder_path=version.folder,
            commit_message=version.reference,
            delete_patterns="*",  # of the version that main held; the client leaves .gitattributes
            parent_commit=listing.commit,  # who pushes at the same time is told, instead of a mixture of both
        )
        api.create_tag(address.repository, tag=version.version, revision=commit.oid, tag_message=version.reference)
    return Pushed(address, commit.oid, is_new=True, before=before)


def pull(address: HubAddress, store: Store, *, channel: str | None = None, why: str | None = None) -> Arrival:
    """Take a version from the hub into a store, under its own name and number. main is taken without a revision.

    Raises LingyuError, and leaves nothing behind, where the repository is out of reach or holds anything but one
    whole version.
    """
    if channel is not None:
        check_channel(channel)
    require_store(store.root)
    with preparing(store.root) as folder:
        with _in_one_line(address):
            version, commit = _fetch(_api(), address, folder)
        return store.receive(version, channel=channel, why=why or f"pulled from {address} (commit {commit[:12]})")


def _fetch(api: "HfApi", address: HubAddress, folder: Path) -> tuple[Version, str]:
    """The version in a folder of this machine, verified, and its commit."""
    listing = _list(api, address)
    for path in sorted(set(listing.sizes) - _THE_HUBS_OWN):
        if "/" in path or not path.endswith(SUFFIXES):
            raise LingyuError(
                f"holds {shown(path)}: a version has files of these kinds only, in no folder: {' '.join(SUFFIXES)}",
                where=address,
                next="Have it taken out of the repository. To make a version of a foreign PEFT adapter: "
                "lingyu adapters import",
            )
    manifest = _manifest_at(api, address, listing)
    if address.revision and is_version(address.revision) and manifest.version != address.revision:
        raise LingyuError(f"the tag holds {manifest.reference}", where=address, next="Somebody moved it: name a commit")
    _check_listing(manifest, address, listing)
    for name in (MANIFEST, *manifest.files):
        api.hf_hub_download(address.repository, name, revision=listing.commit, local_dir=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes on what it fetched
    try:
        return open_version(folder), listing.commit
    except LingyuError as error:
        file = Path(str(error.where)).name if error.where != str(folder) else ""
        where = f"{address}: {file}" if file else address
        next = "Its files are not what was pushed: have them restored, or pull another revision"
        raise LingyuError(error.what, where=where, next=next, status=error.status) from None


def _check_listing(manifest: Manifest, address: HubAddress, listing: _Listing) -> None:
    """Before anything large is fetched: the files of the manifest, all of them and no others, in their sizes."""
    present = set(listing.sizes) - _THE_HUBS_OWN - {MANIFEST}
    surplus, missing = sorted(present - set(manifest.files)), sorted(set(manifest.files) - present)
    if surplus or missing:
        what = f"holds {surplus[0]}, which is" if surplus else f"lacks {missing[0]}, which is"
        raise LingyuError(
            f"{what} {'not ' if surplus else ''}listed in its {MANIFEST}",
            where=address,
            next="Have the repository restored, or pull another revision",
        )
    for name, record in manifest.files.items():
        if listing.sizes[name] != record.size:
            raise LingyuError(
                f"{name} has {listing.sizes[name]:,} bytes, but {record.size:,} in {MANIFEST}",
                where=address,
                next="It was changed after it was pushed: have it restored, or pull another revision",
            )


def _require_room(api: "HfApi", version: Version, address: HubAddress, listing: _Listing) -> str | None:
    """The version that main holds, if any. Raises LingyuError where main holds what a push would wipe out."""
    if MANIFEST not in listing.sizes:
        foreign = sorted(set(listing.sizes) - _OF_A_NEW_REPOSITORY)
        if foreign:
            raise LingyuError(
                f"holds {foreign[0]} and is no adapter of ours, which a push would wipe out",
                where=address.repository,
                next="Push to a repository of its own",
            )
        return None
    present = _manifest_at(api, HubAddress(address.repository), listing)
    if present.name != version.name:
        raise LingyuError(
            f"holds the adapter {present.name}, not {version.name}",
            where=address.repository,
            next="Push each adapter to a repository of its own",
        )
    surplus = sorted(set(listing.sizes) - set(present.files) - _OF_A_NEW_REPOSITORY - {MANIFEST})
    if surplus:
        raise LingyuError(
            f"holds {surplus[0]}, which is no file of {present.reference} and a push would wipe out",
            where=address.repository,
            next="Take it out of the repository, or push to another",
        )
    if present.version == version.version:  # a push that was cut off before its tag
        require_same(_there(present, address), version)
    return present.version


def _manifest_at(api: "HfApi", address: HubAddress, listing: _Listing) -> Manifest:
    size = listing.sizes.get(MANIFEST)
    if size is None:
        raise LingyuError(
            f"holds no {MANIFEST}, so no version of an adapter",
            where=address,
            next="Make one of a foreign PEFT adapter: hf download it with --local-dir, then lingyu adapters import",
        )
    if size > MAX_JSON_BYTES:
        raise LingyuError(f"its {MANIFEST} has {size:,} bytes", where=address, next="Take another repository")
    with tempfile.TemporaryDirectory(prefix="lingyu-hub-") as folder:
        fetched = api.hf_hub_download(address.repository, MANIFEST, revision=listing.commit, local_dir=folder)
        try:
            return read_manifest(Path(fetched))
        except LingyuError as error:
            raise LingyuError(error.what, where=f"{address}: {MANIFEST}", next=error.next) from None


def _there(manifest: Manifest, address: HubAddress) -> Version:
    """A version on the hub, as far as it is known from here."""
    return Version(manifest.name, manifest.version, Path(str(address)), manifest)


def _list(api: "HfApi", address: HubAddress) -> _Listing:
    from huggingface_hub.errors import RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        info = api.model_info(address.repository, revision=address.revision)
    except RevisionNotFoundError:
        raise _no_revision(api, address) from None
    if info.sha is None:
        raise LingyuError("names no commit: is this a hub?", where=address, next="Check HF_ENDPOINT")
    entries = api.list_repo_tree(address.repository, revision=info.sha, recursive=True)
    sizes = {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}
    return _Listing(info.sha, bool(info.private), sizes)


def _tags(api: "HfApi", repository: str) -> dict[str, str]:
    """tag: commit."""
    return {tag.name: tag.target_commit for tag in api.list_repo_refs(repository).tags}


def _no_revision(api: "HfApi", address: HubAddress) -> LingyuError:
    known = (*_tags(api, address.repository), _MAIN)
    near = did_you_mean(address.revision or _MAIN, known)
    hint = f"Did you mean {replace(address, revision=near)}?" if near else f"There are: {', '.join(known[-10:])}"
    return LingyuError(f"no revision {address.revision}", where=address.repository, next=hint)


def _api() -> "HfApi":
    from huggingface_hub import HfApi

    return HfApi(library_name="lingyu", library_version=installed_version("lingyu"))


@contextmanager
def _quiet_client() -> Iterator[None]:
    """No talk of every retry, and bars on a terminal only."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity, had_bars = logging.get_verbosity(), not are_progress_bars_disabled()
    logging.set_verbosity(ERROR)
    if had_bars and not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            enable_progress_bars()


@contextmanager
def _in_one_line(address: HubAddress) -> Iterator[None]:
    """Every failure of the client as one line. Its own messages are not repeated: some quote the request's headers,
    the token among them."""
    from huggingface_hub.errors import HfHubHTTPError

    # The HTTP library beneath changes with the client's version; what it raises is this one's first base class.
    transport_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        with _quiet_client():
            yield
    except LingyuError:
        raise
    except OSError as error:
        if isinstance(error, HfHubHTTPError):
            raise _refused(error, address) from None
        raise _failed(error, address) from None
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # what its parsing of an answer raises
        raise _not_accepted(error, address) from None
    except RuntimeError as error:  # of its uploads in threads, and of Xet
        cause = error.__cause__
        raise _refused(cause, address) if isinstance(cause, HfHubHTTPError) else _out_of_reach(error, address) from None
    except transport_error as error:
        raise _out_of_reach(error, address) from None


def _refused(error: Exception, address: HubAddress) -> LingyuError:
    """The hub answered, and the answer is no."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    status = error.response.status_code if hasattr(error, "response") else 0
    if isinstance(error, GatedRepoError):
        return LingyuError("its owner grants access one by one", address, "Ask for it on the repository's page")
    if isinstance(error, RepositoryNotFoundError):
        hint = "Check the name, and that your token may read it" if get_token() else f"Check the name. {_LOG_IN}"
        return LingyuError(f"no such repository on {_endpoint()}, or a private one", address, hint)
    if status == 401 and get_token() is None:
        return LingyuError("the hub asks for a token", address, _LOG_IN)
    what, next = _STATUSES.get(status, (f"{_endpoint()} answers {status}", f"{_TRY_AGAIN} later"))
    return LingyuError(what, address, next)


_STATUSES = {
    401: ("the hub does not accept the token", _LOG_IN),
    403: ("the token does not permit this", "Take a token that may write to it: " + _LOG_IN),
    409: ("somebody changed the repository at the same time", _TRY_AGAIN),
    412: ("somebody pushed at the same time", _TRY_AGAIN),
    429: ("the hub is asked too often", f"{_TRY_AGAIN} in some minutes"),
}
"""HTTP status -> what happened, and what to do next."""


def _failed(error: OSError, address: HubAddress) -> LingyuError:
    """No answer of the hub's: it is switched off here, a download has another size, or this machine's disk is full."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, OfflineModeIsEnabled):
        return LingyuError("HF_HUB_OFFLINE forbids asking the hub", address, "Unset it, then try again")
    if error.errno is not None and not isinstance(error, LocalEntryNotFoundError | ConnectionError):
        known = from_os_error(error)
        return LingyuError(known.what, known.where or address, known.next)
    return _out_of_reach(error, address)


def _not_accepted(error: Exception, address: HubAddress) -> LingyuError:
    """The hub, or its client, finds fault with what was sent; or what answers there is no hub."""
    from huggingface_hub.errors import HFValidationError

    if isinstance(error, HFValidationError):
        what = f"{shown(address.repository)} is no name that a hub takes"
        return LingyuError(what, next="Write ORG/NAME, without -- or .., and with neither -, . nor .git at its end")
    if isinstance(error, UnicodeEncodeError):  # of a header: nothing else that is sent is not its own
        return LingyuError("the token holds characters that no token has", address, _LOG_IN)
    if "metadata in README.md" in str(error):
        reason = " ".join(str(error).split("\n", 1)[-1].split())[:300]
        return LingyuError(
            f"the hub does not accept its card: {reason}",
            address,
            "Where it names the base: only adapters of a base with a hub id can go there. Use lingyu adapters copy",
        )
    what = f"the answer of {_endpoint()} is not that of a hub ({type(error).__name__})"
    return LingyuError(what, address, "Check HF_ENDPOINT")


def _out_of_reach(error: Exception, address: HubAddress) -> LingyuError:
    return LingyuError(
        f"{_endpoint()} is out of reach, or the transfer broke off ({type(error).__name__})",
        address,
        f"Nothing half-fetched was kept. {_TRY_AGAIN}, or set HF_ENDPOINT to a mirror",
    )


def _endpoint() -> str:
    """Where the hub is, as it may be shown."""
    from huggingface_hub import constants

    return without_password(constants.ENDPOINT)
