"""Fingerprints of what stages read and leave: always of the content, never of a name or a time.

What is read twice in a call is hashed once, as long as the file is the same by size, number and times.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from lingyu.data import file_and_column, read_corpus_manifest
from lingyu.digests import file_sha256, json_sha256
from lingyu.errors import LingyuError

CORPUS_MANIFEST = "corpus.json"


def file_fingerprint(file: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    status = file.stat()
    return _hashed(file, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@lru_cache(maxsize=4096)
def _hashed(file: Path, _: tuple[int, ...]) -> str:
    return file_sha256(file)


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over name and content of every file in a folder and below. Hidden ones and links do not count."""
    return _of_pairs((str(file.relative_to(folder)), file_fingerprint(file)) for file in _files_below(folder))


def _files_below(folder: Path) -> list[Path]:
    files: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place) / name for name in names if not name.startswith("."))
        files += [path for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(files)


def corpus_fingerprint(folder: Path) -> str:
    """Of a corpus's paragraphs in their order: of its shards as they lie there. What it was built from does not count.

    Raises LingyuError for a folder that is no corpus, or lacks a shard.
    """
    shards = [folder / shard.file for shard in read_corpus_manifest(folder).shards]
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        raise LingyuError("a shard of the corpus is missing", where=missing[0], next="Build the corpus anew")
    return _of_pairs((shard.name, file_fingerprint(shard)) for shard in shards)


def text_fingerprint(name: str) -> str | None:
    """Of what a recipe names as a source of text: a corpus, a folder, a file, or FILE:COLUMN of a table.

    None where nothing of that name is here: what is on a hub is known by its name alone.
    """
    path, _ = file_and_column(name)
    if path.is_dir():
        is_corpus = (path / CORPUS_MANIFEST).is_file()
        return corpus_fingerprint(path) if is_corpus else folder_fingerprint(path)
    return file_fingerprint(path) if path.is_file() else None


def base_fingerprint(id: str, revision: str | None = None, *, with_head: bool = False) -> str | None:
    """Of a base's weights, config and tokenizer; with_head: of its masked-LM head too, and of the hashes of what it
    has learnt, which a classifier does not read.

    None where there is no such base, or none that can be read.
    """
    from lingyu.bases import find_base  # brings torch

    try:
        base = find_base(id, revision)
        pairs = [
            ("weights", base.weights_fingerprint),
            ("tokenizer", base.tokenizer_fingerprint),
            ("config", file_fingerprint(base.folder / "config.json")),
        ]
    except LingyuError:
        return None
    if with_head:
        pairs += [(file.name, file_fingerprint(file)) for file in sorted(base.folder.glob("*.safetensors"))]
    return _of_pairs(pairs)


def _of_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return json_sha256(list(pairs))
