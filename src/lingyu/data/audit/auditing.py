"""The audit: every check over every part, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lingyu.reporting import Report

from ..near import NEAR, Nearness
from .conflicts import conflicts_in, find_conflicts
from .crossings import crossing, find_leaks, find_near_leaks, leaked_rows, near_rows_across
from .duplicates import find_repeats, near_rows_in, repeats_in
from .found import Found, as_finding, as_sample
from .labels import find_label_faults, label_figures
from .languages import languages_of
from .lengths import lengths_of
from .neighbours import Neighbours, neighbours_of
from .noise import Judged, find_noise, judge, why_not_judged
from .overlaps import hashes_of_corpus, overlaps_with_hashes, overlaps_with_table
from .parts import AuditPart, AuditReading
from .personal import find_personal
from .report import Audit, Check, Crossing, Lengths, Level, Overlap, Part, Settings, Unknown
from .rows import Rows, rows_of
from .samples import Samples
from .tokens import tokens_of
from .verdicts import CHECKS, Figures, verdicts_of

if TYPE_CHECKING:
    from lingyu.bases import Base

_SAMPLES = 30  # of each check


@dataclass(frozen=True, eq=False)
class AuditRequest:
    """parts: in the order of training and measuring, train first; each is looked for in those before it.

    against: tables and folders of corpora; against_reading: how those tables are read, as the parts where None.
    base: whose tokenizer and corpus are asked. max_length: tokens that are read of a text; the base's own where None.
    drops_leaked: whether training leaves out the rows that leak, which therefore stop nobody.
    """

    parts: tuple[AuditPart, ...]
    reading: AuditReading = field(default_factory=AuditReading)
    near: Nearness = NEAR
    base: "Base | None" = None
    max_length: int | None = None
    against: tuple[str, ...] = ()
    against_reading: AuditReading | None = None
    drops_leaked: bool = False
    noise_folds: int = 5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Audited:
    """samples: the texts of the worst findings, for a page; the audit itself holds none."""

    audit: Audit
    samples: Samples


def audit_parts(request: AuditRequest, report: Report) -> Audited:
    """Everything that is found in the parts. The same request gives the same report, but for its date.

    Raises LingyuError for a table or a folder of `against` that can't be read.
    """
    looked = _look_at(request, report)
    rows, judged = looked.rows, looked.judged
    crossings = tuple(crossing(rows, part, other, looked.neighbours) for part, other in looked.crossed)
    overlaps, overlapping = _overlaps(looked, report)
    parts, personal = _parts(looked, report)
    found = _found(looked, overlapping, personal)
    return Audited(
        Audit(
            lingyu=version("lingyu"),
            created=datetime.now(UTC).replace(microsecond=0).isoformat(),
            settings=_settings(request),
            parts=parts,
            crossings=crossings,
            overlaps=overlaps,
            noise=None if judged is None else judged.noise,
            verdicts=verdicts_of(_figures(looked, parts, crossings, overlaps, found)),
            findings=tuple(as_finding(rows, it) for check in CHECKS for it in found[check]),
        ),
        {check: tuple(as_sample(rows, it) for it in found[check][:_SAMPLES]) for check in CHECKS if found[check]},
    )


@dataclass(frozen=True, eq=False)
class _Looked:
    """The rows of all parts, each beside those that are near it and the label that the others give it."""

    request: AuditRequest
    rows: Rows
    neighbours: Neighbours
    judged: Judged | None

    @property
    def places(self) -> range:
        """Of the parts."""
        return range(len(self.rows.parts))

    @property
    def crossed(self) -> list[tuple[int, int]]:
        """(part, one before it): what is measured on, and what is trained or chosen by. The last part first."""
        return [(part, other) for other, part in combinations(self.places, 2)]


def _look_at(request: AuditRequest, report: Report) -> _Looked:
    report("same and near texts", 0, 2)
    rows = rows_of(request.parts)
    report("same and near texts", 1, 2)
    neighbours = neighbours_of(rows, request.near)
    report("same and near texts", 2, 2)
    return _Looked(request, rows, neighbours, judge(rows, request.noise_folds, request.seed, report))


def _found(looked: _Looked, overlapping: list[Found], personal: list[Found]) -> dict[Check, list[Found]]:
    """Every row of every check, part after part, the worst of each first."""
    rows, judged = looked.rows, looked.judged
    return {
        **_found_across(looked),
        "conflicts": [it for part in looked.places for it in find_conflicts(rows, part, judged)],
        "labels": find_label_faults(rows),
        "duplicates": [it for part in looked.places for it in find_repeats(rows, part)],
        "near_duplicates": [it for part in looked.places for it in near_rows_in(rows, part, looked.neighbours)],
        "noise": find_noise(rows, judged),
        "overlap": overlapping,
        "personal": personal,
    }


def _found_across(looked: _Looked) -> dict[Check, list[Found]]:
    """A row that leaks into two parts is found once: in the last of them, the test."""
    leaks: dict[int, Found] = {}
    near: dict[int, Found] = {}
    for part, other in sorted(looked.crossed, key=lambda pair: (-pair[0], pair[1])):
        for it in find_leaks(looked.rows, part, other):
            leaks.setdefault(it.row, it)
        for it in find_near_leaks(looked.rows, part, other, looked.neighbours):
            near.setdefault(it.row, it)
    return {"leakage": list(leaks.values()), "near_leakage": [it for it in near.values() if it.row not in leaks]}


def _overlaps(looked: _Looked, report: Report) -> tuple[tuple[Overlap, ...], list[Found]]:
    request, rows = looked.request, looked.rows
    overlaps: list[Overlap] = []
    found: list[Found] = []
    for source in request.against:
        if Path(source).is_dir():
            more = overlaps_with_hashes(rows, hashes_of_corpus(source), source)
        else:
            reading = request.against_reading or request.reading
            more = overlaps_with_table(rows, looked.neighbours, source, reading, report)
        overlaps += more[0]
        found += more[1]
    if request.base is not None and len(request.base.corpus_hashes):
        more = overlaps_with_hashes(rows, request.base.corpus_hashes, f"corpus of base {request.base.id}")
        overlaps += more[0]
        found += more[1]
    return tuple(overlaps), found


def _parts(looked: _Looked, report: Report) -> tuple[tuple[Part, ...], list[Found]]:
    """What is said of each part, and the rows with personal data."""
    measured = _measured(looked, report)
    parts, personal = [], []
    for number in looked.places:
        report("languages and personal data", number, len(looked.places))
        kinds, found = find_personal(looked.rows, number)
        personal += found
        parts.append(_part(looked, number, measured[number], kinds))
    report("languages and personal data", len(parts), len(parts))
    return tuple(parts), personal


@dataclass(frozen=True)
class _Measured:
    """The texts of a part, and how long they are."""

    texts: list[str]
    characters: Lengths
    tokens: Lengths | None
    unknown: Unknown | None


def _measured(looked: _Looked, report: Report) -> list[_Measured]:
    request, rows = looked.request, looked.rows
    texts = [[rows.texts[row] for row in np.flatnonzero(rows.part == number).tolist()] for number in looked.places]
    characters = lengths_of([[len(text) for text in of_part] for of_part in texts], "characters")
    if request.base is None:
        return [_Measured(*of_part, None, None) for of_part in zip(texts, characters, strict=True)]
    found = [tokens_of(part, request.base, report) for part in rows.parts]
    tokens = lengths_of([of_part.lengths for of_part in found], "tokens", _max_length(request))
    unknown = [of_part.as_unknown() for of_part in found]
    return [_Measured(*of_part) for of_part in zip(texts, characters, tokens, unknown, strict=True)]


def _part(looked: _Looked, number: int, measured: _Measured, personal: dict[str, int]) -> Part:
    rows = looked.rows
    given, of_part = rows.parts[number], rows.part == number
    conflicts, conflict_rows = conflicts_in(rows, number)
    return Part(
        name=given.name,
        source=given.source,
        rows=len(measured.texts),
        empty=given.empty,
        texts=Level(exact=len(np.unique(rows.exact[of_part])), same=len(np.unique(rows.same[of_part]))),
        repeats=repeats_in(rows, number),
        near_rows=len(near_rows_in(rows, number, looked.neighbours)),
        conflicts=conflicts,
        conflict_rows=conflict_rows,
        labels=_label_counts(given),
        characters=measured.characters,
        tokens=measured.tokens,
        unknown=measured.unknown,
        languages=languages_of(measured.texts),
        personal=personal,
        left_out=dict(given.left_out),
    )


def _label_counts(part: AuditPart) -> dict[str, int]:
    """The most frequent first; nothing where no label is known."""
    if part.labels is None:
        return {}
    names, counts = np.unique(part.labels, return_counts=True)
    order = sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda item: (-item[1], item[0]))
    return dict(order)


def _max_length(request: AuditRequest) -> int | None:
    return request.max_length or (request.base.max_length if request.base is not None else None)


def _figures(
    looked: _Looked,
    parts: tuple[Part, ...],
    crossings: tuple[Crossing, ...],
    overlaps: tuple[Overlap, ...],
    found: Mapping[Check, Sequence[Found]],
) -> Figures:
    request, rows, judged, crossed = looked.request, looked.rows, looked.judged, looked.crossed
    near = {row for part, other in crossed for row in near_rows_across(rows, part, other, looked.neighbours).tolist()}
    return Figures(
        parts,
        crossings,
        overlaps,
        judged,
        why_not_judged(rows, request.noise_folds) or (None if judged else "no two texts have a character in common"),
        label_figures(rows),
        why_no_labels=None if rows.has_labels else request.reading.unjudged,
        drops_leaked=request.drops_leaked,
        leaked_rows=leaked_rows(rows, crossed),
        near_leaked_rows=len(near),
        overlapping_rows=len({it.row for it in found["overlap"]}),
        personal_rows=len(found["personal"]),
        faulty_label_rows=len(found["labels"]),
    )


def _settings(request: AuditRequest) -> Settings:
    reading = request.reading
    return Settings(
        text=reading.text,
        text_pair=reading.text_pair,
        label=reading.label if any(part.labels is not None for part in request.parts) else None,
        clean=reading.clean,
        encoding=reading.encoding,
        near_similarity=request.near.similarity,
        near_shortest=request.near.shortest,
        near_longest_other=request.near.longest_other,
        base=None if request.base is None else request.base.id,
        max_length=_max_length(request),
        noise_folds=request.noise_folds,
        seed=request.seed,
        labels=dict(reading.names),
    )
