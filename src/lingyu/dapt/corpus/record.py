"""What is said of a corpus in a base's lineage and card: where it comes from, and where every text of it went."""

import re
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]

_MUCH = 0.02  # of the tokens unknown: public Chinese vocabularies stay below half of that on reviews
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourcePart(_Model):
    """What a built corpus was made of. licence, origin: as its builder states them. texts: read for that corpus."""

    name: str
    licence: str | None
    origin: str | None
    texts: Count


class SourceRecord(_Model):
    """kind: corpus, text, table or recipe. fingerprint: SHA-256 of its content. texts: that were read from it.

    parts: of a built corpus or a recipe; none where nobody said.
    """

    name: str
    kind: str
    fingerprint: str
    parts: tuple[SourcePart, ...]
    texts: Count


class ExcludedRecord(_Model):
    """A test set. fingerprint: over the content hashes of its texts, as corpus.json has it. texts: distinct ones.

    removed: texts of the corpus that are the same text (content hash) as one of its. Near ones are not looked for.
    """

    name: str
    fingerprint: str
    texts: Count
    removed: Count


class PartRecord(_Model):
    """texts: as they were read. pieces: after long ones were cut. tokens: without special tokens."""

    texts: Count
    pieces: Count
    tokens: Count


class MeasuredRecord(_Model):
    """As PartRecord, each text once. seen_by_base: of the texts, those that the base was trained on, as far as it says;
    there are some only where hardly another text is there."""

    texts: Count
    pieces: Count
    tokens: Count
    seen_by_base: Count = 0


class GeneralRecord(_Model):
    """Text of no domain, to measure forgetting on. in_corpus: left out, since the corpus has the same text.

    not_drawn: repeated, trained on by the base, or beyond the 2,000 texts of the smallest content hashes.
    """

    sources: tuple[SourceRecord, ...]
    empty: Count
    in_corpus: Count
    not_drawn: Count
    drawn: MeasuredRecord

    @property
    def read(self) -> int:
        return sum(source.texts for source in self.sources)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.empty + self.in_corpus + self.not_drawn + self.drawn.texts:
            raise ValueError("read is not empty + in_corpus + not_drawn + drawn")
        return self


class CorpusRecord(_Model):
    """read = empty + removed for test sets + train + held out + repeats of held out, always.

    empty: texts of which cleaning or the tokenizer leaves nothing. repeats: texts of train that are the same text as an
    earlier one; they are kept. held_out_repeats: those of held out, which are left out: a text is measured once, and
    not trained on. unknown_share: of the tokens of train. max_tokens: of a piece, without special tokens.
    """

    sources: tuple[SourceRecord, ...]
    excluded: tuple[ExcludedRecord, ...]
    empty: Count
    train: PartRecord
    held_out: MeasuredRecord
    general: GeneralRecord | None
    repeats: Count
    held_out_repeats: Count = 0
    unknown_share: Annotated[float, Field(ge=0, le=1)]
    steps: tuple[str, ...]
    segmenter: str
    tokenizer: str
    max_tokens: Count

    @property
    def read(self) -> int:
        return sum(source.texts for source in self.sources)

    @property
    def removed(self) -> int:
        return sum(excluded.removed for excluded in self.excluded)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.empty + self.removed + self.train.texts + self.held_out.texts + self.held_out_repeats:
            raise ValueError("read is not empty + removed + train + held out + repeats of held out")
        return self

    def notes(self) -> list[str]:
        """What a reader of the figures has to know, a sentence each."""
        notes = []
        if self.unknown_share > _MUCH:
            notes.append(
                f"{self.unknown_share:.1%} of the tokens are unknown to the vocabulary: it does not fit the text."
            )
        if seen := self.held_out.seen_by_base:
            notes.append(
                f"{seen:,} of {self.held_out.texts:,} held-out texts were trained on by the base: "
                "the gain is understated."
            )
        if self.general and (seen := self.general.drawn.seen_by_base):
            notes.append(
                f"{seen:,} of {self.general.drawn.texts:,} general texts were trained on by the base: "
                "what is forgotten is overstated."
            )
        return notes

    @property
    def sum_in_words(self) -> str:
        """Where every text went; places where none did are left out."""
        places = {
            "train": self.train.texts,
            "held out": self.held_out.texts,
            "repeats of held out": self.held_out_repeats,
            "empty": self.empty,
            "test texts": self.removed,
        }
        return f"read {self.read:,} = " + " + ".join(f"{name} {count:,}" for name, count in places.items() if count)

    @property
    def segmenter_in_short(self) -> str:
        """With the first digits of its dictionary's SHA-256."""
        return _DIGEST.sub(r"\1", self.segmenter)

    def lines(self) -> list[str]:
        """What a person wants to see before the wait."""
        lines = [
            f"{source.name}: {source.texts:,} texts" + (f" of {len(source.parts)} parts" if source.parts[1:] else "")
            for source in self.sources
        ]
        lines += [
            f"left out for the test set {excluded.name}: {excluded.removed:,} texts"
            for excluded in self.excluded
            if excluded.removed
        ]
        lines.append(self.sum_in_words + (f" (repeats in train, kept: {self.repeats:,})" if self.repeats else ""))
        lines.append(
            f"train {self.train.tokens:,} tokens in {self.train.pieces:,} pieces, held out "
            f"{self.held_out.tokens:,} in {self.held_out.pieces:,}; unknown {self.unknown_share:.2%}; "
            f"words by {self.segmenter_in_short}"
        )
        if self.general is not None:
            in_corpus = self.general.in_corpus
            lines.append(
                f"general text {self.general.drawn.texts:,} of {self.general.read:,}, {self.general.drawn.tokens:,} "
                "tokens" + (f" ({in_corpus:,} left out: they stand in the corpus)" if in_corpus else "")
            )
        return lines + self.notes()
