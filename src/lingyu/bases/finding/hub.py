"""What every hub gives, whichever client reaches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lingyu.errors import LingyuError, from_os_error


@dataclass(frozen=True)
class Snapshot:
    """A folder of a client's cache, read only, and the revision that it holds: a commit where the hub names one."""

    folder: Path
    revision: str


class Hub(Protocol):
    """prefix: what stands before a repository's name in a recipe. extra: of lingyu, that brings the client; None where
    it always is there. Every method raises LingyuError, one line, for a name that no repository can have."""

    prefix: str
    extra: str | None

    @property
    def endpoint(self) -> str:
        """Its address, or a mirror's, without name and password."""

    def revision_of(self, revision: str | None) -> str | None:
        """What is asked for where a recipe says this."""

    def is_pinned(self, revision: str | None) -> bool:
        """Whether what was made of a revision once is taken for it from then on, without asking."""

    def fetch(self, name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot:
        """The repository's files of these patterns; offline those of the cache.

        Raises LingyuError, one line that says what to do, where the hub says no or can't be reached.
        """

    def cached(self, name: str, revision: str | None, patterns: Sequence[str]) -> Path | None:
        """The folder of the cache that fetch would give, without asking anybody; perhaps not whole."""


def about_this_machine(error: Exception, where: str) -> LingyuError | None:
    """The line for a full disk and the like; None where the error is about the way to the hub."""
    if not isinstance(error, OSError) or error.errno is None or isinstance(error, ConnectionError | TimeoutError):
        return None
    known = from_os_error(error)
    return LingyuError(known.what, known.where or where, known.next)
