"""The Hugging Face hub, or the mirror that HF_ENDPOINT names, by its own client: cache, resuming and all."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lingyu.errors import LingyuError, without_password

from .hub import Snapshot, about_this_machine

_COMMIT = re.compile(r"[0-9a-f]{40}")
_MIRROR = "Set HF_ENDPOINT to a mirror, or give a folder that holds the base"
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN"


class HuggingFace:
    """The snapshot's revision is the commit that the one asked for led to."""

    prefix: str = ""
    extra: str | None = None

    @property
    def endpoint(self) -> str:
        from huggingface_hub import constants

        return without_password(os.environ.get("HF_ENDPOINT") or constants.ENDPOINT)

    def revision_of(self, revision: str | None) -> str | None:
        return revision

    def is_pinned(self, revision: str | None) -> bool:
        """A commit can only ever mean one state of a repository."""
        return revision is not None and _COMMIT.fullmatch(revision) is not None

    def fetch(self, name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot:
        with self._in_one_line(name, revision):
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
        return Snapshot(folder, folder.name)  # a snapshot's folder is named by its commit

    def cached(self, name: str, revision: str | None, patterns: Sequence[str]) -> Path | None:
        from huggingface_hub.errors import LocalEntryNotFoundError

        with self._in_one_line(name, revision):
            from huggingface_hub import snapshot_download

            try:
                found = snapshot_download(name, revision=revision, allow_patterns=list(patterns), local_files_only=True)
            except LocalEntryNotFoundError:
                return None
        return Path(found)

    @contextmanager
    def _in_one_line(self, name: str, revision: str | None) -> Iterator[None]:
        """The client's own messages are not repeated: some quote the request's headers, the token among them."""
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        # The HTTP library beneath changes with the client's version; what it raises is this one's first base class.
        transport_error: type[Exception] = HfHubHTTPError.__mro__[1]
        try:
            yield
        except HFValidationError:
            raise LingyuError("is no hub id", where=name, next="A hub id is owner/name") from None
        except ValueError:  # of an address without a sense, which the client reads when it is imported, or a token's
            what = f"nothing can be asked of {self.endpoint}: its address or the token holds what no request may"
            raise LingyuError(what, name, "Mend or unset HF_ENDPOINT and HF_TOKEN") from None
        except (OSError, RuntimeError, transport_error) as error:
            raise _said(error, name, revision, self.endpoint) from None


def _said(error: Exception, name: str, revision: str | None, endpoint: str) -> LingyuError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

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
        next_step = _LOG_IN if status in (401, 403) else "Try again later, or set HF_ENDPOINT to a mirror"
        return LingyuError(f"{endpoint} answers {status}", name, next_step)
    return about_this_machine(error, name) or LingyuError(
        f"its download from {endpoint} broke off ({type(error).__name__})",
        name,
        "Run the same again: files that are whole are kept. Or set HF_ENDPOINT to a mirror",
    )
