"""What there is to say of a base that was imported: for a person to read, and for lineage.json."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lingyu.errors import printable

from ..base import LINEAGE
from .layout import HeadKind


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint came from. id: a hub's, as recipes write it, or a folder's name. revision: of a hub."""

    id: str
    revision: str | None


@dataclass(frozen=True)
class Imported:
    """A base made of a checkpoint. files: those that held the weights -> SHA-256. source_type: its architecture there.

    prefix, old_norms: see Layout. head: what came with it and has a place in transformers. labels: of that head, in
    order. missing: of "pooler" and "head". left_out: keys without a place. notes: a sentence each.
    """

    out: Path
    origin: Origin
    files: dict[str, str]
    source_type: str
    model_type: str
    prefix: str
    old_norms: bool
    head: HeadKind | None
    labels: tuple[str, ...]
    labels_from: str | None
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    weights_fingerprint: str
    tokenizer_fingerprint: str

    @property
    def name(self) -> str:
        """By which a lineage calls it: no path of this machine."""
        return self.origin.id if self.origin.revision else self.out.name

    @property
    def in_short(self) -> str:
        digests = ", ".join(f"{name} (SHA-256 {digest[:12]})" for name, digest in self.files.items())
        revision = f" at {self.origin.revision}" if self.origin.revision else ""
        return f"imported from {self.origin.id}{revision}: {digests}, {self.layout}"

    @property
    def layout(self) -> str:
        norms = ", norms with gamma and beta" if self.old_norms else ""
        place = f"keys under {self.prefix.rstrip('.')}" if self.prefix else "bare keys"
        return f"{self.source_type} with {place}{norms}"

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        return {**found.pop("origin"), **{key: value for key, value in found.items() if key != "out"}}

    def lines(self) -> Iterator[str]:
        """A sentence each: what was found, what of it is kept and what is missing."""
        yield f"Read as {self.layout}."
        if self.head is None:
            yield "No task head came with it that transformers has a place for."
        else:
            labels = f", labels {', '.join(self.labels)} (by {self.labels_from})" if self.labels else ""
            yield f"Its head for {self.head} is kept{labels}."
        if "pooler" in self.missing:
            yield "It has no pooler: an adapter on it trains one from random numbers and saves it."
        if self.left_out:
            more = f" and {len(self.left_out) - 3} more" if self.left_out[3:] else ""
            yield f"Left out, since transformers has no place for them: {', '.join(self.left_out[:3])}{more}."
        yield from (f"{note[:1].upper()}{note[1:]}." for note in self.notes)


def read_origin(folder: Path) -> Origin | None:
    """Of a base that was imported from a hub; None for any other, and for a lineage.json that can't be read."""
    try:
        said = json.loads((folder / LINEAGE).read_text("utf-8"))["imported"]
        return Origin(str(said["id"]), str(said["revision"])) if said["revision"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def render_card(imported: Imported) -> str:
    """README.md of the folder."""
    files = "\n".join(f"| {_code(name)} | {_code(digest)} |" for name, digest in imported.files.items())
    lines = "\n".join(f"- {printable(line)}" for line in imported.lines())
    revision = f", revision {_code(imported.origin.revision)}" if imported.origin.revision else ""
    return (
        f"# {printable(imported.out.name)}\n\n"
        f"An encoder ({_code(imported.model_type)}), imported from {_code(imported.origin.id)}{revision}. Every number "
        "of its encoder is the original's; only names and files are others. Licence and data are the publisher's to "
        "state.\n\n"
        f"{lines}\n\n"
        f"| file that held the weights | SHA-256 |\n| --- | --- |\n{files}\n\n"
        f"| | fingerprint |\n| --- | --- |\n| weights | {_code(imported.weights_fingerprint)} |\n"
        f"| tokenizer | {_code(imported.tokenizer_fingerprint)} |\n"
    )


def _code(text: str) -> str:
    return f"`{printable(text).replace('`', chr(39)).replace('|', '/')}`"
