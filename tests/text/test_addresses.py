"""Web addresses in Chinese text: where they end, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.text import STEPS

urls = STEPS["urls"]

CHINESE = st.text(alphabet="详情见酒店很好，。！（）“”：；", min_size=1)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("详情见http://t.cn/aB3谢谢", "详情见[网址]谢谢"),
        ("HTTPS://Example.COM:8080/a_b/?x=1&y=%E9#z。好", "[网址]。好"),
        ("看(http://a.com/x),再说", "看([网址]),再说"),
        ("www.example.com", "[网址]"),
        ("去www.example.com.看", "去[网址].看"),
        ("item.jd.com/100.html很贵", "[网址]很贵"),
        ("http://example.com/a?b=酒店", "[网址]酒店"),
        ("ftp://a/b http://localhost:8000/x", "[网址] [网址]"),
    ],
)
def test_an_address_ends_where_the_sentence_goes_on(text: str, marked: str) -> None:
    assert urls(text) == marked


@pytest.mark.parametrize(
    "text",
    [
        "在ctrip.com订的",
        "京东jd.com/淘宝",
        "3.5/5分",
        "v1.2.3/beta",
        "a@www.qq.com",
        "http://中文",
        "awww.b.com",
        "12:30//13:00",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert urls(text) == text


@given(
    CHINESE, st.from_regex(r"https?://[a-z0-9]{1,8}\.(com|cn)(/[a-z0-9?=&%]{0,8}[a-z0-9])?", fullmatch=True), CHINESE
)
def test_the_chinese_on_both_sides_stays_as_it_is(before: str, url: str, after: str) -> None:
    assert urls(before + url + after) == f"{before}[网址]{after}"
