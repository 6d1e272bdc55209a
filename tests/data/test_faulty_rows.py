"""Whatever stands in the columns of a task: labels as they are written, a row left out and counted, or one line."""

import json
import math
from pathlib import Path

import datasets
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.data import TURN_MARK, caching
from lingyu.data.counts import EMPTY, Tally
from lingyu.data.reading import read_columns
from lingyu.data.task_rows import TASK_ROWS
from lingyu.errors import LingyuError
from lingyu.recipe import Data

LABELS = {"甲": "A", "2": "B", "3": "C"}
KEYS = dict.fromkeys(TASK_ROWS, ("text", "label")) | {"preference": ("text", "good", "bad")}
GOOD = {
    "multi_label": {"text": "好", "label": ["甲"]},
    "regression": {"text": "好", "label": 1.5},
    "token": {"text": ["好"], "label": ["B-甲"]},
    "preference": {"text": ["好", "坏"], "good": "甲", "bad": "乙"},
}
TEXT = st.sampled_from(
    [
        *["甲", "2", "2.0", " 3 ", "O", "B-甲", "I-2", "B-x", "O O", "", "\u3000", "\ud800", "\r\n", "甲|乙", "甲,2"],
        *["[", "[甲]", "[甲", "{}", "[]", "null", '["甲"]', "[null]", "[[1]]", "1_0", "1e3", "nan"],
    ]
)
SCALAR = st.one_of(TEXT, st.none(), st.booleans(), st.integers(-5, 5), st.floats(width=32))
VALUE = st.one_of(
    SCALAR,
    st.lists(SCALAR, max_size=3),
    st.lists(st.sampled_from(["O", "B-甲", "甲", "2", "好"]), max_size=3),
    st.lists(st.lists(SCALAR, max_size=1), max_size=1),
    st.dictionaries(st.just("role"), SCALAR, max_size=1),
)


@pytest.fixture(autouse=True)
def _uncached(write, monkeypatch):
    """Rows are parsed each time, in memory."""

    def rows(parse, sha256, fields, **asked):
        features = datasets.Features({field: datasets.Value("string") for field in fields})
        return datasets.Dataset.from_list(list(parse(**asked)), features=features)

    monkeypatch.setattr(caching, "cached_rows", rows)


def data_of(task):
    replies = {"chosen": "good", "rejected": "bad"} if task == "preference" else {}
    labels = {} if task in ("regression", "preference") else LABELS
    return Data(train="rows.jsonl", labels=labels, clean=("width",) if task == "token" else ("control",), **replies)


def read(task, rows):
    """(rows that are read, reasons of those left out); raises LingyuError."""
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    data, tally = data_of(task), Tally(EMPTY)
    columns, lists = TASK_ROWS[task].columns(data), TASK_ROWS[task].lists
    part = TASK_ROWS[task].read(read_columns("rows.jsonl", columns, lists=lists), data, tally)
    return part, tally


class FaultyError(Exception):
    """What the reference below does not read."""


def text(value):
    if isinstance(value, list | dict):
        raise FaultyError
    return (
        "" if value is None else json.dumps(value) if not isinstance(value, str) else value.replace("\ud800", "\ufffd")
    )


def pieces(value):
    """A list, or text that is one in JSON; None for other text."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if isinstance(value, dict):
        raise FaultyError
    if not isinstance(value, list):
        return None
    if any(piece is None for piece in value):
        raise FaultyError
    return [text(piece) for piece in value]


def index(label):
    label = label.strip().removesuffix(".0")
    if label not in LABELS:
        raise FaultyError
    return list(LABELS).index(label)


def one_label(row):
    first, label = text(row["text"]).strip(), text(row["label"])
    return (first, index(label)) if first else None


def label_set(row):
    if isinstance(row["label"], dict):
        raise FaultyError
    if row["label"] is None:
        text(row["text"])
        return None
    if not (first := text(row["text"]).strip()):
        return None
    found = pieces(row["label"])
    cut = [label for label in text(row["label"]).split(",") if label.strip()] if found is None else found
    return first, {index(label) for label in cut}


def number(row):
    first, value = text(row["text"]).strip(), text(row["label"])
    if not first:
        return None
    if "_" in value or not math.isfinite(found := _float(value)):
        raise FaultyError
    return first, np.float32(found)


def _float(value):
    try:
        return float(value)
    except ValueError:
        raise FaultyError from None


def tags(row):
    tokens, found = pieces(row["text"]), pieces(row["label"])
    if tokens and found is None:
        raise FaultyError
    tokens = list(text(row["text"])) if tokens is None else tokens
    found = text(row["label"]).split() if found is None else [tag.strip() for tag in found]
    if len(found) != len(tokens):
        raise FaultyError
    for token, tag in zip(tokens, found, strict=True):
        if tag != "O" and (tag[:2] not in ("B-", "I-") or tag[2:] not in LABELS or not token):
            raise FaultyError
    whole = "".join(tokens).strip()
    return (whole, sum(tag != "O" for tag in found) > 0) if whole else None


def replies(row):
    turns = [pieces(row[key]) for key in KEYS["preference"]]
    texts = [text(row[key]) if found is None else found for key, found in zip(KEYS["preference"], turns, strict=True)]
    joined = [
        (TURN_MARK.join(turn.strip() for turn in found if turn.strip()) if isinstance(found, list) else found).strip()
        for found in texts
    ]
    return joined if all(joined) and joined[1] != joined[2] else None


REFERENCES = {
    "single_label": one_label,
    "ordinal": one_label,
    "multi_label": label_set,
    "regression": number,
    "token": tags,
    "preference": replies,
}


def as_reference(task, part, at):
    if task == "preference":
        return [part.texts[at], part.pairs[at], part.rejected[at]]
    label = part.labels[at]
    found = {"multi_label": lambda: set(np.flatnonzero(label).tolist()), "token": lambda: bool(label)}
    return part.texts[at], found.get(task, lambda: label)()


@pytest.mark.parametrize("task", TASK_ROWS)
def test_a_row_of_any_values_is_read_as_written_or_left_out_or_one_line(task):
    good = GOOD.get(task, {"text": "好", "label": "甲"})

    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.fixed_dictionaries(dict.fromkeys(KEYS[task], VALUE)))
    def holds(row):
        try:
            wanted = REFERENCES[task](row)
        except FaultyError:
            assert_refused(task, [good, row])
            return
        part, tally = read(task, [good, row])
        assert sum(tally.dropped.values()) == (wanted is None)
        assert part.rows == (1 if wanted is None else 2)
        if wanted is not None and not ("\r" in str(wanted) or "\ufffd" in str(wanted)):
            assert as_reference(task, part, 1) == wanted

    holds()


def assert_refused(task, rows):
    with pytest.raises(LingyuError) as caught:
        read(task, rows)
    assert str(caught.value).startswith("rows.jsonl:2: ")
    assert "\n" not in str(caught.value)
    assert caught.value.next
