"""ModelScope's hub, or the mirror that MODELSCOPE_ENDPOINT names, by its own client and its cache (MODELSCOPE_CACHE).

It names no commit for a branch and keeps a branch's files in one folder: what pins a base of it is the fingerprint of
its weights, which a version verifies whenever it is opened.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lingyu.errors import LingyuError, from_os_error, missing_extra

from .snapshot import Snapshot

PREFIX = "modelscope:"
DEFAULT_REVISION = "master"
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_MIRROR = "set MODELSCOPE_ENDPOINT to a mirror, or give a folder that holds the base"


def fetch(name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot:
    """The repository's files of these patterns. name: owner/name. HF_HUB_OFFLINE keeps this client offline too.

    Where the hub can't be reached, what the cache holds. Raises LingyuError, one line that says what to do.
    """
    if not _NAME.fullmatch(name):
        raise LingyuError("is no ModelScope id", where=PREFIX + name, next=f"Write {PREFIX}owner/name")
    download, asked = _client(), revision or DEFAULT_REVISION
    if not _offline():
        try:
            return Snapshot(Path(download(name, revision=asked, allow_patterns=list(patterns))), asked)
        except Exception as error:  # requests', urllib3's and the client's own: it has no common class for them
            failure = error
    else:
        failure = ConnectionError()
    try:
        return Snapshot(Path(download(name, revision=asked, local_files_only=True)), asked)
    except Exception:
        raise _said(failure, name, asked) from None


def _client() -> Any:
    try:
        from modelscope.hub.snapshot_download import snapshot_download
    except ImportError:
        raise missing_extra("modelscope", "modelscope") from None
    return snapshot_download


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _said(error: Exception, name: str, revision: str) -> LingyuError:
    endpoint = re.sub(r"//[^/]*@", "//", os.environ.get("MODELSCOPE_ENDPOINT") or "https://www.modelscope.cn")
    where = PREFIX + name
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403, 404):
        return LingyuError(
            f"{endpoint} has no such repository or no revision {revision} of it, or keeps it private ({status})",
            where,
            "Check the name on its page. For a private one set MODELSCOPE_API_TOKEN",
        )
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        known = from_os_error(error)
        return LingyuError(known.what, known.where or where, known.next)
    return LingyuError(
        f"can't be fetched from {endpoint} and is not whole in the cache ({type(error).__name__})",
        where,
        f"Run the same again, which goes on where it stopped; or {_MIRROR}",
    )
