"""What a corpus is read from: folders of `lingyu data corpus`, files with a text a line, tables, recipes with a task.

Every source is read in batches, which is all of it that is ever held, and may be read several times.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from lingyu.data import (
    CorpusManifest,
    corpus_paragraphs,
    file_and_column,
    load_splits,
    nested_fault,
    read_corpus_manifest,
    read_table,
    shown_name,
)
from lingyu.digests import file_sha256, json_sha256
from lingyu.errors import LingyuError, did_you_mean
from lingyu.recipe import is_recipe_file, load_recipe
from lingyu.text import clean

from .encoded import batches
from .record import SourcePart

Kind = Literal["corpus", "text", "table", "recipe"]

_TEXT: Final = (".txt", ".txt.gz")
_TABLES: Final = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")
_COLUMN: Final = "text"
_LONGEST_CHARACTERS = 1_000_000  # more is a file without line ends; the tokenizer would take gigabytes for it
_LOOK_AHEAD_BYTES = 4096
_LONGEST_BYTES = len(codecs.BOM_UTF8) + 4 * _LONGEST_CHARACTERS + len(b"\r\n")
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class SourceBatch:
    """texts: clean; empty ones stay, to be counted. done: bytes of the source that were read by then, about."""

    texts: list[str]
    done: int


@dataclass(frozen=True)
class Source:
    """One entry of dapt.corpus or dapt.general.

    name: as it was given, or its last part where it leads out of the folder we are in. given: as it was given.
    fingerprint: SHA-256 of what it holds. parts: as far as anybody said. steps: of lingyu.text, which its texts went
    through. size: in bytes, which batches count by.
    """

    name: str
    given: str
    kind: Kind
    fingerprint: str
    parts: tuple[SourcePart, ...]
    steps: tuple[str, ...]
    size: int
    batches: Callable[[], Iterator[SourceBatch]]


def find_sources(given: Sequence[str], steps: Sequence[str], key: str) -> tuple[Source, ...]:
    """The sources that a recipe names. steps: that raw texts go through; corpora and recipes have their own.

    key: where they were named, such as dapt.corpus. Reads each file once, for its fingerprint. Raises LingyuError for
    what is not there, of no known form, damaged, or named twice.
    """
    found: dict[tuple[Path, str], str] = {}
    for name in given:
        path, column = file_and_column(name)
        first = found.setdefault((path.resolve(), column or _COLUMN), name)
        if first is not name:
            raise LingyuError(f"{key} names it twice", where=name, next="Name it once")
    return tuple(_source(name, tuple(steps), key) for name in given)


def _source(given: str, steps: tuple[str, ...], key: str) -> Source:
    path, column = file_and_column(given)
    if path.is_dir():
        return _built_corpus(path, given)
    if not path.exists():
        raise _not_there(path, key)
    if not path.is_file():
        raise LingyuError("a pipe or a device", where=given, next="Save the text as a file")
    ending = path.name.lower()
    if column is not None and not ending.endswith(_TABLES):
        what = f"a column, {column!r:.40}, of a file that has none"
        raise LingyuError(what, where=given, next=f"Leave it out: {path}")
    if is_recipe_file(ending):
        return _task(path, given)
    if ending.endswith(_TEXT):
        return _file(path, given, steps, "text", file_sha256(path), lambda: _raw_batches(path, steps))
    if ending.endswith(_TABLES):
        read = column or _COLUMN
        fingerprint = json_sha256([file_sha256(path), read])
        return _file(path, given, steps, "table", fingerprint, lambda: _table_batches(path, read, steps, key))
    known = ", ".join((*(other[1:] for other in (*_TEXT, *_TABLES)), "yaml", "yml"))
    what = f"the ending `{path.suffix}` is none of {known}"
    raise LingyuError(what, where=given, next="Name it .txt where each line is a text")


def _file(
    path: Path,
    given: str,
    steps: tuple[str, ...],
    kind: Kind,
    fingerprint: str,
    read: Callable[[], Iterator[SourceBatch]],
) -> Source:
    return Source(shown_name(path), given, kind, fingerprint, (), steps, path.stat().st_size, read)


def _not_there(path: Path, key: str) -> LingyuError:
    near = did_you_mean(path.name, [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else [])
    next_step = f"Did you mean {path.with_name(near)}?" if near else f"Set {key} to folders and files that are there"
    return LingyuError("no such file or folder", where=path, next=next_step)


# ---- folders of `lingyu data corpus`


def _built_corpus(folder: Path, given: str) -> Source:
    """Raises LingyuError where its shards are not those of its manifest."""
    manifest = read_corpus_manifest(folder)
    for shard in manifest.shards:
        path = folder / shard.file
        if path.is_symlink() or not path.is_file():
            raise LingyuError("a shard that its corpus.json names is not there", path, _BUILD_AGAIN)
        if path.stat().st_size != shard.bytes or file_sha256(path) != shard.sha256:
            raise LingyuError("a shard that is not as its corpus.json says", path, _BUILD_AGAIN)
    return Source(
        name=shown_name(folder),
        given=given,
        kind="corpus",
        fingerprint=json_sha256([shard.sha256 for shard in manifest.shards]),
        parts=tuple(
            SourcePart(name=source.name, licence=source.licence, origin=source.origin, texts=source.rows)
            for source in manifest.sources
        ),
        steps=manifest.steps,
        size=_shard_bytes(manifest),
        batches=partial(_corpus_batches, folder, manifest),
    )


_BUILD_AGAIN = "Build it again with: lingyu data corpus SOURCES... --out FOLDER --force"


def _shard_bytes(manifest: CorpusManifest) -> int:
    return sum(shard.bytes for shard in manifest.shards)


def _corpus_batches(folder: Path, manifest: CorpusManifest) -> Iterator[SourceBatch]:
    texts, kept = 0, manifest.counts.kept
    for batch in batches(corpus_paragraphs(folder)):
        texts += len(batch)
        yield SourceBatch(batch, _shard_bytes(manifest) * texts // max(kept, texts))
    if texts != kept:
        raise LingyuError(f"its shards hold {texts:,} texts, its corpus.json says {kept:,}", folder, _BUILD_AGAIN)


# ---- recipes


def _task(path: Path, given: str) -> Source:
    """The training texts of a task: not its dev and test texts, and not its labels."""
    recipe = load_recipe(path)
    card, texts = recipe.card, load_splits(recipe.data, recipe.task).train.telling_texts
    return Source(
        name=shown_name(path),
        given=given,
        kind="recipe",
        fingerprint=json_sha256(texts),
        parts=(SourcePart(name=recipe.name, licence=card.data_license, origin=card.source, texts=len(texts)),),
        steps=recipe.data.clean,
        size=_bytes(texts),
        batches=lambda: _held_batches(texts),
    )


def _held_batches(texts: Sequence[str]) -> Iterator[SourceBatch]:
    done = 0
    for batch in batches(texts):
        done += _bytes(batch)
        yield SourceBatch(batch, done)


def _bytes(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) for text in texts)


# ---- files


def _raw_batches(path: Path, steps: Sequence[str]) -> Iterator[SourceBatch]:
    with path.open("rb") as stream, _unpacked(path, stream) as unpacked:
        try:
            for batch in batches(_lines(unpacked, path)):
                yield SourceBatch([clean(text, steps) for text in batch], stream.tell())
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise LingyuError("a damaged gzip file", where=path, next="Fetch it again, or gunzip it") from None


def _unpacked(path: Path, stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.open(stream)) if path.suffix.lower() == ".gz" else stream


def _lines(stream: BinaryIO, path: Path) -> Iterator[str]:
    """Raises LingyuError, naming the line, for what is no text: NUL bytes, another encoding, a line without an end."""
    for number, line in enumerate(iter(partial(stream.readline, _LONGEST_BYTES + 1), b""), 1):
        where = f"{path}:{number}"
        if number == 1 and line.startswith(_UTF16):
            raise LingyuError("UTF-16 text", where, _to_utf8("UTF-16"))
        if b"\0" in line:
            raise _no_text(where)
        if len(line) > _LONGEST_BYTES:  # cut, maybe inside a character
            raise _too_long(where)
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            if b"\0" in stream.read(_LOOK_AHEAD_BYTES):
                raise _no_text(where) from None
            raise LingyuError("a line that is not UTF-8", where, _to_utf8("GB18030")) from None
        if len(text) > _LONGEST_CHARACTERS:
            raise _too_long(where)
        yield text


def _no_text(where: str) -> LingyuError:
    return LingyuError("a NUL byte: this is no text file", where, "Give text as UTF-8, a text a line")


def _too_long(where: str) -> LingyuError:
    return LingyuError(f"a line of more than {_LONGEST_CHARACTERS:,} characters", where, "Write a text a line")


def _to_utf8(encoding: str) -> str:
    return f"Save it as UTF-8, with iconv -f {encoding} -t UTF-8 for one"


def _table_batches(path: Path, column: str, steps: Sequence[str], key: str) -> Iterator[SourceBatch]:
    table, named_by = read_table(str(path)), f"{key}: {path}:COLUMN"
    table.needs(column, named_by)
    size = path.stat().st_size

    def texts() -> Iterator[str]:
        for row in table.rows:
            if fault := row.fault or nested_fault(row, column, named_by):
                raise fault
            text = row.cells.get(column, "")
            if len(text) > _LONGEST_CHARACTERS:
                what = f"a text of more than {_LONGEST_CHARACTERS:,} characters"
                raise LingyuError(what, row.where, "Write a text a row")
            yield text

    for batch in batches(texts()):
        done, total = table.progress() if table.progress else (0, 1)
        yield SourceBatch([clean(text, steps) for text in batch], size * done // max(total, 1))
