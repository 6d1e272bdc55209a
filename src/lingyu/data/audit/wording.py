"""The words that the terminal and the page share: what a check is called, what it asks, how a figure is said."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from .labels import FEWEST_TEXTS
from .report import Audit, Check, Crossing, Overlap, Part, Verdict

TITLES: Final[Mapping[Check, str]] = {
    "leakage": "Leakage",
    "conflicts": "Two labels",
    "labels": "Labels",
    "near_leakage": "Near leakage",
    "duplicates": "Duplicates",
    "near_duplicates": "Near-duplicates",
    "noise": "Doubted labels",
    "overlap": "Overlap",
    "personal": "Personal data",
}

MEANINGS: Final[Mapping[Check, str]] = {
    "leakage": "Rows of one part whose text stands in another part. A score on them is a score on what was learnt "
    "by heart.",
    "conflicts": "One text with two labels. At least one of them is wrong, and a model can not tell which.",
    "labels": f"Rows whose label has fewer than {FEWEST_TEXTS} texts in train, or none. A model can not learn such a "
    "label, and a label that is misspelt looks like one.",
    "near_leakage": "Rows of one part that differ from a text of another part by a few characters only.",
    "duplicates": "Rows whose text stood before in the same part. They weigh as often as they stand there.",
    "near_duplicates": "Rows of one part that differ by a few characters only: templates, copies, corrected reviews.",
    "noise": "Rows whose label a model that has not seen them finds improbable. Look before you change them: some are "
    "right and merely hard.",
    "overlap": "Rows whose text stands in another data set or corpus. What was trained on that has seen them.",
    "personal": "Rows with what looks like a phone number, an e-mail address, an identity or a bank card number. "
    "This page shows them masked.",
}

FIGURES: Final = (
    ("exact", "two texts are equal once the blanks around them are gone"),
    (
        "same text",
        "equal after Unicode normalisation (NFKC), in lower case, word characters only: punctuation, width and blanks "
        "count for nothing. Exact copies are among them",
    ),
    ("near", "not the same text, but alike: 1 - edits / characters of the longer one is at least the threshold"),
    ("repeats", "rows whose text stood before in the same part; rows = distinct texts + repeats"),
    ("another label", "the row carries none of the labels that its text has in the other part"),
    ("two labels", "texts that stand in one part with more than one label"),
    ("over the limit", "texts with more tokens than max_length: the rest of them is never read"),
    ("unknown", "tokens that the base's tokenizer does not know ([UNK]): it reads nothing where they stand"),
    ("doubted", "confident learning (Northcutt 2021, arXiv 1911.00068) over cross-validated probabilities"),
)
"""What a figure means, for the foot of the page."""

NO_NAME: Final = "(none)"
"""What stands for the label of a row that has none."""

_HEADLINES: Final = {
    "stop": "do not train on this before it is mended",
    "look": "nothing forbids training; worth a look first",
    "ok": "nothing was found",
}


def headline(audit: Audit) -> str:
    """The verdict in one sentence, without its grade: what is to be done, and because of what."""
    because = [_because(verdict) for verdict in audit.verdicts if verdict.grade == audit.grade != "ok"]
    return f"{_HEADLINES[audit.grade]}{': ' if because else ''}{', '.join(because)}"


def _because(verdict: Verdict) -> str:
    title = TITLES[verdict.check].lower()
    return f"{title} ({counted(verdict.rows, 'row')})" if verdict.rows else title


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """One place behind the point; never 0.0 or 100.0 for what is not."""
    if not whole or not part:
        return "0 %"
    share = part / whole
    if share == 1:
        return "100 %"
    return "< 0.1 %" if share < 0.0005 else "> 99.9 %" if share >= 0.9995 else f"{share:.1%}".replace("%", " %")


def left_out_figures(part: Part) -> str:
    """Rows of a part's source that are in no part; '' where there are none."""
    return ", ".join(f"{reason} {rows:,}" for reason, rows in part.left_out.items())


def crossing_figures(crossing: Crossing) -> str:
    rows = crossing.rows
    share = percent(rows.same, crossing.rows_of_part)
    text = f"{rows.exact:,} exact  {rows.same:,} same text  of {crossing.rows_of_part:,} ({share})"
    label = f"; {crossing.other_label.same:,} with another label" if crossing.other_label.same else ""
    return f"{text}{label}; {crossing.near_rows:,} near"


def overlap_figures(overlap: Overlap) -> str:
    share = percent(overlap.same, overlap.rows_of_part)
    exact = "" if overlap.exact is None else f"{overlap.exact:,} exact  "
    near = "" if overlap.near_rows is None else f"; {overlap.near_rows:,} near"
    return f"{exact}{overlap.same:,} same text  of {overlap.rows_of_part:,} ({share}){near}"


def grouped(counts: Mapping[str, int], most: int) -> list[tuple[str, tuple[str, ...]]]:
    """(name, keys behind it), the most frequent first, at most so many; what is left is one more: `(12 more)`."""
    ordered = sorted(counts, key=lambda key: -counts[key])
    kept = most if len(ordered) > most + 1 else len(ordered)  # one that is left takes the line that the sum would
    rest = tuple(ordered[kept:])
    return [*((key, (key,)) for key in ordered[:kept]), *([(f"({len(rest):,} more)", rest)] if rest else [])]


def total_of(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for part in counts:
        total.update(part)
    return total
