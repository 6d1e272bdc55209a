"""Traditional to Simplified, by OpenCC, until nothing is left to change."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.text import STEPS, clean
from lingyu.text.script import _converter

simplified = STEPS["simplified"]


def test_traditional_becomes_simplified_by_words() -> None:
    assert simplified("這間酒店環境和服務態度亦算不錯") == "这间酒店环境和服务态度亦算不错"
    assert simplified("乾隆皇帝的乾淨頭髮，發財") == "乾隆皇帝的干净头发，发财"


@pytest.mark.parametrize("text", ["很好", "abc 123", "", "酒店\ud800很\0好", "[电话]"])
def test_what_is_not_traditional_stays(text: str) -> None:
    assert simplified(text) == text


@given(
    st.lists(st.sampled_from([*"乾坤昇畢麼么幺薴苧於單氾勝釐祕瓊徵變髮發后後里裡\0\ud800a"]), max_size=12).map("".join)
)
def test_names_that_opencc_knows_in_one_script_only_settle_too(text: str) -> None:
    once = simplified(text)
    assert simplified(once) == once


def test_every_character_settles() -> None:
    for begin in range(0, 0x30000, 0x1000):
        text = "，".join(map(chr, range(begin, begin + 0x1000)))
        once = simplified(text)
        assert simplified(once) == once


def test_without_opencc_it_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)  # as Python itself does for a package that must not be found
    with pytest.raises(LingyuError, match=r"needs the package opencc.*pip install 'lingyu\[data\]'"):
        clean("好", ["simplified"])


def test_the_text_room_does_not_import_what_only_one_step_needs(tmp_path: Path) -> None:
    assert importlib.util.find_spec("opencc")
    script = "import sys, lingyu.text; sys.exit(any(name in sys.modules for name in ('opencc', 'torch', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=tmp_path).returncode == 0
