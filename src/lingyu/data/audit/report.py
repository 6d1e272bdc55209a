"""What an audit says, without a single text of the data: the JSON document, and what its pages are made from.

Counts are of rows unless they say texts. At each of two levels: exact (equal after strip) and same (the content hash).
Near-duplicates are neither; see lingyu.data.near.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 1

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Check = Literal[
    "leakage",
    "conflicts",
    "labels",
    "near_leakage",
    "duplicates",
    "near_duplicates",
    "noise",
    "overlap",
    "personal",
]
"""What --fail-on names. leakage and conflicts are what no one should train over; the others want a look."""
Grade = Literal["ok", "look", "stop", "unchecked"]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Level(Model):
    exact: Count
    same: Count


class Source(Model):
    """sha256: of the file; None for a set of the hub. rows: read from it."""

    path: str
    sha256: str | None
    rows: Count


class Lengths(Model):
    """Of a part's texts. counts: how many texts lie between edge i and edge i + 1, the last edge included.

    tokens: with the special ones; None where no base was asked. over_limit: texts that max_length cuts.
    """

    unit: Literal["characters", "tokens"]
    mean: float
    median: Count
    p90: Count
    p99: Count
    longest: Count
    edges: tuple[Count, ...]
    counts: tuple[Count, ...]
    limit: Count | None = None
    over_limit: Count | None = None


class Unknown(Model):
    """[UNK] in what the base's tokenizer makes of the texts. characters: the most frequent behind it, with counts."""

    tokens: Count
    unknown: Count
    rows: Count
    characters: tuple[tuple[str, Count], ...]

    @property
    def share(self) -> float:
        return self.unknown / self.tokens if self.tokens else 0.0


class Part(Model):
    """train, dev or test. rows: with a text. empty: rows without one, left out of everything else.

    left_out: {reason: rows} of its source that are in no part, so that rows read = rows of the parts + empty + these.

    texts: distinct ones. repeats: rows whose text stood before in the same part. near_rows: rows with a near-duplicate
    in the part, none of them a repeat. conflicts: texts with two labels; conflict_rows: the rows that carry them.
    languages: {chinese, traditional, english, mixed, ...: rows}. personal: {phone, ...: rows}.
    """

    name: str
    source: Source
    rows: Count
    empty: Count
    texts: Level
    repeats: Level
    near_rows: Count
    conflicts: Level
    conflict_rows: Level
    labels: dict[str, Count]
    characters: Lengths
    tokens: Lengths | None
    unknown: Unknown | None
    languages: dict[str, Count]
    personal: dict[str, Count]
    left_out: dict[str, Count] = Field(default_factory=dict)


class Crossing(Model):
    """Rows of `part` whose text stands in `other`. other_label: those that carry none of the labels that it has there.

    near_rows: rows with a near-duplicate there, and no same text.
    """

    part: str
    other: str
    rows_of_part: Count
    rows: Level
    other_label: Level
    near_rows: Count


class Overlap(Model):
    """Rows of `part` whose text stands in another data set or corpus. exact: None where only its hashes are known."""

    part: str
    other: str
    rows_of_part: Count
    exact: Count | None
    same: Count
    near_rows: Count | None


class Noise(Model):
    """Rows whose label confident learning doubts (Northcutt 2021, arXiv 1911.00068), by cross-validated probabilities.

    pairs: (label, suggested label, rows), most frequent first. accuracy: of the cross-validated model on these labels.
    """

    method: str
    folds: Count
    rows: Count
    doubted: Count
    accuracy: Share
    pairs: tuple[tuple[str, str, Count], ...]


class Finding(Model):
    """A row that something is the matter with, and what could be done.

    row: as `lingyu data` names it, FILE:LINE. text_hash: content hash, 16 hexadecimal digits, so that a list of
    findings fits its file or is refused. other: the row that it repeats, leaks into or resembles.
    """

    check: Check
    level: Literal["exact", "same", "near"] | None = None
    part: str
    row: str
    text_hash: str
    label: str
    other: str | None = None
    other_label: str | None = None
    similarity: Share | None = None
    confidence: Share | None = None
    suggestion: Literal["keep", "drop", "relabel"]
    suggested_label: str | None = None


class Verdict(Model):
    """One check: its grade and a sentence. ok: nothing; look: worth a look; stop: not before this is mended;
    unchecked: it could not run, and the sentence says what it lacked. rows: that it found, each once."""

    check: Check
    grade: Grade
    rows: Count
    says: str


class Settings(Model):
    """What the figures depend on. clean: steps that the texts went through first. labels: value in the files -> name,
    by which the report speaks of it; empty where values are names."""

    text: str
    text_pair: str | None
    label: str | None
    clean: tuple[str, ...]
    encoding: str
    near_similarity: Share
    near_shortest: Count
    near_longest_other: Count
    base: str | None
    max_length: Count | None
    noise_folds: Count
    seed: Count
    labels: dict[str, str] = Field(default_factory=dict)


class Audit(Model):
    """The whole report. verdicts: one a check, in a fixed order. findings: empty where only the summary is kept."""

    format: Literal[1] = FORMAT
    lingyu: str
    created: str
    settings: Settings
    parts: tuple[Part, ...]
    crossings: tuple[Crossing, ...]
    overlaps: tuple[Overlap, ...]
    noise: Noise | None
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]

    @property
    def grade(self) -> Grade:
        """The worst of all; a check that could not run counts for nothing."""
        grades = {verdict.grade for verdict in self.verdicts}
        return "stop" if "stop" in grades else "look" if "look" in grades else "ok"

    def summary(self) -> "Audit":
        """Without the rows, and without the folders of this machine: what is kept with an adapter."""
        parts = tuple(
            part.model_copy(update={"source": part.source.model_copy(update={"path": Path(part.source.path).name})})
            if part.source.sha256 is not None
            else part
            for part in self.parts
        )
        return self.model_copy(update={"findings": (), "parts": parts})
