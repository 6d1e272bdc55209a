"""What a corpus is asked for, looked at before anything is read: every source, step and excluded set is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lingyu.data.cleaning import CORPUS_STEPS, require_steps
from lingyu.errors import LingyuError, did_you_mean
from lingyu.machine import usable_cores

from .excluding import ExcludedSet, load_excluded
from .sifting import Rules
from .sources import SourceFile, find_sources, total_bytes

_BYTES_FOR_A_WORKER = 1 << 22  # less is done here before a process has started
Engine = Literal["local", "datatrove"]


@dataclass(frozen=True)
class CorpusRequest:
    """What `lingyu data corpus` is asked for.

    exclude: tables (`FILE` or `FILE:COLUMN`), files with a text a line, and recipes. text: the column of tables.
    licences, origins: name of a source, or of a folder of them, to what is said of it.
    shortest: characters of a cleaned paragraph, at the least. workers: processes; None for one a core.
    """

    sources: tuple[Path, ...]
    out: Path
    exclude: tuple[str, ...] = ()
    steps: tuple[str, ...] = CORPUS_STEPS
    text: str = "text"
    encoding: str = "utf-8"
    licences: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    shortest: int = 4
    workers: int | None = None
    engine: Engine = "local"
    force: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """A request that was looked at: every source and every excluded set is there."""

    request: CorpusRequest
    files: tuple[SourceFile, ...]
    excluded: tuple[ExcludedSet, ...]

    @property
    def workers(self) -> int:
        return self.request.workers or min(usable_cores(), 1 + total_bytes(self.files) // _BYTES_FOR_A_WORKER)

    @property
    def rules(self) -> Rules:
        return Rules(self.request.steps, self.request.shortest, self.request.encoding)


def planned(request: CorpusRequest) -> Plan:
    require_steps(request.steps, "--steps")
    files = find_sources(request.sources, request.out)
    for option, notes in (("--licence", request.licences), ("--source", request.origins)):
        _require_known_names(notes, files, option)
    return Plan(request, files, load_excluded(request.exclude, request.text, request.encoding))


def _require_known_names(notes: Mapping[str, str], files: Sequence[SourceFile], option: str) -> None:
    """Raises LingyuError for a name that says nothing of any source."""
    used = {nearest_name(notes, file.name) for file in files}
    for name in notes:
        if not any(_is_of(name, file.name) for file in files):
            near = did_you_mean(name, [file.name for file in files])
            hint = f"Did you mean {near}?" if near else f"Name {files[0].name}, for one"
            raise LingyuError(f"{option}: no source is called {name!r}", next=hint)
        if name not in used:
            raise LingyuError(f"{option}: every source of {name!r} has a name nearer to it", next="Leave it out")


def _is_of(name: str, source: str) -> bool:
    """Whether a source is meant by a name: its own or its last part, or that of a folder it lies in."""
    return source == name or source.startswith(f"{name.rstrip('/')}/") or source.endswith(f"/{name}")


def nearest_name(notes: Mapping[str, str], source: str) -> str | None:
    """The name of those given that says most exactly that this source is meant: its own, else the longest."""
    names = [name for name in notes if _is_of(name, source)]
    return max(names, key=lambda name: (name == source, len(name.rstrip("/"))), default=None)
