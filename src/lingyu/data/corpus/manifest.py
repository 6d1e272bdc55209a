"""corpus.json: what a corpus holds, where it comes from, and what was left out and why. Without a text of it."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load_file

from lingyu.digests import Sha256
from lingyu.errors import LingyuError, first_fault
from lingyu.text import Hashes

FORMAT: Final = 1
MANIFEST = "corpus.json"
HASHES = "hashes.safetensors"
TENSOR = "corpus"
COLUMN = "text"
SHARD_NAME = r"^part-[0-9-]+\.parquet$"

_BATCH_ROWS = 4096
_BUILD_AGAIN = "Build it with: lingyu data corpus SOURCES... --out FOLDER"

Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CorpusSource(_Model):
    """rows: paragraphs read from it. origin: what the builder says of where it comes from."""

    name: str
    sha256: Sha256
    bytes: Count
    rows: Count
    licence: str | None = None
    origin: str | None = None


class ExcludedFrom(_Model):
    """A test set, and how many paragraphs were removed for it, each at the strongest level at which it touches the set.

    fingerprint: SHA-256 over the sorted content hashes of its distinct texts. texts: distinct by content hash.
    inside: paragraphs that hold a text of the set whole.
    """

    name: str
    fingerprint: Sha256
    texts: Count
    exact: Count
    same: Count
    near: Count
    inside: Count


class CorpusCounts(_Model):
    """Paragraphs. read = kept + removed, always."""

    read: Count
    removed: dict[str, Count]
    kept: Count

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.kept + sum(self.removed.values()):
            raise ValueError("read is not kept + removed")
        return self


class Shard(_Model):
    """A parquet file with the column text. rows: paragraphs."""

    file: Annotated[str, Field(pattern=SHARD_NAME)]
    sha256: Sha256
    bytes: Count
    rows: Count


class NearSettings(_Model):
    """See lingyu.data.Nearness."""

    similarity: float
    shortest: int
    longest_other: int


class CorpusManifest(_Model):
    """steps: of lingyu.text, in order. shortest: characters of a paragraph. characters: of all kept paragraphs.

    hashes_sha256: of hashes.safetensors, which holds the content hashes of the kept paragraphs, sorted.
    """

    format: Literal[1] = FORMAT
    created: datetime
    lingyu: str
    engine: Literal["local", "datatrove"]
    steps: tuple[str, ...]
    shortest: Count
    near: NearSettings
    sources: tuple[CorpusSource, ...]
    excluded: tuple[ExcludedFrom, ...]
    counts: CorpusCounts
    characters: Count
    shards: tuple[Shard, ...]
    hashes_sha256: Sha256


def read_corpus_manifest(folder: Path | str) -> CorpusManifest:
    """Raises LingyuError where there is none, or none of a format that this lingyu knows."""
    file = Path(folder) / MANIFEST
    if not file.is_file():
        raise LingyuError(f"is no corpus: it has no {MANIFEST}", where=folder, next=_BUILD_AGAIN)
    data = file.read_bytes()
    number = re.search(rb'"format": (\d+)', data)
    if number and int(number[1]) > FORMAT:
        what = f"has format {int(number[1])}, and this lingyu reads up to {FORMAT}"
        raise LingyuError(what, where=file, next="pip install -U lingyu")
    try:
        return CorpusManifest.model_validate_json(data)
    except ValidationError as error:
        raise LingyuError(first_fault(error), where=file, next=_BUILD_AGAIN) from None


def corpus_hashes(folder: Path | str) -> Hashes:
    """(paragraphs,) int64, ascending: the content hashes of the corpus. Raises LingyuError where they are not there."""
    read_corpus_manifest(folder)
    file = Path(folder) / HASHES
    try:
        hashes: Hashes = load_file(file)[TENSOR]
    except (OSError, SafetensorError, KeyError):
        raise LingyuError("can't be read as a corpus's hashes", where=file, next=_BUILD_AGAIN) from None
    if hashes.dtype != np.int64 or hashes.ndim != 1:
        raise LingyuError("are no content hashes", where=file, next=_BUILD_AGAIN)
    return hashes


def corpus_paragraphs(folder: Path | str) -> Iterator[str]:
    """The paragraphs in their order, read as they are asked for. Raises LingyuError for a damaged shard."""
    for shard in read_corpus_manifest(folder).shards:
        path = Path(folder) / shard.file
        try:
            with pq.ParquetFile(path) as file:
                # with threads, the memory that each keeps grows with the number of row groups
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=[COLUMN], use_threads=False):
                    yield from batch.column(0).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise LingyuError("a shard that can't be read", where=path, next=_BUILD_AGAIN) from error
