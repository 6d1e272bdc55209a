"""The bases that are on this machine: embedded, those of bases/, and the encoders in the hubs' caches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..base import EMBEDDED, Base
from ..families import FAMILIES
from ..importing import STRUCTBERT, source_type_in
from .hub import Hub
from .modelscope import PREFIX, repositories
from .resolver import BASES, PLAIN_FILES, check_base, find_base, hub_of, kept_of, must_be_imported
from .wholeness import lacking_in

State = Literal["ready", "import", "incomplete", "unknown"]


@dataclass(frozen=True)
class Found:
    """id: as a recipe writes it. revision: of a hub. lacking: of "config", "weights", "tokenizer", what is not there.

    state: "ready"; "import": has to be imported first, which a hub's id does by itself; "incomplete"; "unknown": of a
    family that is none of ours.
    """

    id: str
    revision: str | None
    family: str | None
    folder: Path
    lacking: tuple[str, ...]
    state: State


def bases_here() -> list[Found]:
    """Looked at without reading weights, and without any hub."""
    return [*_local(), *_in_caches()]


def base_here(id: str, revision: str | None = None) -> Base | None:
    """The base where it can be read without asking a hub; None where it would have to be fetched, or made first.

    Raises LingyuError as find_base does.
    """
    hub = hub_of(id)
    if hub is None:
        return find_base(id, revision)
    if kept := kept_of(id, revision, hub):
        return kept
    folder = hub.cached(id.removeprefix(hub.prefix), revision, PLAIN_FILES)
    if folder is None or _look(id, revision, folder).state in ("incomplete", "import"):
        return None
    found = Base(id=id, revision=folder.name, folder=folder)
    check_base(found)
    return found


def hub_asked_for(id: str, revision: str | None = None) -> Hub | None:
    """The hub whose client is needed for a base; None where it is a folder, or was made into one."""
    hub = hub_of(id)
    return None if hub is None or kept_of(id, revision, hub) else hub


def _local() -> Iterator[Found]:
    yield _look("embedded", None, EMBEDDED)
    for folder in sorted(BASES.glob("[!.]*")):
        if folder.is_dir():
            yield _look(str(folder), None, folder)


def _in_caches() -> Iterator[Found]:
    from huggingface_hub import constants

    yield from _in_cache(Path(constants.HF_HUB_CACHE).glob("models--*--*"), "models--", "")
    yield from _in_cache(repositories().glob("*--*"), "", PREFIX)


def _in_cache(repositories: Iterable[Path], marked: str, prefix: str) -> Iterator[Found]:
    """Only encoders of ours: a cache holds much else. marked: what a folder's name has before owner--name; prefix: what
    an id has."""
    for repository in sorted(repositories):
        id = prefix + repository.name.removeprefix(marked).replace("--", "/", 1)
        for snapshot in sorted((repository / "snapshots").glob("*")):
            found = _look(id, snapshot.name, snapshot)
            if found.family is not None and found.state != "unknown":
                yield found


def _look(id: str, revision: str | None, folder: Path) -> Found:
    family, lacking = source_type_in(folder), tuple(lacking_in(folder))
    state: State
    if lacking:
        state = "incomplete"
    elif family not in (*FAMILIES, STRUCTBERT):
        state = "unknown"
    else:
        state = "import" if must_be_imported(folder) else "ready"
    return Found(id, revision, family, folder, lacking, state)
