"""What is said of a corpus in a base's lineage and card: where it comes from, and where every text of it went."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]


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


class GeneralRecord(_Model):
    """Text of no domain, to measure forgetting on. in_corpus: left out, since the corpus has the same text.

    not_drawn: repeated, or beyond the 2,000 texts of the smallest content hashes.
    """

    sources: tuple[SourceRecord, ...]
    empty: Count
    in_corpus: Count
    not_drawn: Count
    drawn: PartRecord

    @property
    def read(self) -> int:
        return sum(source.texts for source in self.sources)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.empty + self.in_corpus + self.not_drawn + self.drawn.texts:
            raise ValueError("read is not empty + in_corpus + not_drawn + drawn")
        return self


class CorpusRecord(_Model):
    """read = empty + removed for test sets + train + held out, always.

    empty: texts of which cleaning or the tokenizer leaves nothing. repeats: texts of train and held out that are the
    same text as an earlier one; they are kept, all on the same side. unknown_share: of the tokens of train.
    max_tokens: of a piece, without special tokens.
    """

    sources: tuple[SourceRecord, ...]
    excluded: tuple[ExcludedRecord, ...]
    empty: Count
    train: PartRecord
    held_out: PartRecord
    general: GeneralRecord | None
    repeats: Count
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
        if self.read != self.empty + self.removed + self.train.texts + self.held_out.texts:
            raise ValueError("read is not empty + removed + train + held out")
        return self

    def lines(self) -> list[str]:
        """What a person wants to see before the wait."""
        lines = [
            f"{source.name}: {source.texts:,} texts" + (f" of {len(source.parts)} parts" if source.parts[1:] else "")
            for source in self.sources
        ]
        lines += [
            f"left out for the test set {excluded.name}: {excluded.removed:,} texts" for excluded in self.excluded
        ]
        lines.append(
            f"read {self.read:,} = train {self.train.texts:,} + held out {self.held_out.texts:,} "
            f"+ empty {self.empty:,} + test texts {self.removed:,} (repeats among them, kept: {self.repeats:,})"
        )
        lines.append(
            f"train {self.train.tokens:,} tokens in {self.train.pieces:,} pieces, held out "
            f"{self.held_out.tokens:,} in {self.held_out.pieces:,}; unknown {self.unknown_share:.2%}; "
            f"words by {self.segmenter}"
        )
        if self.general is not None:
            lines.append(
                f"general text {self.general.drawn.texts:,} of {self.general.read:,}, {self.general.drawn.tokens:,} "
                f"tokens ({self.general.in_corpus:,} left out: they stand in the corpus)"
            )
        return lines
