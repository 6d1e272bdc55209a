"""The Hugging Face hub, or the mirror that HF_ENDPOINT names, by its own client: cache, resuming and all."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lingyu.errors import LingyuError, from_os_error

from .snapshot import Snapshot

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MIRROR = "Set HF_ENDPOINT to a mirror, or give a folder that holds the base"
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN"


def fetch(name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot:
    """The repository's files of these patterns; the commit that the revision led to. Offline, from the cache.

    Raises LingyuError, one line that says what to do.
    """
    from huggingface_hub import snapshot_download

    with _in_one_line(name, revision):
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    return Snapshot(folder, folder.name)  # a snapshot's folder is named by its commit


def is_pinned(revision: str | None) -> bool:
    """Whether a revision can only ever mean one state of a repository."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


@contextmanager
def _in_one_line(name: str, revision: str | None) -> Iterator[None]:
    """The client's own messages are not repeated: some quote the request's headers, the token among them."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # The HTTP library beneath changes with the client's version; what it raises is this one's first base class.
    transport_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        yield
    except HFValidationError:
        raise LingyuError("is no hub id", where=name, next="A hub id is owner/name") from None
    except (OSError, RuntimeError, transport_error) as error:
        raise _said(error, name, revision) from None


def _said(error: Exception, name: str, revision: str | None) -> LingyuError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = _endpoint()
    if isinstance(error, GatedRepoError):
        return LingyuError("its owner grants access one by one", name, f"Ask for it on its page. {_LOG_IN}")
    if isinstance(error, RepositoryNotFoundError):
        return LingyuError(f"no such repository on {endpoint}, or a private one", name, f"Check the name. {_LOG_IN}")
    if isinstance(error, RevisionNotFoundError):
        return LingyuError(f"no revision {revision} on {endpoint}", name, "Leave revision out, or name one of its page")
    if isinstance(error, LocalEntryNotFoundError):
        what = f"can't be fetched from {endpoint} and is not in the cache ({type(error).__name__})"
        return LingyuError(what, name, _MIRROR)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        next_step = f"{_LOG_IN}" if status in (401, 403) else "Try again later, or set HF_ENDPOINT to a mirror"
        return LingyuError(f"{endpoint} answers {status}", name, next_step)
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        known = from_os_error(error)
        return LingyuError(known.what, known.where or name, known.next)
    return LingyuError(
        f"its download from {endpoint} broke off ({type(error).__name__})",
        name,
        "Run the same again: files that are whole are kept. Or set HF_ENDPOINT to a mirror",
    )


def _endpoint() -> str:
    """Without what a mirror's address may hold: a name and a password."""
    from huggingface_hub import constants

    return re.sub(r"//[^/]*@", "//", os.environ.get("HF_ENDPOINT") or constants.ENDPOINT)
