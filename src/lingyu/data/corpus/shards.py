"""Parquet files of about 64 MB of text each, written as the paragraphs come."""

import hashlib
import os
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from .manifest import COLUMN, Shard

SHARD_BYTES = 1 << 26  # of text
_ROW_GROUP_BYTES = 1 << 23
_SCHEMA = pa.schema([pa.field(COLUMN, pa.string(), nullable=False)])


class ShardWriter:
    """Shards part-00000.parquet, part-00001.parquet ... in a folder: the same for the same calls of write."""

    def __init__(self, folder: Path, prefix: str = "part-") -> None:
        self._folder = folder
        self._prefix = prefix
        self._waiting: list[pa.Array] = []
        self._waiting_bytes = 0
        self._shard_bytes = 0
        self._rows = 0
        self._open: pq.ParquetWriter | None = None
        self._shards: list[Shard] = []

    def write(self, texts: list[str]) -> None:
        paragraphs = pa.array(texts, pa.string())
        self._waiting.append(paragraphs)
        self._waiting_bytes += paragraphs.nbytes
        if self._waiting_bytes >= _ROW_GROUP_BYTES:
            self._write_row_group()
        if self._shard_bytes >= SHARD_BYTES:
            self._close_shard()

    def close(self) -> tuple[Shard, ...]:
        """Writes what is left; the shards, in order."""
        if self._waiting_bytes:
            self._write_row_group()
        self._close_shard()
        return tuple(self._shards)

    def abandon(self) -> None:
        """Let go of a file that is open, where the work ends in the middle."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._prefix}{len(self._shards):05d}.parquet"

    def _write_row_group(self) -> None:
        table = pa.Table.from_arrays([pa.concat_arrays(self._waiting)], schema=_SCHEMA)
        self._waiting.clear()
        if self._open is None:
            # each paragraph is there once: a dictionary and the least and greatest of them would say nothing
            self._open = pq.ParquetWriter(
                self._path, _SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False
            )
        self._open.write_table(table)
        self._rows += table.num_rows
        self._shard_bytes += self._waiting_bytes
        self._waiting_bytes = 0

    def _close_shard(self) -> None:
        if self._open is None:
            return
        self._open.close()
        self._open = None
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size_bytes = file.tell()
        self._shards.append(Shard(file=self._path.name, sha256=sha256, bytes=size_bytes, rows=self._rows))
        self._rows = self._shard_bytes = 0
