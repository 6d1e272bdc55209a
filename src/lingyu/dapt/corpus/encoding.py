"""The second way through a corpus: every text segmented and tokenised once, into files."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lingyu.errors import LingyuError
from lingyu.reporting import Report, counted

from .drawing_general import draw_general
from .encoded import batches, encode_batch
from .reading import Reading
from .record import CorpusRecord, ExcludedRecord, GeneralRecord, PartRecord, SourceRecord
from .segmenters import Segmenter
from .sources import Source
from .stored import EncodedWriter
from .surveying import CorpusInputs, Survey

TRAIN, HELD_OUT, GENERAL = "train", "held_out", "general"


@dataclass(frozen=True)
class Encoder:
    """What makes tokens of texts. tokenizer_fingerprint: the base's."""

    tokenizer: Any
    tokenizer_fingerprint: str
    segmenter: Segmenter
    max_tokens: int


class _Part:
    """A part of the corpus on its way into its folder."""

    def __init__(self, writer: EncodedWriter, encoder: Encoder) -> None:
        self._writer, self._encoder = writer, encoder
        self._unknown = encoder.tokenizer.unk_token_id
        self.texts = self.without_tokens = self.unknown = 0

    def add(self, texts: Sequence[str]) -> None:
        encoder = self._encoder
        for batch in batches(texts):
            encoded = encode_batch(batch, encoder.tokenizer, encoder.segmenter, encoder.max_tokens)
            with_tokens = len(np.unique(encoded.came_from))
            self.texts += with_tokens
            self.without_tokens += len(batch) - with_tokens
            if self._unknown is not None:
                self.unknown += int(np.count_nonzero(encoded.texts.ids == self._unknown))
            self._writer.write(encoded.texts)

    @property
    def record(self) -> PartRecord:
        return PartRecord(texts=self.texts, pieces=self._writer.texts, tokens=self._writer.tokens)

    @property
    def unknown_share(self) -> float:
        return self.unknown / max(self._writer.tokens, 1)


def encode_corpus(inputs: CorpusInputs, found: Survey, encoder: Encoder, folder: Path, report: Report) -> CorpusRecord:
    """Write train/, held_out/ and, where asked for, general/ into the folder.

    Raises LingyuError where the sources have changed since the survey, or a part has no token.
    """
    reading = Reading(inputs.sources, inputs.excluded)
    on_texts = counted(report, "segmenting and encoding", found.texts)
    with ExitStack() as files:
        train, held_out = (
            _Part(files.enter_context(EncodedWriter(folder / name)), encoder) for name in (TRAIN, HELD_OUT)
        )
        for batch in reading.batches(lambda *_: None, ""):
            is_held_out = found.division.is_held_out(batch.hashes)
            for part, chosen in ((train, ~is_held_out), (held_out, is_held_out)):
                part.add([batch.texts[at] for at in np.flatnonzero(chosen).tolist()])
            on_texts(len(batch.texts))
    reading.require_same(found.counts)
    if not train.texts or not held_out.texts:
        what = "too few texts with a token, to train on and to hold out"
        raise LingyuError(what, inputs.where, "Add text to dapt.corpus")
    return CorpusRecord(
        sources=_sources(inputs.sources, found.counts.texts),
        excluded=_excluded(inputs, found),
        empty=found.counts.empty + train.without_tokens + held_out.without_tokens,
        train=train.record,
        held_out=held_out.record,
        general=_encode_general(inputs, found, encoder, folder, report) if inputs.general else None,
        repeats=found.texts - len(found.division.all),
        unknown_share=train.unknown_share,
        steps=tuple(dict.fromkeys(step for source in inputs.sources for step in source.steps)),
        segmenter=encoder.segmenter.fingerprint,
        tokenizer=encoder.tokenizer_fingerprint,
        max_tokens=encoder.max_tokens,
    )


def _encode_general(
    inputs: CorpusInputs, found: Survey, encoder: Encoder, folder: Path, report: Report
) -> GeneralRecord:
    drawn = draw_general(inputs, found.division.all, report)
    with EncodedWriter(folder / GENERAL) as writer:
        part = _Part(writer, encoder)
        part.add(drawn.texts)
    if not part.texts:
        where = ", ".join(source.given for source in inputs.general)
        raise LingyuError("no text with a token", where, "Set dapt.general to other text, or leave it out")
    counts = drawn.counts
    return GeneralRecord(
        sources=_sources(inputs.general, counts.texts),
        empty=counts.empty + part.without_tokens,
        in_corpus=drawn.in_corpus,
        not_drawn=counts.read - counts.empty - drawn.in_corpus - len(drawn.texts),
        drawn=part.record,
    )


def _sources(sources: Sequence[Source], texts: Sequence[int]) -> tuple[SourceRecord, ...]:
    return tuple(
        SourceRecord(
            name=source.name,
            kind=source.kind,
            fingerprint=source.fingerprint,
            parts=source.parts,
            texts=count,
        )
        for source, count in zip(sources, texts, strict=True)
    )


def _excluded(inputs: CorpusInputs, found: Survey) -> tuple[ExcludedRecord, ...]:
    return tuple(
        ExcludedRecord(name=excluded.name, fingerprint=excluded.fingerprint, texts=excluded.texts, removed=removed)
        for excluded, removed in zip(inputs.excluded, found.counts.removed, strict=True)
    )
