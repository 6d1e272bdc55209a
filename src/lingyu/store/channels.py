"""Channels: free names for a version (channels.json), and who moved them when and why (history.jsonl)."""

import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from .documents import MAX_JSON_BYTES, read_bytes, validated
from .staging import hidden_path, sync, write_synced

CHANNELS = "channels.json"
HISTORY = "history.jsonl"


class _Target(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    version: Annotated[str, Field(pattern=r"^v[1-9][0-9]{0,8}$")]


class _Channels(RootModel[dict[str, _Target]]):
    pass


class Change(BaseModel):
    """One line of history.jsonl, where `previous` and `version` stand as `from` and `to`."""

    model_config = ConfigDict(frozen=True, strict=True)

    when: str
    who: str
    channel: str
    previous: str | None = Field(alias="from")
    version: str = Field(alias="to")
    why: str


def read_channels(folder: Path) -> dict[str, str]:
    """channel: version, of an adapter's folder; empty where no channel was ever set."""
    path = folder / CHANNELS
    if not path.is_symlink() and not path.exists():
        return {}
    channels = validated(_Channels, read_bytes(path, MAX_JSON_BYTES), path)
    return {channel: target.version for channel, target in channels.root.items()}


def read_history(folder: Path) -> tuple[Change, ...]:
    """Every change of a channel, the oldest first."""
    path = folder / HISTORY
    return tuple(validated(Change, line, path) for line in _history_bytes(folder).splitlines() if line.strip())


@dataclass(frozen=True)
class PreparedChange:
    """New channels.json and history.jsonl, written and synced under hidden names: all that can fail for want of room
    is behind us before anything is seen to change."""

    renames: tuple[tuple[Path, Path], ...]

    def commit(self) -> None:
        for hidden, target in self.renames:
            hidden.rename(target)
        for folder in {target.parent for _, target in self.renames}:
            sync(folder)


def prepare_change(folder: Path, channel: str, version: str, why: str) -> PreparedChange:
    """What sets the channel to the version once it is committed. Only for whoever has the writer's turn.

    The line of history is renamed into place first: a process killed in between leaves a line for a change that did
    not take place, which the next line's `from` shows, rather than a change that nobody can account for.
    """
    before = read_channels(folder)
    if before.get(channel) == version:
        return PreparedChange(())
    change = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "who": _user(),
        "channel": channel,
        "from": before.get(channel),
        "to": version,
        "why": why,
    }
    line = json.dumps(change, ensure_ascii=False)
    history = _history_bytes(folder) + line.encode(errors="replace") + b"\n"
    return PreparedChange(
        (
            (_hidden_copy(folder, history), folder / HISTORY),
            (_hidden_copy(folder, _channels_bytes({**before, channel: version})), folder / CHANNELS),
        )
    )


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
    data = read_bytes(path, MAX_JSON_BYTES)
    return data if data.endswith(b"\n") or not data else data + b"\n"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "unknown"
