"""One verdict a check: is training forbidden, is a look worth it, and the figures in a sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

from ..counts import BOTH_ORDERS, TWO_LABELS
from .labels import FEWEST_TEXTS, LabelFigures
from .noise import Judged
from .report import Check, Crossing, Grade, Overlap, Part, Verdict
from .wording import counted

CHECKS: tuple[Check, ...] = get_args(Check)
STOPPING: tuple[Check, ...] = ("leakage", "conflicts")

_MOST_NAMED = 3
_ONE_PART = "there is one part only, nothing to compare it with"


@dataclass(frozen=True, eq=False)
class Figures:
    """What verdicts speak of. leaked_rows: rows of any part that stand in one before it, each counted once.

    drops_leaked: whether training leaves them out. why_no_labels: None where rows have labels.
    """

    parts: tuple[Part, ...]
    crossings: tuple[Crossing, ...]
    overlaps: tuple[Overlap, ...]
    judged: Judged | None
    why_not_judged: str | None
    labels: LabelFigures
    why_no_labels: str | None
    drops_leaked: bool
    leaked_rows: int
    near_leaked_rows: int
    overlapping_rows: int
    personal_rows: int
    faulty_label_rows: int


def verdicts_of(figures: Figures) -> tuple[Verdict, ...]:
    """In the order of report.Check."""
    return tuple(_verdict(check, _SAID[check](figures)) for check in CHECKS)


@dataclass(frozen=True)
class _Said:
    """rows: that a check is about. grade: where it is not the one that the check gives for any row."""

    rows: int
    says: str
    grade: Grade | None = None


def _unchecked(says: str) -> _Said:
    return _Said(0, says, "unchecked")


def _verdict(check: Check, said: _Said) -> Verdict:
    grade: Grade = "ok" if not said.rows else "stop" if check in STOPPING else "look"
    return Verdict(check=check, grade=said.grade or grade, rows=said.rows, says=said.says)


def _leakage(figures: Figures) -> _Said:
    if not figures.crossings:
        return _unchecked(_ONE_PART)
    said = [_leak(crossing) for crossing in figures.crossings if crossing.rows.same]
    if said and figures.drops_leaked:
        return _Said(figures.leaked_rows, f"{_joined(said, '')}; data.drop_leaked leaves them out", "look")
    return _Said(figures.leaked_rows, _joined(said, "no row of dev or test stands in what is trained on"))


def _leak(crossing: Crossing) -> str:
    other = crossing.other_label.same
    label = f", {other:,} of them with another label" if other else ""
    of = f"{crossing.rows.same:,} of {_rows(crossing.rows_of_part)} of {crossing.part}"
    return f"{of} stand in {crossing.other} ({crossing.rows.exact:,} exactly{label})"


def _conflicts(figures: Figures) -> _Said:
    said = [
        f"{counted(part.conflicts.same, 'text')} of {part.name} with two labels, in {_rows(part.conflict_rows.same)}"
        for part in figures.parts
        if part.conflicts.same
    ]
    rows = sum(part.conflict_rows.same for part in figures.parts)
    left_out = [
        f"{_rows(part.left_out[reason])} of texts with {reason} were left out of {part.name}"
        for part in figures.parts
        for reason in (TWO_LABELS, BOTH_ORDERS)
        if reason in part.left_out
    ]
    if figures.why_no_labels and not left_out:
        return _unchecked(figures.why_no_labels)
    # what was left out is not trained on, nor is what stands in dev or test alone: that stops nobody
    in_train = figures.parts[0].conflicts.same
    grade: Grade | None = "look" if (rows or left_out) and not in_train else None
    return _Said(rows, _joined([*said, *left_out], "no text has two labels"), grade)


def _labels(figures: Figures) -> _Said:
    found = figures.labels
    if figures.why_no_labels and not found.unlabelled:
        return _unchecked(figures.why_no_labels)
    said = [f"{_rows(rows)} of {part} {'has' if rows == 1 else 'have'} no label" for part, rows in found.unlabelled]
    if found.labels < 2:
        said.append(f"{found.train} has {counted(found.labels, 'label')}, and a classifier needs two")
    if found.rare:
        rare = counted(len(found.rare), "label")
        said.append(f"{rare} of {found.train} with fewer than {FEWEST_TEXTS} texts: {_some(found.rare)}")
    if found.lacking:
        said.append(f"{counted(len(found.lacking), 'label')} that {found.train} lacks: {_some(found.lacking)}")
    if found.alike:
        named = ["/".join(group) for group in found.alike[:_MOST_NAMED]]
        more = ", ..." if len(found.alike) > _MOST_NAMED else ""
        said.append(f"labels that differ only by width or blanks: {', '.join(named)}{more}")
    says = _joined(said, f"each label has {FEWEST_TEXTS} texts")
    # a training refuses rows without a label
    stops = found.labels < 2 or found.train in dict(found.unlabelled)
    return _Said(figures.faulty_label_rows, says, "stop" if stops else None)


def _some(counts: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{name} ({count:,})" for name, count in counts[:_MOST_NAMED])
    return f"{named}, ..." if len(counts) > _MOST_NAMED else named


def _near_leakage(figures: Figures) -> _Said:
    if not figures.crossings:
        return _unchecked(_ONE_PART)
    said = [
        f"{crossing.near_rows:,} of {_rows(crossing.rows_of_part)} of {crossing.part} nearly stand in {crossing.other}"
        for crossing in figures.crossings
        if crossing.near_rows
    ]
    return _Said(figures.near_leaked_rows, _joined(said, "no row of dev or test is near one that is trained on"))


def _duplicates(figures: Figures) -> _Said:
    said = [
        f"{part.repeats.same:,} of {_rows(part.rows)} of {part.name} repeat a text ({part.repeats.exact:,} exactly)"
        for part in figures.parts
        if part.repeats.same
    ]
    return _Said(sum(part.repeats.same for part in figures.parts), _joined(said, "no text stands twice in a part"))


def _near_duplicates(figures: Figures) -> _Said:
    said = [
        f"{part.near_rows:,} of {_rows(part.rows)} of {part.name} differ from another by a few characters"
        for part in figures.parts
        if part.near_rows
    ]
    return _Said(sum(part.near_rows for part in figures.parts), _joined(said, "no text is near another of its part"))


def _noise(figures: Figures) -> _Said:
    judged = figures.judged
    if figures.why_no_labels:
        return _unchecked(figures.why_no_labels)
    if judged is None:
        return _unchecked(f"not judged: {figures.why_not_judged}")
    noise = judged.noise
    left_out = f"; {_rows(judged.left_out)} of rare labels were not judged" if judged.left_out else ""
    if not judged.knows_something:
        share = _percent(noise.accuracy)
        return _unchecked(f"not judged: a model of words is right on {share}, no more than chance is{left_out}")
    says = (
        f"{noise.doubted:,} of {noise.rows:,} labels are doubted by a model that is right on {_percent(noise.accuracy)}"
    )
    return _Said(noise.doubted, says + left_out)


def _overlap(figures: Figures) -> _Said:
    if not figures.overlaps:
        return _unchecked("compared with no other data set or corpus")
    said = [_touching(overlap) for overlap in figures.overlaps if overlap.same or overlap.near_rows]
    others = len({overlap.other for overlap in figures.overlaps})
    return _Said(figures.overlapping_rows, _joined(said, f"no row stands in {counted(others, 'other set')}"))


def _touching(overlap: Overlap) -> str:
    near = f", {overlap.near_rows:,} more nearly" if overlap.near_rows else ""
    return f"{overlap.same:,} of {_rows(overlap.rows_of_part)} of {overlap.part} stand in {overlap.other}{near}"


def _personal(figures: Figures) -> _Said:
    kinds: dict[str, int] = {}
    for part in figures.parts:
        for kind, rows in part.personal.items():
            kinds[kind] = kinds.get(kind, 0) + rows
    said = [f"{_KINDS.get(kind, kind)} in {_rows(rows)}" for kind, rows in kinds.items()]
    return _Said(figures.personal_rows, _joined(said, "no phone, e-mail, identity or bank card number"))


_KINDS = {
    "phone": "phone numbers",
    "email": "e-mail addresses",
    "id_card": "identity numbers",
    "bank_card": "bank card numbers",
}

_SAID: dict[Check, Callable[[Figures], _Said]] = {
    "leakage": _leakage,
    "conflicts": _conflicts,
    "labels": _labels,
    "near_leakage": _near_leakage,
    "duplicates": _duplicates,
    "near_duplicates": _near_duplicates,
    "noise": _noise,
    "overlap": _overlap,
    "personal": _personal,
}
"""Check -> what is said of it."""


def _joined(said: Sequence[str], nothing: str) -> str:
    return "; ".join(said) if said else nothing


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rows(count: int) -> str:
    return counted(count, "row")
