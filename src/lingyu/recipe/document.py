"""YAML as recipes and tenants.yaml use it: a tree in which every value knows its file and line.

Built from the parser's events, so that nothing is expanded and nothing but text, numbers, true, false and null is made.
Scalars follow the core schema of YAML 1.2.2 (section 10.3.2): `1e-4` is a number, `no` a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from lingyu.errors import LingyuError, did_you_mean, from_os_error

COMMAND_LINE = "command line"

_LARGEST_BYTES = 1 << 20
_DEEPEST = 8

_INT = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Plain = bool | int | float | str | None


@dataclass(frozen=True)
class Place:
    """Where a key or value is written. line counts from 1; the command line has none."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a recipe, or another file of this kind."""

    place: Place
    what: str
    next: str | None = None

    def as_error(self) -> LingyuError:
        return LingyuError(self.what, where=self.place, next=self.next)


@dataclass(frozen=True)
class ScalarNode:
    """text: as written, without quotation marks. value: what YAML 1.2 makes of it."""

    place: Place
    text: str
    value: Plain


@dataclass(frozen=True)
class SequenceNode:
    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True)
class MappingNode:
    """Keys are text exactly as written: `007` stays `007`. An entry's place is that of its key."""

    place: Place
    entries: dict[str, "Node"]


Node = ScalarNode | SequenceNode | MappingNode


@dataclass
class Document:
    """A file's tree, and what is wrong with it as YAML. Where refused is set, parts of the tree are left out."""

    root: Node
    faults: list[Fault] = field(default_factory=list)
    refused: bool = False


def scalar_value(text: str) -> Plain:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float("nan") if text in (".nan", ".NaN", ".NAN") else text


def read_document(path: Path, kind: str) -> Document:
    """The tree of a file that is no recipe but written as strictly. kind: what it should be, `list of tenants`.

    Raises LingyuError where it can't be read or is no YAML; what else is wrong stands in the document's faults.
    """
    return parse(read_text(path, kind), str(path))


def read_text(path: Path, kind: str = "recipe") -> str:
    """A small UTF-8 file as text. Raises LingyuError where it can't be read, with what to do."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise LingyuError("no such file", where=path, next=_sibling_like(path)) from None
    except IsADirectoryError:
        raise LingyuError(f"a folder, not a {kind}", where=path, next=f"Name its files: {path}/*.yaml") from None
    except OSError as error:
        known = from_os_error(error)
        raise LingyuError(known.what, where=path, next=known.next) from None
    if len(raw) > _LARGEST_BYTES:
        next_step = "Name the recipe; rows are named in it, by data.train" if kind == "recipe" else None
        raise LingyuError(f"larger than 1 MiB, so no {kind}", where=path, next=next_step)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, raw, error) from None


def _sibling_like(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} here"
    siblings = {file.stem: file for file in sorted(folder.glob("*.y*ml"))}
    near = did_you_mean(path.stem, siblings)
    return f"Did you mean {siblings[near]}?" if near else "Paths are taken from the folder you are in"


def _not_utf8(path: Path, raw: bytes, error: UnicodeDecodeError) -> LingyuError:
    place = Place(str(path), raw.count(b"\n", 0, error.start) + 1)
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return LingyuError(f"not UTF-8 text (byte 0x{raw[error.start]:02x})", where=place, next="Save it as UTF-8")
    command = f"iconv -f gb18030 -t utf-8 {path}"
    return LingyuError("not UTF-8 text, probably GBK", where=place, next=f"Save it as UTF-8, for instance: {command}")


def parse(text: str, source: str) -> Document:
    """The tree of a YAML text. Duplicate keys and the like are collected; broken syntax raises LingyuError at once.

    source: what places name: the file, or COMMAND_LINE (then places have no line).
    """
    bad = _NOT_YAML.search(text)
    if bad:
        place = Place(source, None if source == COMMAND_LINE else text.count("\n", 0, bad.start()) + 1)
        raise LingyuError(f"a character that YAML does not allow: U+{ord(bad[0]):04X}", where=place, next="Remove it")
    try:
        return _Parser(text, source).document()
    except MarkedYAMLError as error:
        raise _bad_syntax(text, source, error) from None


def _bad_syntax(text: str, source: str, error: MarkedYAMLError) -> LingyuError:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines() or [""]
    index = min(mark.line, len(lines) - 1) if mark else 0
    near = "\n".join(lines[max(index - 1, 0) : index + 1])
    next_step = None
    if "\t" in near:
        next_step = "Indent with blanks, not with tabs"
    elif "：" in near:
        next_step = "Write an ASCII colon and a blank (: ) in place of ："
    elif re.search(r"^\s*[^\s#'\"{\[,][^\s:]*:[^\s/]", near, re.MULTILINE):
        next_step = "A blank belongs after the colon"
    where = Place(source, None if source == COMMAND_LINE else index + 1)
    return LingyuError(f"not YAML: {error.problem or error.context}", where=where, next=next_step)


def _with_pairs_joined(text: str) -> str:
    """JSON writes an emoji as two escapes, \\ud83d\\ude00, which the parser leaves apart."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


class _Parser:
    """One document's events into nodes."""

    def __init__(self, text: str, source: str) -> None:
        self._events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(text))
        self._source = source
        self._document = Document(ScalarNode(Place(source), "", None))

    def document(self) -> Document:
        next(self._events)
        event = next(self._events)
        if isinstance(event, StreamEndEvent):
            return self._document
        self._document.root = self._node(next(self._events), None, "", 0) or self._document.root
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._refuse(event, "a second document (---)", "One file is one document")
                break
        return self._document

    def _place(self, event: Event) -> Place:
        return Place(self._source, None if self._source == COMMAND_LINE else event.start_mark.line + 1)

    def _refuse(self, event: Event, what: str, next_step: str) -> None:
        self._document.faults.append(Fault(self._place(event), what, next_step))
        self._document.refused = True

    def _node(self, event: Event, place: Place | None, dotted: str, depth: int) -> Node | None:
        """The node that starts with an event; None where it is refused. place and dotted: of its key, if it has one."""
        place = place or self._place(event)
        if depth > _DEEPEST:
            raise LingyuError(f"nested more than {_DEEPEST} levels deep", where=place, next="Nothing read here is")
        if isinstance(event, AliasEvent):
            next_step = "Write the value out; recipes share by extends: FILE"
            self._refuse(event, f"the alias *{event.anchor}: aliases are not read", next_step)
            return None
        if isinstance(event, MappingStartEvent):
            return self._mapping(place, dotted, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(place, dotted, depth)
        assert isinstance(event, ScalarEvent)
        return self._scalar(event, place)

    def _scalar(self, event: ScalarEvent, place: Place) -> ScalarNode:
        tag = None if event.tag is None else str(event.tag)
        if tag not in (None, "!", "tag:yaml.org,2002:str"):
            self._refuse(event, f"the tag {tag}: tags are not read", "Leave it out")
        is_plain = event.style is None and tag is None
        text = _with_pairs_joined(event.value)
        return ScalarNode(place, text, scalar_value(text) if is_plain else text)

    def _sequence(self, place: Place, dotted: str, depth: int) -> SequenceNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            node = self._node(event, None, dotted, depth + 1)
            if node is not None:
                items.append(node)
        return SequenceNode(place, tuple(items))

    def _mapping(self, place: Place, dotted: str, depth: int) -> MappingNode:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, depth)
            key_place = self._place(event)
            inner = f"{dotted}.{key}" if dotted else str(key)
            node = self._node(next(self._events), key_place, inner, depth + 1)
            if key is None or node is None:
                continue
            if key in entries:
                first = f"It stands in line {entries[key].place.line} already; keep one of them"
                self._document.faults.append(Fault(key_place, f"{inner}: a second time", first))
                continue
            entries[key] = node
        return MappingNode(place, entries)

    def _key(self, event: Event, depth: int) -> str | None:
        if not isinstance(event, ScalarEvent):
            self._refuse(event, "a key that is not text", "Write a word, a colon and a blank")
            self._node(event, None, "", depth + 1)  # steps over it
            return None
        if event.value == "<<" and event.style is None:
            self._refuse(event, "<<: merge keys are not read", "Write the keys out; recipes share by extends: FILE")
            return None
        return _with_pairs_joined(event.value)
