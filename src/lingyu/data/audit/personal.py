"""Rows with personal data: phone numbers, e-mail addresses, identity and bank card numbers."""

from collections import Counter

import numpy as np

from lingyu.text import personal_spans

from .found import Found
from .rows import Rows


def find_personal(rows: Rows, part: int) -> tuple[dict[str, int], list[Found]]:
    """({kind: rows}, each row that has any, those with most first). They are kept: `lingyu data clean` masks them."""
    kinds: Counter[str] = Counter()
    spans_each: dict[int, int] = {}
    for row in np.flatnonzero(rows.part == part).tolist():
        spans = personal_spans(rows.texts[row])
        if spans:
            kinds.update({span.kind for span in spans})
            spans_each[row] = len(spans)
    ordered = sorted(spans_each, key=lambda row: (-spans_each[row], row))
    return dict(kinds.most_common()), [Found("personal", row, "keep") for row in ordered]
