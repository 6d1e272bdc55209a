"""A folder of texts, one a file: the sub-folder names the label, as corpora are often handed on (hotel/neg/neg.1.txt).

A text is a file in a sub-folder, or in the folder itself where it has no sub-folder; its name ends in .txt, in a number
or in nothing. Everything else is skipped and counted: hidden files, links, other endings, and files beside the
sub-folders, such as a MANIFEST or a README.

Line ends are of the file and not of the text: CR LF, CR CR LF and CR become LF, and those at its end go.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lingyu.errors import LingyuError

from ..decoding import LONGEST_CHARACTERS, decodes
from .encodings import CHINESE, detected, encoding_by_mark, named_encoding, plausibility, reads_plausibly
from .lenient import decode_past, what_is_bad
from .rows import UNDECODABLE, UNPARSABLE, EncodingUse, Opened, Quarantined, Read

_ENDINGS = re.compile(r"|\.txt|\.[0-9]+", re.IGNORECASE)
_LINE_END = re.compile(r"\r*\n|\r")
_SAMPLE_BYTES = 1 << 16
_HIDDEN, _LINK, _OTHER, _BESIDE = "hidden", "links", "with another ending", "beside the sub-folders"


@dataclass(frozen=True)
class TextFile:
    """name: its path in the folder, with /. label: that of its sub-folder; '' for a file in the folder itself."""

    path: Path
    name: str
    label: str


def open_folder(folder: Path, encoding: str, *, repair: bool) -> Opened:
    """Raises LingyuError where there is no text in the folder."""
    files, skipped = find_texts(folder)
    columns = ("text", "label", "file") if any(file.label for file in files) else ("text", "file")
    reader = _Reader(files, _chosen(files, folder, encoding), repair)

    def notes() -> tuple[str, ...]:
        ends = (f"files whose line ends are LF now: {reader.mended_ends:,}",) if reader.mended_ends else ()
        return (*ends, *(f"files skipped, {why}: {count:,}" for why, count in skipped.items()))

    return Opened(
        folder.as_posix(),
        columns,
        reader.rows(columns),
        reader.encodings,
        notes,
        lambda: (reader.done, len(files)),
        skipped,
    )


def find_texts(folder: Path) -> tuple[tuple[TextFile, ...], dict[str, int]]:
    """(the texts in natural order: 2.txt before 10.txt; how many files were skipped, by why)."""
    skipped: Counter[str] = Counter()
    found = [file for path in _walk(folder, skipped) if (file := _text_file(path, folder, skipped))]
    labelled = [file for file in found if file.label]
    if labelled and len(labelled) < len(found):
        skipped[_BESIDE] += len(found) - len(labelled)
    files = labelled or found
    if not files:
        what = "no text is in it, one a file (*.txt)"
        raise LingyuError(what, folder, "Put the texts into sub-folders named after their labels, or name a file")
    return tuple(sorted(files, key=lambda file: _natural(file.name))), dict(skipped)


def _walk(folder: Path, skipped: Counter[str]) -> Iterator[Path]:
    """The files below a folder. Links are not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            skipped[_HIDDEN] += 1
        elif entry.is_symlink():
            skipped[_LINK] += 1
        elif entry.is_dir():
            yield from _walk(Path(entry.path), skipped)
        elif entry.is_file():
            yield Path(entry.path)


def _text_file(path: Path, folder: Path, skipped: Counter[str]) -> TextFile | None:
    name = path.relative_to(folder)
    if _ENDINGS.fullmatch(path.suffix):
        return TextFile(path, name.as_posix(), "" if name.parent == Path() else name.parent.as_posix())
    skipped[_OTHER if len(name.parts) > 1 else _BESIDE] += 1
    return None


def _natural(name: str) -> list[str | int]:
    return [int(part) if at % 2 else part for at, part in enumerate(re.split(r"([0-9]+)", name))]


@dataclass(frozen=True)
class _Encodings:
    """first: what a file is tried as first, then the others. how: by what it was found. first_name: as it is said."""

    first: str
    others: tuple[str, ...]
    how: str
    first_name: str


def _chosen(files: Iterable[TextFile], folder: Path, encoding: str) -> _Encodings:
    """One encoding for all files, since a text of a few characters reads in several.

    A file that it does not read may be in another where that is hardly chance: UTF-8, or GB18030 in a folder of UTF-8.
    """
    if encoding != "auto":
        asked = named_encoding(encoding, str(folder))
        return _Encodings(asked.codec, (), asked.how, asked.name)
    scores = dict.fromkeys(("utf-8", *CHINESE), 0.0)
    as_gbk, sample = True, b""
    for file in files:
        raw = _bytes_of(file)
        if raw.isascii() or encoding_by_mark(raw):
            continue
        sample += raw[: _SAMPLE_BYTES - len(sample)]
        for name in [name for name in scores if decodes(raw, name)]:
            scores[name] += plausibility(raw, name)
            as_gbk = as_gbk and (name != "gb18030" or decodes(raw, "gbk"))
    best = max(scores, key=lambda name: scores[name])
    if sample and not scores[best]:
        guess = detected(sample, str(folder))
        return _Encodings(guess.codec, ("utf-8",), guess.how, guess.name)
    others = ("gb18030",) if best == "utf-8" else ("utf-8",)
    return _Encodings(best, others, "most files read so", "gbk" if best == "gb18030" and as_gbk else best)


def _bytes_of(file: TextFile) -> bytes:
    """Its bytes, as many as a text may have and one more."""
    with file.path.open("rb") as stream:
        return stream.read(LONGEST_CHARACTERS + 1)


@dataclass
class _Reader:
    """Reads the files, and counts what there is to say of them."""

    files: tuple[TextFile, ...]
    tried: _Encodings
    repair: bool
    done: int = 0
    mended_ends: int = 0
    _used: Counter[tuple[str, str]] = field(default_factory=Counter)

    def rows(self, columns: tuple[str, ...]) -> Iterator[Read | Quarantined]:
        for file in self.files:
            read = self._read(file)
            self.done += 1
            if isinstance(read, Read):
                read.cells.update({"label": file.label, "file": file.name})
                yield Read({column: read.cells[column] for column in columns}, read.repaired, read.nulls)
            else:
                yield read

    def encodings(self) -> tuple[EncodingUse, ...]:
        return tuple(EncodingUse(name, how, files) for (name, how), files in self._used.most_common())

    def _read(self, file: TextFile) -> Read | Quarantined:
        raw = _bytes_of(file)
        if len(raw) > LONGEST_CHARACTERS:
            return Quarantined(file.name, UNPARSABLE, f"more than {LONGEST_CHARACTERS:,} bytes: left where it is", b"")
        name, codec, how = self._encoding_of(raw)
        decoded = decode_past(raw, codec)
        if decoded.bad and not self.repair:
            reason, at = what_is_bad(raw, codec, name)
            return Quarantined(file.name, UNDECODABLE, reason, raw, byte=at)
        self._used[name, how] += 1
        text = _LINE_END.sub("\n", decoded.text.removeprefix("\ufeff"))
        self.mended_ends += "\r" in decoded.text
        return Read({"text": text.rstrip("\n")}, decoded.bad)

    def _encoding_of(self, raw: bytes) -> tuple[str, str, str]:
        """(name, codec, how it was found)"""
        tried = self.tried
        if tried.others and (marked := encoding_by_mark(raw)):
            return marked.name, marked.codec, marked.how
        if tried.others and raw.isascii():
            return "ascii", "ascii", "no other characters"
        other = next((codec for codec in tried.others if reads_plausibly(raw, codec)), None)
        if other is None or decodes(raw, tried.first):
            return tried.first_name, tried.first, tried.how
        return other, other, f"not {tried.first_name}, and all of it reads so"
