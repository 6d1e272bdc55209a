"""Named steps: what each does, that it does it once, and that none fails on any text."""

import html
import re
import time
import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.recipe.section import CleaningStep
from lingyu.text import STEPS, clean, places_of, readable
from lingyu.text.steps import LONGEST_TEXT, _without_tags

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
LIKE_HTML = st.text(alphabet="<>&;/!-ampltgb #x3 c")
PIECES = [
    "http://",
    "www.",
    "a.com/",
    "x",
    ".",
    ",",
    "@",
    "13800138000",
    "-",
    "好",
    "ａ．",
    "哈哈哈哈",
    "體",
    "乾",
    "[网址]",
    "'",
]
LIKE_TALK = st.lists(st.sampled_from(PIECES)).map("".join)


@pytest.mark.parametrize("step", STEPS)
@given(text=ANY_TEXT | LIKE_HTML | LIKE_TALK)
def test_a_second_pass_changes_nothing(step: str, text: str) -> None:
    once = STEPS[step](text)
    assert STEPS[step](once) == once


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "unit", ["<", "@", "1", "http://", "www.", "1-", "a.", "&#", "<!--", "aab", "\0", "\ud800", "好"]
)
def test_no_step_is_held_up_by_a_text_made_to_do_so(step: str, unit: str) -> None:
    began = time.process_time()
    STEPS[step](unit * (100_000 // len(unit)) + "好")
    assert time.process_time() - began < 1


def test_a_recipe_may_name_every_step() -> None:
    assert get_args(CleaningStep) == tuple(STEPS)


def test_html_leaves_the_words() -> None:
    assert clean("很好<br/>下次&nbsp;还来&amp;amp;推荐", ["html"]) == "很好 下次\xa0还来&推荐"


@given(text=LIKE_HTML | st.lists(st.sampled_from(["<!--", "-->", "<!-->", "<b", ">", "<", "--", "\n好"])).map("".join))
def test_html_takes_out_what_one_search_for_tags_and_comments_does(text: str) -> None:
    plain = html.unescape(text)
    assert _without_tags(plain) == re.sub(r"(?s)<!--.*?-->|</?[a-zA-Z][^<>]*>", " ", plain)


def test_comments_that_never_end_do_not_hold_up_whoever_asks_beside() -> None:
    began = time.process_time()
    assert clean("好" + "<!--" * 100_000, ["html"]).startswith("好")
    assert time.process_time() - began < 5


def test_a_character_whose_number_has_thousands_of_digits_is_no_character() -> None:
    assert clean("好&nbsp很好&lt；1&amp2&gt", ["html"]) == "好\xa0很好<；1&amp2>"
    assert clean(f"好&#{'1' * 5000};的&lt;3", ["html"]) == "好\ufffd的<3"


def test_html_keeps_comparisons() -> None:
    assert clean("价格<300，评分>4", ["html"]) == "价格<300，评分>4"


def test_control_drops_zero_width_and_blanks_the_rest() -> None:
    assert clean("房\u200b间\x00很\ue000好\r\n\u3000棒\ud800", ["control"]) == "房间 很 好 棒"


def control_by_characters(text: str) -> str:
    """What `control` does, one character after the other."""
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category != "Cf":
            kept.append(" " if category[0] == "Z" or category in ("Cc", "Cs", "Co") else char)
    return " ".join("".join(kept).split())


@given(text=ANY_TEXT)
def test_control_is_what_it_is_character_by_character(text: str) -> None:
    assert clean(text, ["control"]) == control_by_characters(text)


def test_control_knows_every_character_there_is() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert STEPS["control"](everything) == control_by_characters(everything)


@given(text=ANY_TEXT | st.text(alphabet="ａ１，！？；：（）～\u3000．好"))
def test_width_maps_each_character_by_itself(text: str) -> None:
    narrow = [
        chr(ord(char) - 0xFEE0) if "！" <= char <= "～" and char not in "，！？；：（）～" else char for char in text
    ]
    assert STEPS["width"](text) == "".join(narrow).replace("\u3000", " ")


@pytest.mark.parametrize("hidden", ["\ufeff", "\u200b", "\u200c", "\u200d", "\u2060", "\xad", "\u180e", "\u202e"])
def test_control_takes_what_nobody_sees_out_of_words(hidden: str) -> None:
    assert clean(hidden.join("酒店很好"), ["control"]) == "酒店很好"


@pytest.mark.parametrize("char", ["\ue000", "\uf8ff", "\U000f0000", "\U0010fffd", "\0", "\x85", "\u2028", "\udfff"])
def test_control_puts_a_blank_for_what_no_vocabulary_holds(char: str) -> None:
    assert clean(f"{char}酒店{char}很好{char}", ["control"]) == "酒店 很好"


def test_width_narrows_letters_and_keeps_chinese_marks() -> None:
    assert clean("ＷｉＦｉ１２３，很好！（真的）", ["width"]) == "WiFi123，很好！（真的）"


@given(text=ANY_TEXT)
def test_width_never_changes_a_chinese_character(text: str) -> None:
    kept = [char for char in text if unicodedata.category(char) == "Lo"]
    assert [char for char in STEPS["width"](text) if unicodedata.category(char) == "Lo"] == kept


def test_a_step_of_a_later_lingyu_is_one_line_with_the_known_ones() -> None:
    with pytest.raises(
        LingyuError, match=r"the text step 'html2'; it knows html, control, width.*pip install -U lingyu"
    ):
        clean("好", ["html", "html2"])


def test_a_text_is_readable_unless_nothing_is_left_of_it_or_it_is_a_book() -> None:
    assert readable("<p>很好\ud83d</p>", ["html"]) == "很好\ufffd"
    assert len(readable("好" * LONGEST_TEXT, [])) == LONGEST_TEXT
    with pytest.raises(LingyuError, match="the text is empty"):
        readable("<br>", ["html"])
    with pytest.raises(LingyuError, match="1,000,001 characters"):
        readable("好" * (LONGEST_TEXT + 1), [])


def test_the_parameters_of_an_address_are_no_entities() -> None:
    address = "http://a.cn/x?a=1&region=2&section=3&copy=4&lt=5"
    assert clean(f"见{address}谢谢", ["html"]) == f"见{address}谢谢"
    assert clean(f"见{address.replace('&', '&amp;')}谢谢", ["html"]) == f"见{address}谢谢"
    assert clean(f"见{address}谢谢", ["html", "urls"]) == "见[网址]谢谢"


@given(st.text(st.characters() | st.sampled_from(" \u3000\ud83d\ude00Ａ１"), max_size=30))
def test_each_character_that_is_read_has_its_place_in_the_text_as_it_came(text: str) -> None:
    *starts, end = places = places_of(text)
    for steps in ((), ("width",)):
        if text.strip():
            read = readable(text, steps)
            assert len(read) == len(starts)
            assert all(read[at] == readable(f"好{text[start:stop]}好", steps)[1:-1]
                       for at, (start, stop) in enumerate(zip(starts, places[1:], strict=True)))  # fmt: skip
    assert text[places[0] : end] == text.strip()
