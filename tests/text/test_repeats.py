"""Runs are cut to three, whatever repeats; numbers stay what they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.text import STEPS

repeats = STEPS["repeats"]

FEW = st.text(alphabet="ab好 1八!", max_size=60)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("好好好好好好", "好好好"),
        ("哈哈哈哈哈，好！！！！！", "哈哈哈，好！！！"),
        ("好好好", "好好好"),
        ("hahahahahaha", "hahaha"),
        ("垃圾酒店垃圾酒店垃圾酒店垃圾酒店别来", "垃圾酒店垃圾酒店垃圾酒店别来"),
        ("[good][good][good][good][good]", "[good][good][good]"),
        ("好 好 好 好 好 好", "好 好 好"),
        ("aaaabaaabaaabaaab", "aaabaaabaaab"),  # the first cut makes a run of its own
        ("😂" * 500, "😂😂😂"),
        ("………………", "………"),
    ],
)
def test_a_run_is_cut_to_three(text: str, cut: str) -> None:
    assert repeats(text) == cut


@pytest.mark.parametrize(
    "text", ["100000元", "８８８８８８", "八八八八八", "一千万万万万", "1.1.1.1.1", "٣٣٣٣٣", "000,000,000,000"]
)
def test_a_number_stays_as_it_is(text: str) -> None:
    assert repeats(text) == text


@given(FEW)
def test_no_unit_without_a_numeral_stands_four_times_in_a_row(text: str) -> None:
    assert re.search(r"([^1八]{1,6})\1\1\1", repeats(text)) is None


@given(FEW)
def test_only_repeats_go_and_every_numeral_stays(text: str) -> None:
    cut = repeats(text)
    assert set(cut) == set(text)
    assert re.sub("[^1八]", "", cut) == re.sub("[^1八]", "", text)
    if re.search(r"([^1八]{1,6})\1\1\1", text) is None:
        assert cut == text
