"""ModelScope's hub, or the mirror that MODELSCOPE_ENDPOINT names, by its own client and its cache (MODELSCOPE_CACHE).

It names no commit for a branch and keeps a branch's files in one folder: what pins a base of it is the fingerprint of
its weights, which a version verifies whenever it is opened.
"""

import os
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lingyu.errors import LingyuError, missing_extra, without_password

from .hub import Snapshot, about_this_machine
from .wholeness import lacking_in

PREFIX = "modelscope:"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_AGAIN = (
    "Run the same again, which goes on where it stopped; "
    "or set MODELSCOPE_ENDPOINT to a mirror, or give a folder that holds the base"
)


class ModelScope:
    """The snapshot's revision is the one that was asked for. HF_HUB_OFFLINE keeps this client offline too."""

    prefix: str = PREFIX
    extra: str | None = "modelscope"

    @property
    def endpoint(self) -> str:
        return without_password(os.environ.get("MODELSCOPE_ENDPOINT") or "https://www.modelscope.cn")

    def revision_of(self, revision: str | None) -> str:
        return revision or "master"

    def is_pinned(self, revision: str | None) -> bool:
        """As far as anything is here: no answer of the hub could tell one state of a branch from another."""
        return True

    def fetch(self, name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot:
        """Where the hub can't be reached, what the cache holds, if that is whole."""
        _require_name(name)
        download, asked = _client(), self.revision_of(revision)
        failure: Exception = ConnectionError()
        if not _offline():
            try:
                return Snapshot(Path(download(name, revision=asked, allow_patterns=list(patterns))), asked)
            except Exception as error:  # requests', urllib3's and the client's own: it has no common class for them
                if not _is_out_of_reach(error):
                    raise _said(error, name, asked, self.endpoint) from None
                failure = error
        try:
            folder = Path(download(name, revision=asked, local_files_only=True))
        except Exception:
            raise _unreached(failure, name, self.endpoint) from None
        if any(lacking_in(folder)):
            raise _unreached(failure, name, self.endpoint)
        return Snapshot(folder, asked)

    def cached(self, name: str, revision: str | None, patterns: Sequence[str]) -> Path | None:
        _require_name(name)
        folder = repositories() / name.replace("/", "--") / "snapshots" / self.revision_of(revision)
        return folder if folder.is_dir() else None


def repositories() -> Path:
    """Where the client keeps them: owner--name, and in it snapshots, a folder a revision."""
    return Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope") / "models"


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise LingyuError("is no ModelScope id", where=PREFIX + name, next=f"Write {PREFIX}owner/name")


def _client() -> Any:
    try:
        from modelscope.hub.snapshot_download import snapshot_download
    except ImportError:
        raise missing_extra("modelscope", "modelscope") from None
    return snapshot_download


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _status_of(error: Exception) -> int | None:
    """Of the hub's answer, where it gave one; the client may wrap its own error into one of requests without it."""
    for place in (getattr(error, "response", None), error, error.__cause__):
        status = getattr(place, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _is_out_of_reach(error: Exception) -> bool:
    status = _status_of(error)
    if status is not None:
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, OSError) and about_this_machine(error, "") is None


def _unreached(error: Exception, name: str, endpoint: str) -> LingyuError:
    what = f"can't be fetched from {endpoint} and is not whole in the cache ({type(error).__name__})"
    return LingyuError(what, PREFIX + name, _AGAIN)


def _said(error: Exception, name: str, revision: str, endpoint: str) -> LingyuError:
    where = PREFIX + name
    status = _status_of(error)
    if status in (401, 403, 404):
        return LingyuError(
            f"{endpoint} has no such repository or no revision {revision} of it, or keeps it private ({status})",
            where,
            "Check the name on its page. For a private one set MODELSCOPE_API_TOKEN",
        )
    failed: Mapping[str, Exception] = getattr(error, "failed_files", {})  # of a FileDownloadError: the others are kept
    for one in (error, *failed.values()):
        if known := about_this_machine(one, where):
            return known
    file, reason = next(iter(failed.items()), ("", error))
    at = f" at {file}" if file else ""
    return LingyuError(f"its download from {endpoint} broke off{at} ({type(reason).__name__})", where, _AGAIN)
