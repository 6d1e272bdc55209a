"""From what a recipe calls its base to a folder that can be read: embedded, a folder, a hub's id, ModelScope's id.

A hub's base that exists as a pickle only, or in StructBERT's own form, is made into a folder of bases/ once, and found
there from then on, without the hub where the revision leaves no doubt.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lingyu.errors import LingyuError, did_you_mean

from ..base import EMBEDDED, Base
from ..families import FAMILIES, family_of
from ..fingerprints import weight_files
from ..importing import (
    CONFIGURATION,
    PICKLE,
    PICKLE_INDEX,
    STRUCTBERT,
    Origin,
    has_pickle,
    has_safetensors,
    import_checkpoint,
    read_origin,
    source_type_in,
)
from .hub import Hub, Snapshot
from .huggingface import HuggingFace
from .modelscope import ModelScope

BASES = Path("bases")
"""Where bases are made and looked for, beside the store and the recipes: of the current folder."""

_LOG = logging.getLogger("lingyu.bases")
_HUGGING_FACE = HuggingFace()
_WITH_PREFIX: tuple[Hub, ...] = (ModelScope(),)
PLAIN_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")  # never a pickle, never code
_PICKLES = (PICKLE, PICKLE_INDEX, "pytorch_model-*-of-*.bin")


def find_base(id: str, revision: str | None = None) -> Base:
    """The base that a recipe names: `embedded`, a folder, a hub id, or `modelscope:` and an id of that hub.

    Raises LingyuError where it is nowhere, is of no known family, or wants to run code of its own; and for a folder
    that has to be imported first.
    """
    hub = hub_of(id)
    found = Base(id=id, revision=None, folder=_local(id, revision)) if hub is None else _fetched(id, revision, hub)
    check_base(found)
    return found


def hub_of(id: str) -> Hub | None:
    """Where a base of this name is looked for; None for embedded and for folders.

    The hub of owner/name is Hugging Face's, unless such a folder is here.
    """
    for hub in _WITH_PREFIX:
        if id.startswith(hub.prefix):
            return hub
    is_path = id.startswith((".", "/", "~", "bases/")) or Path(id).is_dir()
    return _HUGGING_FACE if id.count("/") == 1 and not is_path else None


def is_hub_id(id: str) -> bool:
    """Whether a base of this name is one of Hugging Face's hub."""
    return hub_of(id) is _HUGGING_FACE


def must_be_imported(folder: Path) -> bool:
    """Whether the folder holds a checkpoint that transformers and we can't read as it is."""
    if (folder / "config.json").is_file() and has_safetensors(folder):
        return source_type_in(folder) == STRUCTBERT
    return has_pickle(folder) or (folder / CONFIGURATION).is_file()


def _local(id: str, revision: str | None) -> Path:
    folder = EMBEDDED if id == "embedded" else Path(id)
    if not folder.is_dir():
        raise _nowhere(id)
    if revision is not None:
        raise LingyuError(
            f"a folder has no revision {revision}", where=id, next="Leave revision out, or give the id of a hub"
        )
    if must_be_imported(folder):
        what = "holds a pickle only" if not has_safetensors(folder) else "is of StructBERT's own form"
        raise LingyuError(
            f"{what}, which is no base yet",
            where=id,
            next=f"Make one of it: lingyu base import {id} --out {BASES / folder.resolve().name}",
        )
    if not (folder / "config.json").is_file():
        raise LingyuError("holds no config.json", where=id, next="Give the folder of a transformers encoder")
    return folder


def _nowhere(id: str) -> LingyuError:
    siblings = [str(Path(id).parent / p.name) for p in Path(id).parent.glob("*") if p.is_dir()]
    near = did_you_mean(id, [*siblings, "embedded"])
    hint = f"Did you mean {near}?" if near else "Give embedded, a folder, or a hub id such as hfl/chinese-macbert-base"
    return LingyuError("no such base" if "/" not in id else "no such folder", where=id, next=hint)


def _fetched(id: str, revision: str | None, hub: Hub) -> Base:
    """Of a hub, in its client's cache or made in bases/. A revision that is pinned is not asked for a second time."""
    if hub.is_pinned(revision) and (kept := kept_of(id, revision, hub)):
        return kept
    try:
        snapshot = hub.fetch(id.removeprefix(hub.prefix), revision, PLAIN_FILES)
    except LingyuError:
        if kept := kept_of(id, revision, hub):
            return kept
        raise
    if not (snapshot.folder / "config.json").is_file() and not (snapshot.folder / CONFIGURATION).is_file():
        raise LingyuError("holds no config.json", where=id, next="Give the id of an encoder in transformers' form")
    if has_safetensors(snapshot.folder) and not must_be_imported(snapshot.folder):
        return Base(id=id, revision=snapshot.revision, folder=snapshot.folder)
    return kept_of(id, snapshot.revision, hub) or _made(id, snapshot, hub)


def _made(id: str, snapshot: Snapshot, hub: Hub) -> Base:
    """A folder of bases/ that holds what the hub's does. One process makes it; others that want it wait."""
    _check_code(snapshot.folder / "config.json")
    name = id.removeprefix(hub.prefix)
    if not has_safetensors(snapshot.folder):
        snapshot = hub.fetch(name, snapshot.revision, _PICKLES)
        if not has_pickle(snapshot.folder):
            raise LingyuError(
                f"holds neither safetensors nor {PICKLE} at revision {snapshot.revision}, or the cache has no copy",
                where=id,
                next="Set revision to one that holds them (often refs/pr/N, see its pull requests)",
            )
    folder = BASES / _folder_name(name, snapshot.revision)
    with _alone(folder.name):
        if kept := kept_of(id, snapshot.revision, hub):
            return kept
        imported = import_checkpoint(snapshot.folder, folder, origin=Origin(id, snapshot.revision))
    _LOG.warning("%s holds %s: made %s of it, once. %s", id, _form(imported.source_type), folder, imported.layout)
    return Base(id=id, revision=snapshot.revision, folder=folder)


def _form(source_type: str) -> str:
    return "StructBERT's own form" if source_type == STRUCTBERT else "a pickle only"


def kept_of(id: str, revision: str | None, hub: Hub) -> Base | None:
    """What was made of it earlier. A revision that the hub has no word for: whatever there is, if it is only one.

    Of several folders of one revision, copies then, the one that was made here.
    """
    revision = hub.revision_of(revision)
    found = [(origin.revision, folder) for origin, folder in _made_before() if origin.id == id]
    if revision is not None:
        found = [(made, folder) for made, folder in found if made == revision]
    if len({made for made, _ in found}) != 1:
        return None
    made = found[0][0]
    ours = BASES / _folder_name(id.removeprefix(hub.prefix), str(made))
    folders = [folder for _, folder in found]
    return Base(id=id, revision=made, folder=ours if ours in folders else folders[0])


def _made_before() -> Iterator[tuple[Origin, Path]]:
    for config in sorted(BASES.glob("[!.]*/config.json")):
        origin = read_origin(config.parent)
        if origin is not None:
            yield origin, config.parent


def _folder_name(name: str, revision: str) -> str:
    """hfl--chinese-macbert-base-a1b2c3d4e5f6: one level, and nothing in it that a shell or a file system minds."""
    short = revision[:12] if _HUGGING_FACE.is_pinned(revision) else revision  # of a commit
    return re.sub(r"[^\w.-]", "-", f"{name.replace('/', '--')}-{short}")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    locks = BASES / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{name}.lock"):
        yield


def _check_code(config: Path) -> None:
    if config.is_file() and "auto_map" in _read_config(config):
        raise LingyuError("asks to run code of its own (auto_map)", where=config, next="Take another base")


def check_base(base: Base) -> None:
    """Raises LingyuError for a config that names code, or no family of ours, and for weights not whole or quantized.

    The config is read without waiting for transformers.
    """
    file = base.folder / "config.json"
    config = _read_config(file)
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise LingyuError("names no model_type", where=file, next=f"Write one into it: {', '.join(FAMILIES)}")
    _check_code(file)
    if config.get("quantization_config"):
        raise LingyuError("is quantized already", where=file, next="Take the base in full precision")
    family_of(model_type, base.id)
    weight_files(base.folder)


def _read_config(file: Path) -> dict[str, object]:
    """Empty for JSON that has no names."""
    try:
        config = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise LingyuError("is not JSON", where=file, next="Copy the base anew") from None
    return config if isinstance(config, dict) else {}
