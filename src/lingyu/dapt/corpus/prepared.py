"""A corpus for pretraining: read, cleaned, gated, divided, segmented and tokenised once, then kept on disk.

    dapt.corpus -> texts -> without test texts -> train and held out -> words and token ids -> runs/.encoded/<key>/

It is read twice: for the content hashes of all texts, by which the gate decides before hours of segmenting and a part
is held out; then to be encoded. Memory holds 8 bytes a text, and of the texts a batch.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from lingyu.bases import Base
from lingyu.recipe import Dapt
from lingyu.reporting import Report
from lingyu.text import Hashes

from .encoded import EncodedTexts
from .encoding import GENERAL, HELD_OUT, TRAIN, Encoder, encode_corpus
from .reading import Reading
from .record import CorpusRecord, PartRecord
from .segmenters import segmenter_for
from .stored import open_array, open_encoded
from .surveying import CorpusInputs, find_inputs, survey

_INDEX: Final = "corpus.json"
_HASHES: Final = "hashes.bin"
_HASH_TYPE: Final = "<i8"
_BUILDING: Final = ".building"


@dataclass(frozen=True, eq=False)
class Corpus:
    """Encoded texts, memory-mapped. held_out and general are measured on, never trained on.

    hashes: ascending, distinct content hashes of the texts of train and held_out. fingerprint: of everything that the
    encoded texts depend on.
    """

    train: EncodedTexts
    held_out: EncodedTexts
    general: EncodedTexts | None
    record: CorpusRecord
    hashes: Hashes
    fingerprint: str


class _Index(BaseModel):
    """corpus.json of an encoded corpus. hashes: how many there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    hashes: int
    record: CorpusRecord


def prepare_corpus(dapt: Dapt, base: Base, max_tokens: int, cache: Path, report: Report) -> Corpus:
    """The recipe's corpus in the base's tokens. max_tokens: of a text, special tokens not counted.

    cache: the folder that keeps encoded corpora, each in a folder by its fingerprint. Of several processes that ask for
    the same one, the first makes it and the others wait.
    Raises LingyuError for sources, test sets and dictionaries that can't be read, for a corpus without text, and with
    status 1 where test texts stand in it that dapt.drop_test_texts does not drop.
    """
    segmenter = segmenter_for(dapt.segmenter, dapt.user_dict)
    encoder = Encoder(base.tokenizer, base.tokenizer_fingerprint, segmenter, max_tokens)
    inputs = find_inputs(dapt)
    fingerprint = _fingerprint(inputs, encoder)
    folder = cache / fingerprint[:32]
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        kept = _open(folder, fingerprint)
        if kept is None:
            _build(inputs, encoder, folder, fingerprint, report)
            kept = _open(folder, fingerprint)
    assert kept is not None, "a corpus that was just written can be opened"
    return kept


def corpus_texts(dapt: Dapt, report: Report) -> Iterator[str]:
    """The clean texts that may be learnt from: without test texts and without what is held out, as they are read.

    Raises LingyuError as prepare_corpus does, before the first text.
    """
    inputs = find_inputs(dapt)
    found = survey(inputs, report)
    reading = Reading(inputs.sources, inputs.excluded)
    for batch in reading.batches(report, "reading the corpus again"):
        learnt_from = np.flatnonzero(~found.division.is_held_out(batch.hashes))
        yield from (batch.texts[at] for at in learnt_from.tolist())
    reading.require_same(found.counts)


def _fingerprint(inputs: CorpusInputs, encoder: Encoder) -> str:
    parts = (inputs.fingerprint, encoder.tokenizer_fingerprint, encoder.segmenter.fingerprint, encoder.max_tokens)
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


# ---- the cache


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"))


def _build(inputs: CorpusInputs, encoder: Encoder, folder: Path, fingerprint: str, report: Report) -> None:
    """Make the folder in one go. The caller holds its lock."""
    _remove_dead_builds(folder)
    _remove(folder)  # what is there is not whole
    building = folder.with_name(f".{folder.name}{_BUILDING}")
    building.mkdir()
    try:
        found = survey(inputs, report)
        record = encode_corpus(inputs, found, encoder, building, report)
        index = _Index(fingerprint=fingerprint, hashes=len(found.division.all), record=record)
        _write(building / _HASHES, found.division.all.astype(_HASH_TYPE).tobytes())
        _write(building / _INDEX, index.model_dump_json(indent=1).encode())
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _remove_dead_builds(folder: Path) -> None:
    """What killed processes left, of any corpus: nobody holds the lock of such a one."""
    for left in folder.parent.glob(f".*{_BUILDING}"):
        owner = folder.with_name(left.name.removeprefix(".").removesuffix(_BUILDING))
        if owner == folder:
            _remove(left)
            continue
        try:
            with _lock(owner).acquire(timeout=0):
                _remove(left)
        except Timeout:
            continue


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _write(file: Path, data: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _open(folder: Path, fingerprint: str) -> Corpus | None:
    """The corpus of a folder, or None where it is not there whole."""
    file = folder / _INDEX
    if folder.is_symlink() or not file.is_file():
        return None
    try:
        index = _Index.model_validate_json(file.read_bytes())
    except ValidationError:
        return None
    record = index.record
    train, held_out = _open_part(folder / TRAIN, record.train), _open_part(folder / HELD_OUT, record.held_out)
    general = _open_part(folder / GENERAL, record.general.drawn) if record.general else None
    hashes = open_array(folder / _HASHES, _HASH_TYPE, index.hashes)
    if index.fingerprint != fingerprint or train is None or held_out is None or hashes is None:
        return None
    if record.general and general is None:
        return None
    return Corpus(train, held_out, general, record, hashes.astype(np.int64), fingerprint)


def _open_part(folder: Path, part: PartRecord) -> EncodedTexts | None:
    return open_encoded(folder, part.pieces, part.tokens)
