"""What every hub's client gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Snapshot:
    """A folder of a client's cache, read only, and the revision that it holds: a commit where the hub names one."""

    folder: Path
    revision: str


class Fetch(Protocol):
    """Raises LingyuError, one line that says what to do, where the hub says no or can't be reached."""

    def __call__(self, name: str, revision: str | None, patterns: Sequence[str]) -> Snapshot: ...
