"""A corpus for pretraining: read, cleaned, gated, divided, segmented and tokenised once, then kept on disk.

    dapt.corpus -> texts -> without test texts -> train and held out -> words and token ids -> runs/.encoded/<key>/

It is read twice: for the content hashes of all texts, by which the gate decides before hours of segmenting and a part
is held out; then to be encoded. Memory holds 17 bytes a text at most, 8 while it encodes, and of the texts a batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from lingyu.bases import Base
from lingyu.digests import json_sha256
from lingyu.reporting import Report
from lingyu.text import Hashes, in_sorted

from .encoded import EncodedTexts
from .encoding import GENERAL, HELD_OUT, TRAIN, Encoder, encode_corpus
from .kept import made_once
from .reading import Reading
from .record import CorpusRecord, MeasuredRecord, PartRecord
from .stored import open_array, open_encoded
from .surveying import CorpusInputs, survey

_INDEX: Final = "corpus.json"
_HASHES: Final = "hashes.bin"
_HELD_OUT_HASHES: Final = "held_out_hashes.bin"
_HASH_TYPE: Final = "<i8"


@dataclass(frozen=True, eq=False)
class Corpus:
    """Encoded texts, memory-mapped. held_out and general are measured on, not trained on by this run.

    hashes: ascending, distinct content hashes of the texts of train and held_out; held_out_hashes: those of held_out.
    fingerprint: of everything that the encoded texts depend on.
    """

    train: EncodedTexts
    held_out: EncodedTexts
    general: EncodedTexts | None
    record: CorpusRecord
    hashes: Hashes
    held_out_hashes: Hashes
    fingerprint: str


class _Index(BaseModel):
    """corpus.json of an encoded corpus. hashes, held_out_hashes: how many there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    hashes: int
    held_out_hashes: int
    record: CorpusRecord


def prepare_corpus(inputs: CorpusInputs, base: Base, max_tokens: int, cache: Path, report: Report) -> Corpus:
    """The recipe's corpus in the base's tokens. max_tokens: of a text, special tokens not counted.

    cache: the folder that keeps encoded corpora, each in a folder by its fingerprint. Of several processes that ask for
    the same one, the first makes it and the others wait.
    Raises LingyuError for sources that can't be read, for a corpus without text, and with status 1 where test texts
    stand in it that dapt.drop_test_texts does not drop.
    """
    encoder = Encoder(base.tokenizer, base.tokenizer_fingerprint, inputs.segmenter, max_tokens)
    fingerprint = _fingerprint(inputs, encoder)
    folder = cache / fingerprint[:32]
    with made_once(folder, lambda there: _open(there, fingerprint) is not None) as building:
        if building is not None:
            _build(inputs, encoder, building, fingerprint, report)
    kept = _open(folder, fingerprint)
    assert kept is not None, "a corpus that was just written can be opened"
    return kept


def corpus_texts(inputs: CorpusInputs, report: Report, without: Hashes | None = None) -> Iterator[str]:
    """The clean texts that may be learnt from: without test texts and without what is held out, as they are read.

    without: ascending, content hashes of what else is left out. Raises LingyuError as prepare_corpus does, before the
    first text.
    """
    found = survey(inputs, report)
    reading = Reading(inputs.sources, inputs.excluded)
    for batch in reading.batches(report, "reading the corpus again"):
        left_out = found.division.is_held_out(batch.hashes)
        if without is not None:
            left_out |= in_sorted(batch.hashes, without)
        yield from (batch.texts[at] for at in np.flatnonzero(~left_out).tolist())
    reading.require_same(found.counts)


def _fingerprint(inputs: CorpusInputs, encoder: Encoder) -> str:
    parts = (inputs.fingerprint, encoder.tokenizer_fingerprint, encoder.segmenter.fingerprint, encoder.max_tokens)
    return json_sha256(parts)


def _build(inputs: CorpusInputs, encoder: Encoder, folder: Path, fingerprint: str, report: Report) -> None:
    found = survey(inputs, report)
    record = encode_corpus(inputs, found, encoder, folder, report)
    divided = found.division
    for name, hashes in ((_HASHES, divided.all), (_HELD_OUT_HASHES, divided.held_out)):
        (folder / name).write_bytes(hashes.astype(_HASH_TYPE, copy=False).data)
    index = _Index(
        fingerprint=fingerprint, hashes=len(divided.all), held_out_hashes=len(divided.held_out), record=record
    )
    (folder / _INDEX).write_text(index.model_dump_json(indent=1), "utf-8")


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
    held_out_hashes = open_array(folder / _HELD_OUT_HASHES, _HASH_TYPE, index.held_out_hashes)
    if index.fingerprint != fingerprint or train is None or held_out is None or hashes is None:
        return None
    if held_out_hashes is None or (record.general and general is None):
        return None
    return Corpus(
        train=train,
        held_out=held_out,
        general=general,
        record=record,
        hashes=hashes.astype(np.int64),
        held_out_hashes=held_out_hashes.astype(np.int64),
        fingerprint=fingerprint,
    )


def _open_part(folder: Path, part: PartRecord | MeasuredRecord) -> EncodedTexts | None:
    return open_encoded(folder, part.pieces, part.tokens)
