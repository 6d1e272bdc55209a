"""Channels: free names for a version (channels.json), and who changed what when and why (history.jsonl)."""

import getpass
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel

from lingyu.digests import Sha256
from lingyu.errors import LingyuError
from lingyu.folders import sync

from .documents import MAX_JSON_BYTES, read_bytes, validated
from .manifest import VersionName
from .staging import hidden_path, write_synced

CHANNELS = "channels.json"
HISTORY = "history.jsonl"

_LONGEST_WHY = 1000

# No line is ever taken out, so that it grows past what documents are held to.
_MOST_HISTORY_BYTES = 2**30


class _Target(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    version: VersionName


class _Channels(RootModel[dict[str, _Target]]):
    pass


class Change(BaseModel):
    """A line of history.jsonl on a channel, where `previous` and `version` stand as `from` and `to`.

    previous: None where the channel was new. version: None where the channel was taken away.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    when: str
    who: str
    channel: str
    previous: VersionName | None = Field(alias="from")
    version: VersionName | None = Field(alias="to")
    why: str
    rollback: bool = False


class Removal(BaseModel):
    """A line of history.jsonl on a version that was removed. Its number stays taken for as long as the line stands.

    manifest: SHA-256 of its lingyu.json, by which the very same version is known where it comes back from a copy;
    None where it had lost that file.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    when: str
    who: str
    removed: VersionName
    manifest: Sha256 | None
    why: str


class _Line(RootModel[Change | Removal]):
    pass


def read_channels(folder: Path) -> dict[str, str]:
    """channel: version, of an adapter's folder; empty where no channel was ever set."""
    path = folder / CHANNELS
    if not path.is_symlink() and not path.exists():
        return {}
    channels = validated(_Channels, read_bytes(path, MAX_JSON_BYTES), path)
    return {channel: target.version for channel, target in channels.root.items()}


def read_history(folder: Path) -> tuple[Change | Removal, ...]:
    """Every change of a channel and every removal of a version, the oldest first."""
    lines = enumerate(_history_bytes(folder).splitlines(), start=1)
    return tuple(validated(_Line, line, f"{folder / HISTORY}:{number}").root for number, line in lines if line.strip())


def named_versions(history: Iterable[Change | Removal]) -> set[str]:
    """Versions that a history names: they were there once, whatever stands in the folder now."""
    named: set[str | None] = set()
    for line in history:
        named |= {line.removed} if isinstance(line, Removal) else {line.previous, line.version}
    return {version for version in named if version is not None}


def version_before(history: Iterable[Change | Removal], channel: str, current: str) -> str | None:
    """What the channel named before the version that it names now; None where there was nothing.

    A rollback takes back the change that led to where the channel stood, so a second one goes back one further, never
    forth to what the first one left.
    """
    changes = _real_changes(history, channel, current)
    path = [change.previous for change in changes[:1] if change.previous is not None]
    for change in changes:
        assert change.version is not None, "these led to where the channel stands"
        if change.rollback and change.version in path:
            while path[-1] != change.version:
                path.pop()
        else:
            path.append(change.version)
    return path[-2] if len(path) > 1 else None


def _real_changes(history: Iterable[Change | Removal], channel: str, current: str) -> list[Change]:
    """The channel's changes since it was new, without lines of a writer that was killed before its change.

    Of those the next line's `from` says that they did not take place (see prepare_change).
    """
    real: list[Change] = []
    expected: str | None = current
    for line in reversed(list(history)):
        if expected is not None and isinstance(line, Change) and (line.channel, line.version) == (channel, expected):
            real.append(line)
            expected = line.previous
    return real[::-1]


@dataclass(frozen=True)
class PreparedChange:
    """New channels.json and history.jsonl, written and synced under hidden names: all that can fail for want of room
    is behind us before anything is seen to change.

    line: what the history will say of a channel; None where no channel changes.
    """

    line: Change | None
    renames: tuple[tuple[Path, Path], ...] = ()

    def commit(self) -> None:
        for hidden, target in self.renames:
            hidden.rename(target)
        for folder in {target.parent for _, target in self.renames}:
            sync(folder)


def check_why(why: str) -> str:
    """The reason itself. Raises LingyuError for none, and for one that is too long to be read in a history."""
    if not why.strip() or len(why) > _LONGEST_WHY:
        what = "no reason is given" if not why.strip() else f"the reason has over {_LONGEST_WHY:,} characters"
        raise LingyuError(what, next="The history keeps why something was changed: a sentence")
    return why


def prepare_change(
    folder: Path, channel: str, version: str | None, why: str, *, rollback: bool = False
) -> PreparedChange:
    """What sets the channel to the version, or takes it away for None, once it is committed. Only for whoever has the
    writer's turn.

    The line of history is renamed into place first: a process killed in between leaves a line for a change that did
    not take place, which the next line's `from` shows, rather than a change that nobody can account for.
    """
    before = read_channels(folder)
    previous = before.pop(channel, None)
    if previous == version:
        return PreparedChange(None)
    after = before if version is None else {**before, channel: version}
    facts = {"channel": channel, "from": previous, "to": version, "rollback": rollback}
    line = Change.model_validate({**_signed(why), **facts})
    history = _hidden_history(folder, line)
    return PreparedChange(line, (history, (_hidden_copy(folder, _channels_bytes(after)), folder / CHANNELS)))


def sign_removal(version: str, manifest: str | None, why: str) -> Removal:
    """The line on a version that is removed now. manifest: SHA-256 of its lingyu.json; None where it has lost it."""
    return Removal.model_validate({**_signed(why), "removed": version, "manifest": manifest})


def prepare_removal(folder: Path, line: Removal) -> PreparedChange:
    """What writes down that a version was removed. Only for whoever has the writer's turn."""
    return PreparedChange(None, (_hidden_history(folder, line),))


def _signed(why: str) -> dict[str, str]:
    """Who, when and why. A command line may hold bytes that are no text: they become question marks."""
    who, why = (text.encode(errors="replace").decode() for text in (_user(), check_why(why)))
    return {"when": datetime.now(UTC).isoformat(timespec="seconds"), "who": who, "why": why}


def _hidden_history(folder: Path, line: Change | Removal) -> tuple[Path, Path]:
    document = line.model_dump(by_alias=True, exclude_defaults=True)
    data = _history_bytes(folder) + json.dumps(document, ensure_ascii=False).encode() + b"\n"
    if len(data) > _MOST_HISTORY_BYTES:
        what = f"would have {len(data):,} bytes; at most {_MOST_HISTORY_BYTES:,} are read"
        raise LingyuError(what, folder / HISTORY, "Go on under another name")
    return _hidden_copy(folder, data), folder / HISTORY


def _hidden_copy(folder: Path, data: bytes) -> Path:
    path = hidden_path(folder)
    write_synced(path, data)
    return path


def _channels_bytes(channels: Mapping[str, str]) -> bytes:
    document = {channel: {"version": version} for channel, version in sorted(channels.items())}
    return json.dumps(document, indent=2).encode() + b"\n"


def _history_bytes(folder: Path) -> bytes:
    path = folder / HISTORY
    if not path.is_symlink() and not path.exists():
        return b""
    data = read_bytes(path, _MOST_HISTORY_BYTES)
    return data if data.endswith(b"\n") or not data else data + b"\n"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"
