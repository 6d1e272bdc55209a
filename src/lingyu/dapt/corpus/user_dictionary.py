"""A user dictionary in jieba's form: a word a line, then, where known, its frequency and its kind, between blanks."""

import codecs
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lingyu.errors import LingyuError, did_you_mean

_FREQUENCY: Final = re.compile("[0-9]{1,12}")
_KIND: Final = re.compile("[a-zA-Z]+")
_FORM = "Write: word [frequency] [kind], such as 大床房 100 n"
_LONGEST_WORD = 64
_SHOWN = 24


@dataclass(frozen=True)
class Entry:
    """frequency: None where jieba is to take one that makes it a word; 0 makes it none. Kinds mean nothing here."""

    word: str
    frequency: int | None


@dataclass(frozen=True)
class UserDictionary:
    """sha256: of the file."""

    entries: tuple[Entry, ...]
    sha256: str


def read_user_dictionary(path: str) -> UserDictionary:
    """Raises LingyuError where the file is not there, and naming the line that is not UTF-8 or not of that form.

    jieba itself takes nearly every line for something: `大床房 n 100` for a word with a blank, which is never found.
    """
    file = Path(path)
    if not file.is_file():
        raise _not_there(file)
    data = file.read_bytes()
    entries = [_entry(fields, where) for fields, where in _lines(data, path)]
    if not entries:
        raise LingyuError("a dictionary without a word", where=path, next=_FORM)
    return UserDictionary(tuple(entries), hashlib.sha256(data).hexdigest())


def _not_there(file: Path) -> LingyuError:
    what = "a folder, not a dictionary" if file.is_dir() else "no such dictionary"
    near = did_you_mean(file.name, [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else [])
    next_step = f"Did you mean {file.with_name(near)}?" if near else "Set dapt.user_dict to a file, or leave it out"
    return LingyuError(what, where=file, next=next_step)


def _lines(data: bytes, path: str) -> Iterator[tuple[list[str], str]]:
    """The fields of each line that has any, and its place."""
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        where = f"{path}:{number}"
        try:
            fields = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise LingyuError("a line that is not UTF-8", where, "Save the dictionary as UTF-8") from None
        if fields:
            yield fields, where


def _entry(fields: Sequence[str], where: str) -> Entry:
    if len(fields) > 3:
        raise LingyuError(f"{len(fields)} fields, of which a line has three at most", where, _FORM)
    word, *rest = fields
    if not word.isprintable() or len(word) > _LONGEST_WORD:
        raise LingyuError("begins with what is no word", where, _FORM)
    frequency = rest.pop(0) if len(rest) == 2 or (rest and rest[0][0] in "0123456789+-.") else None
    if frequency is not None and not _FREQUENCY.fullmatch(frequency):
        raise LingyuError(f"the frequency {frequency[:_SHOWN]!r} is no whole number", where, _FORM)
    if rest and not _KIND.fullmatch(rest[0]):
        raise LingyuError(f"the kind {rest[0][:_SHOWN]!r} is none; jieba's are letters, as n or nz", where, _FORM)
    return Entry(word, None if frequency is None else int(frequency))
