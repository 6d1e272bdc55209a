"""What a chain knows from one call to the next: `runs/<chain name>/chain.json`, an entry a stage.

It holds fingerprints, settings and names of files, no text. It may be deleted: then every stage runs anew, and what an
earlier call has left is no longer the chain's own to replace.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from lingyu.data import in_one_go
from lingyu.errors import LingyuError

STATE = "chain.json"
FORMAT: Final = 1
_LONGEST_VALUE = 60


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Inputs(_Record):
    """Everything that a stage reads.

    settings: dotted key -> its value as JSON. contents: what a person calls it -> fingerprint, None where it was not
    there.
    """

    settings: dict[str, str]
    contents: dict[str, str | None]

    def changes_since(self, before: "Inputs") -> tuple[str, ...]:
        """One line for each input that is not as it was."""
        return (*self._changed_settings(before.settings), *self._changed_contents(before.contents))

    def _changed_settings(self, before: Mapping[str, str]) -> Iterator[str]:
        for key in dict.fromkeys([*self.settings, *before]):
            was, now = before.get(key), self.settings.get(key)
            if was != now:
                yield f"{key} was {_shown(was)}, is {_shown(now)}"

    def _changed_contents(self, before: Mapping[str, str | None]) -> Iterator[str]:
        for name in dict.fromkeys([*self.contents, *before]):
            if name not in before:
                yield f"{name} is read now"
            elif name not in self.contents:
                yield f"{name} is no longer read"
            elif before[name] != self.contents[name]:
                happened = "is gone" if self.contents[name] is None else "has changed" if before[name] else "is there"
                yield f"{name} {happened}"


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"


class Output(_Record):
    """What a stage left. what: as a person calls it, which also says where: hotel@v3, bases/hotel."""

    what: str
    fingerprint: str


class Started(_Record):
    """A stage that was begun, and not yet seen to end.

    found: what lay at its place then. runs: the runs of its recipe that were there before, which are none of its own.
    replaces: whether what lay there was the chain's own, to be replaced.
    """

    inputs: Inputs
    found: Output | None
    runs: tuple[str, ...]
    replaces: bool


class Entry(_Record):
    """inputs, output: of the last time that the stage ended well. started: since then.

    inputs is None again once the stage is begun anew on the same.
    """

    inputs: Inputs | None = None
    output: Output | None = None
    started: Started | None = None


class _File(_Record):
    format: Literal[1] = FORMAT
    stages: dict[str, Entry] = {}


class State:
    """The entries of a chain, on the disk as soon as they are set."""

    def __init__(self, folder: Path) -> None:
        """Raises LingyuError for a file that no chain wrote, or a newer lingyu did."""
        self._path = folder / STATE
        self._stages = dict(_read(self._path).stages)

    def entry(self, stage: str) -> Entry:
        return self._stages.get(stage, Entry())

    def set(self, stage: str, entry: Entry) -> None:
        self._stages[stage] = entry
        with in_one_go(self._path) as staged:
            staged.path.write_text(_File(stages=self._stages).model_dump_json(indent=1) + "\n", "utf-8")


def _read(path: Path) -> _File:
    if not path.is_file():
        return _File()
    try:
        return _File.model_validate_json(path.read_bytes())
    except ValidationError:
        raise LingyuError(
            "is not what this lingyu writes there", where=path, next="Remove it, and every stage runs anew"
        ) from None


def write_document(path: Path, document: Mapping[str, object]) -> None:
    """A JSON file in one go."""
    with in_one_go(path) as staged:
        staged.path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def read_document(path: Path) -> dict[str, object]:
    """The JSON object in a file that a chain wrote; empty where it is none."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second chain of the same name out. Raises LingyuError where one is at work."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".chain.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LingyuError("another process runs this chain", where=folder, next="Wait until it has ended") from None
    try:
        yield
    finally:
        lock.release()
