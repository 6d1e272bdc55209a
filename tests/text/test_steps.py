"""Named steps: what each does, that it does it once, and that none fails on any text."""

import html
import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.text import STEPS, clean, readable
from lingyu.text.steps import LONGEST_TEXT, _without_tags

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
LIKE_HTML = st.text(alphabet="<>&;/!-ampltgb #x3 c")


@pytest.mark.parametrize("step", STEPS)
@given(text=ANY_TEXT | LIKE_HTML)
def test_a_second_pass_changes_nothing(step: str, text: str) -> None:
    once = STEPS[step](text)
    assert STEPS[step](once) == once


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


def test_html_keeps_comparisons() -> None:
    assert clean("价格<300，评分>4", ["html"]) == "价格<300，评分>4"


def test_control_drops_zero_width_and_blanks_the_rest() -> None:
    assert clean("房\u200b间\x00很\ue000好\r\n\u3000棒\ud800", ["control"]) == "房间 很 好 棒"


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
