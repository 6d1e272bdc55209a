"""A text that is a list in its file is read alike to train and to answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data import TURN_MARK, TableRow, text_of
from lingyu.data.pieces import one_text
from lingyu.errors import LingyuError
from lingyu.tasks import TASKS


def row(value: object) -> TableRow:
    """As a row of jsonl comes."""
    nested = frozenset({"text"}) if isinstance(value, list | dict) else frozenset[str]()
    cell = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return TableRow("in.jsonl:3", {"text": cell}, nested=nested)


@pytest.mark.parametrize(
    ("task", "value", "text"),
    [
        ("token", ["华", "为", " ", "p60"], "华为 p60"),
        ("token", [], ""),
        ("token", "[华为", "[华为"),
        ("preference", ["有货吗 ", " ", "有的"], f"有货吗{TURN_MARK}有的"),
        ("preference", "有货吗", "有货吗"),
        ("single_label", "[1]", "[1]"),
    ],
)
def test_a_list_is_joined_as_its_task_reads_it(task: str, value: object, text: str) -> None:
    assert text_of(row(value), "text", task) == text


def test_a_list_in_a_csv_file_is_its_json() -> None:
    assert one_text('["华", "为"]', "token") == "华为"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("value", [["好"], [], {"好": 1}, [["好"]]])
def test_what_the_task_makes_no_text_of_is_told_with_its_row(task: str, value: object) -> None:
    if task in ("token", "preference") and isinstance(value, list):
        return
    kind = "mapping" if isinstance(value, dict) else "list"
    with pytest.raises(LingyuError, match=f"in.jsonl:3: `text` is a {kind}, and {task} reads a text"):
        text_of(row(value), "text", task)


@pytest.mark.parametrize("task", ["token", "preference"])
@pytest.mark.parametrize(
    ("value", "says"), [([["好"]], "another list"), ([{}], "a mapping"), (["好", None], "nothing .null.")]
)
def test_a_list_of_other_than_texts_is_told_with_its_row(task: str, value: object, says: str) -> None:
    with pytest.raises(LingyuError, match=f"in.jsonl:3: `text` is a list with {says} in it, where texts belong"):
        text_of(row(value), "text", task)


@given(st.lists(st.text()))
def test_tokens_lose_nothing_and_turns_only_their_blanks(pieces: list[str]) -> None:
    assert text_of(row(pieces), "text", "token") == "".join(pieces)
    kept = [piece.strip() for piece in pieces if piece.strip()]
    assert text_of(row(pieces), "text", "preference") == TURN_MARK.join(kept)
