"""Texts as the page quotes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data.audit.excerpts import Excerpt, excerpt, excerpts, legible, masked

ANY_TEXT = st.text(st.characters(codec=None))


def shape(pieces: Excerpt) -> list[tuple[str, str | int]]:
    return [(piece.kind, piece.text or piece.count) for piece in pieces]


def counted(pieces: Excerpt) -> int:
    return sum(len(piece.text) + piece.count for piece in pieces)


def test_a_short_text_is_quoted_whole() -> None:
    assert shape(excerpt("很好，下次还来")) == [("same", "很好，下次还来")]


def test_a_long_text_is_quoted_by_its_ends() -> None:
    assert shape(excerpt("甲" * 350 + "乙" * 350)) == [("same", "甲" * 300), ("left_out", 300), ("same", "乙" * 100)]


def test_the_differences_of_two_texts_are_marked() -> None:
    ours, theirs = excerpts("房间很好，早餐一般", "房间很差，早餐一般！")
    assert shape(ours) == [("same", "房间很"), ("differs", "好"), ("same", "，早餐一般")]
    assert shape(theirs) == [("same", "房间很"), ("differs", "差"), ("same", "，早餐一般"), ("differs", "！")]


def test_what_two_long_texts_share_is_left_out_around_the_differences() -> None:
    ours, theirs = excerpts("甲" * 500 + "好" + "乙" * 500, "甲" * 500 + "坏" + "乙" * 500)
    around = [("left_out", 476), ("same", "甲" * 24), ("same", "乙" * 24), ("left_out", 476)]
    assert shape(ours) == [*around[:2], ("differs", "好"), *around[2:]]
    assert shape(theirs) == [*around[:2], ("differs", "坏"), *around[2:]]


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\u202e", "\u200b", "\ud800", "\ue000", "\n"])
def test_what_can_not_be_seen_stands_as_an_escape(char: str) -> None:
    assert legible(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"


def test_chinese_and_its_blanks_stay() -> None:
    assert legible("　很好 ，👍") == "　很好 ，👍"


def test_personal_data_is_masked_before_anything_is_cut() -> None:
    number = "13812345678"
    text = "甲" * 295 + number + "乙" * 400  # the cut at 300 goes through the number
    assert "13812" not in "".join(piece.text for piece in excerpt(text))
    ours, theirs = excerpts(text, text.replace("乙", "丙", 1))
    assert "1381" not in "".join(piece.text for piece in (*ours, *theirs))


@given(ANY_TEXT, ANY_TEXT)
def test_every_character_is_shown_or_counted(text: str, other: str) -> None:
    ours, theirs = excerpts(text, other)
    assert counted(ours) == len(legible(masked(text)))
    assert counted(theirs) == len(legible(masked(other)))


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_agree_in_what_is_not_marked(text: str, other: str) -> None:
    ours, theirs = excerpts(text, other)
    if not any(piece.kind == "left_out" for piece in (*ours, *theirs)):
        shared = ["".join(piece.text for piece in pieces if piece.kind == "same") for pieces in (ours, theirs)]
        assert shared[0] == shared[1]


def test_a_book_beside_another_takes_no_time() -> None:
    ours, theirs = excerpts("甲乙丙丁" * 25_000, "戊己庚辛" * 25_000)
    assert counted(ours) == counted(theirs) == 100_000
    assert max(sum(len(piece.text) for piece in pieces) for pieces in (ours, theirs)) <= 400
