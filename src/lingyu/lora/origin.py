"""Where the base of a version lies: found by its name or its fingerprint, and verified before it is given out."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lingyu.bases import Base, find_base
from lingyu.errors import LingyuError
from lingyu.store import Version, require_base


class BaseNotFound(LingyuError):  # noqa: N818 - what happened
    """The base of a version is not on this machine, nor to be fetched: whether it fits can't be told here."""


def find_base_of(version: Version) -> Base:
    """The base that a version was trained on, under the name that the version gives it.

    Raises BaseNotFound where it is nowhere, and LingyuError where it has other weights or another tokenizer: then it
    names both sides; or where it can't read as much of a text as the version does.
    """
    base = _found(version)
    require_base_of(version, base)
    return base


def require_base_of(version: Version, base: Base) -> None:
    """Raises LingyuError unless the version was trained on this base, and reads no more of a text than the base can,
    and some of it."""
    require_base(
        version,
        base.id,
        weights_fingerprint=base.weights_fingerprint,
        tokenizer_fingerprint=base.tokenizer_fingerprint,
    )
    max_length = version.manifest.max_length
    if max_length > base.max_length:
        raise LingyuError(
            f"reads {max_length:,} tokens of a text, but its base {base.id} {base.max_length:,} at most",
            where=version.folder,
            next="It can't have been trained so: take another version",
        )
    own = base.tokenizer.num_special_tokens_to_add(pair=version.manifest.text_pair)
    if max_length <= own:  # which can't be cut to: a tokenizer leaves such a text as long as it is
        raise LingyuError(
            f"reads {max_length:,} tokens of a text, of which the {own} special ones leave none",
            where=version.folder,
            next="It can't have been trained so: take another version",
        )


def _found(version: Version) -> Base:
    """A local base is looked for where it is named, then by fingerprint in bases/ beside the store.

    Raises BaseNotFound with the fingerprint and the lineage where it is nowhere. Where other weights lie at the named
    place, those are given back: whoever verifies them names both sides.
    """
    record = version.manifest.base
    beside_store = _beside_store(version)
    if record.id == "embedded":
        return _embedded(version, beside_store / "bases")
    if record.revision is not None:  # which only a hub's base has
        return _of_hub(version, record.revision, beside_store / "bases")
    named = [replace(find_base(str(place)), id=record.id) for place in _named_places(record.id, beside_store)]
    for base in (*named, *_bases_in(beside_store / "bases", record.id)):
        if _has_weights(base, record.weights_fingerprint):
            return base
    if named:
        return named[0]
    lineage = " <- ".join(entry.id for entry in version.manifest.lineage)
    raise BaseNotFound(
        f"its base {record.id} (weights {record.weights_fingerprint[:12]}, lineage {lineage}) is not there",
        where=version.reference,
        next=f"Put it into {beside_store / 'bases'}/, under any name",
    )


def _beside_store(version: Version) -> Path:
    parents = version.folder.resolve().parents
    return parents[min(2, len(parents) - 1)]  # a version that was copied out of its store may have fewer


def _embedded(version: Version, bases: Path) -> Base:
    """The embedded encoder that the version was trained on: the one shipped now, or an earlier one that was kept.

    Raises BaseNotFound for an earlier one that is nowhere: the version is as sound as before.
    """
    record = version.manifest.base
    shipped = _published(record.id, None)
    for base in (shipped, *_bases_in(bases, record.id)):
        if _has_weights(base, record.weights_fingerprint):
            return base
    made_with = version.manifest.packages.get("lingyu", "the lingyu that made it")
    raise BaseNotFound(
        f"its base, the embedded encoder {record.weights_fingerprint[:12]}, is no longer shipped: "
        f"this lingyu has {shipped.weights_fingerprint[:12]}",
        where=version.reference,
        next=f"Train it anew, or put that encoder, of lingyu {made_with}, into {bases}/, under any name",
    )


def _of_hub(version: Version, revision: str, bases: Path) -> Base:
    """The hub's base of that revision; where it is out of reach, what was made of it beside the store."""
    record = version.manifest.base
    try:
        return _published(record.id, revision)
    except BaseNotFound:
        for base in _bases_in(bases, record.id):
            if _has_weights(base, record.weights_fingerprint):
                return replace(base, revision=revision)
        raise


def _published(id: str, revision: str | None) -> Base:
    try:
        return find_base(id, revision)
    except LingyuError as error:
        raise BaseNotFound(error.what, where=error.where, next=error.next) from None


def _named_places(id: str, beside_store: Path) -> Iterator[Path]:
    """Where a manifest's words lead to a base: from the store's parent, never out of it; from here, never upwards."""
    recorded = Path(os.path.normpath(beside_store / id))
    places = [recorded] if recorded.is_relative_to(beside_store) else []
    places += [Path(id)] if ".." not in Path(id).parts and not Path(id).is_absolute() else []
    return (place for place in places if (place / "config.json").is_file())


def _bases_in(folder: Path, id: str) -> Iterator[Base]:
    """The bases that lie in a folder, whatever they are called there; each is given the name that is looked for."""
    for config in sorted(folder.glob("*/config.json")):
        with contextlib.suppress(LingyuError):  # what is no base is not the one
            yield replace(find_base(str(config.parent)), id=id)


def _has_weights(base: Base, fingerprint: str) -> bool:
    try:
        return base.weights_fingerprint == fingerprint
    except LingyuError:  # damaged files have none
        return False
