"""The second way through a corpus: every text segmented and tokenised once, into files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.reporting import Report, counted
from lingyu.text import Hashes, in_sorted

from .drawing_general import draw_general
from .encoded import batches, encode_batch
from .reading import Reading
from .record import CorpusRecord, ExcludedRecord, GeneralRecord, MeasuredRecord, PartRecord, SourceRecord
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
        self.texts = self.without_tokens = self.unknown = self.longest = 0

    def add(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """(texts,) which of them have a token; the others are counted, and left out."""
        encoder = self._encoder
        has_tokens = [np.zeros(0, dtype=np.bool_)]
        for batch in batches(texts):
            encoded = encode_batch(batch, encoder.tokenizer, encoder.segmenter, encoder.max_tokens)
            has_tokens.append(encoded.has_tokens)
            if self._unknown is not None:
                self.unknown += int(np.count_nonzero(encoded.texts.ids == self._unknown))
            self.longest = max(self.longest, int(encoded.texts.lengths.max(initial=0)))
            self._writer.write(encoded.texts)
        found = np.concatenate(has_tokens)
        self.texts += int(np.count_nonzero(found))
        self.without_tokens += int(np.count_nonzero(~found))
        return found

    @property
    def record(self) -> PartRecord:
        return PartRecord(texts=self.texts, pieces=self._writer.texts, tokens=self._writer.tokens)

    @property
    def unknown_share(self) -> float:
        return self.unknown / max(self._writer.tokens, 1)


class _MeasuredPart:
    """A part to measure on: of each text the first of its copies. learnt: see CorpusInputs."""

    def __init__(self, writer: EncodedWriter, encoder: Encoder, learnt: Hashes) -> None:
        self._part, self._learnt = _Part(writer, encoder), learnt
        self._there: set[int] = set()
        self.repeats = self._seen_by_base = 0

    def add(self, texts: Sequence[str], hashes: Hashes) -> None:
        new = []
        for at, content in enumerate(hashes.tolist()):
            if content not in self._there:
                self._there.add(content)
                new.append(at)
        self.repeats += len(texts) - len(new)
        has_tokens = self._part.add([texts[at] for at in new])
        self._seen_by_base += int(np.count_nonzero(has_tokens & in_sorted(hashes[new], self._learnt)))

    def require_a_mask(self, where: str, key: str) -> None:
        """Raises LingyuError where no token can be masked: of a lone token nothing is left to guess it by."""
        if self._part.longest < 2:
            what = "no text to measure on has two tokens, of which one could be masked"
            raise LingyuError(what, where, f"Add longer texts to {key}")

    @property
    def texts(self) -> int:
        return self._part.texts

    @property
    def without_tokens(self) -> int:
        return self._part.without_tokens

    @property
    def record(self) -> MeasuredRecord:
        return MeasuredRecord(**self._part.record.model_dump(), seen_by_base=self._seen_by_base)


def encode_corpus(inputs: CorpusInputs, found: Survey, encoder: Encoder, folder: Path, report: Report) -> CorpusRecord:
    """Write train/, held_out/ and, where asked for, general/ into the folder.

    Raises LingyuError where the sources have changed since the survey, a part has no token, or one to measure on no
    text of two.
    """
    train, held_out = _encode_parts(inputs, found, encoder, folder, report)
    if not train.texts or not held_out.texts:
        what = "too few texts with a token, to train on and to hold out"
        raise LingyuError(what, inputs.where, "Add text to dapt.corpus")
    held_out.require_a_mask(inputs.where, "dapt.corpus")
    return CorpusRecord(
        sources=_sources(inputs.sources, found.counts.texts),
        excluded=_excluded(inputs, found),
        empty=found.counts.empty + train.without_tokens + held_out.without_tokens,
        train=train.record,
        held_out=held_out.record,
        general=_encode_general(inputs, found, encoder, folder, report) if inputs.general else None,
        repeats=found.texts - len(found.division.all) - held_out.repeats,
        held_out_repeats=held_out.repeats,
        unknown_share=train.unknown_share,
        steps=tuple(dict.fromkeys(step for source in inputs.sources for step in source.steps)),
        segmenter=encoder.segmenter.fingerprint,
        tokenizer=encoder.tokenizer_fingerprint,
        max_tokens=encoder.max_tokens,
    )


def _encode_parts(
    inputs: CorpusInputs, found: Survey, encoder: Encoder, folder: Path, report: Report
) -> tuple[_Part, _MeasuredPart]:
    reading = Reading(inputs.sources, inputs.excluded)
    on_texts = counted(report, "segmenting and encoding", found.texts)
    with EncodedWriter(folder / TRAIN) as learnt, EncodedWriter(folder / HELD_OUT) as measured:
        train, held_out = _Part(learnt, encoder), _MeasuredPart(measured, encoder, inputs.learnt)
        for batch in reading.batches(lambda *_: None, ""):
            is_held_out = found.division.is_held_out(batch.hashes)
            train.add([batch.texts[at] for at in np.flatnonzero(~is_held_out).tolist()])
            held_out.add([batch.texts[at] for at in np.flatnonzero(is_held_out).tolist()], batch.hashes[is_held_out])
            on_texts(len(batch.texts))
    reading.require_same(found.counts)
    return train, held_out


def _encode_general(
    inputs: CorpusInputs, found: Survey, encoder: Encoder, folder: Path, report: Report
) -> GeneralRecord:
    drawn = draw_general(inputs, found.division.all, report)
    with EncodedWriter(folder / GENERAL) as writer:
        measured = _MeasuredPart(writer, encoder, inputs.learnt)
        measured.add(drawn.texts, drawn.hashes)
    measured.require_a_mask(", ".join(source.given for source in inputs.general), "dapt.general, or leave it out")
    counts = drawn.counts
    return GeneralRecord(
        sources=_sources(inputs.general, counts.texts),
        empty=counts.empty + measured.without_tokens,
        in_corpus=drawn.in_corpus,
        not_drawn=counts.read - counts.empty - drawn.in_corpus - len(drawn.texts),
        drawn=measured.record,
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
