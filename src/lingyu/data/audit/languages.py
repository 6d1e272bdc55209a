"""What a text is written in, by the script of its letters. Exact enough to see what does not belong; no model."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

CHINESE = "chinese"
TRADITIONAL = "traditional"
ENGLISH = "english"
MIXED = "mixed"
OTHER = "other scripts"
NO_LETTERS = "no letters"

_MOST = 0.7  # of what is said, so that a Chinese review which names a brand or two is Chinese
_FEW = 10  # one of so many characters, or more, is a traditional one in a text that is

_HAN = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LATIN = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]+")


def languages_of(texts: Iterable[str]) -> dict[str, int]:
    """{chinese, traditional, english, mixed, other scripts, no letters: texts}, those that occur, most first."""
    return dict(Counter(map(language_of, texts)).most_common())


def language_of(text: str) -> str:
    """english stands for Latin letters: pinyin is among them, and so is French.

    A word of those counts as much as one Chinese character, or one letter of another script.
    """
    letters = sum(map(str.isalpha, text))
    if not letters:
        return NO_LETTERS
    han = _HAN.findall(text)
    words = _LATIN.findall(text)
    said = letters - sum(map(len, words)) + len(words)
    if len(han) >= _MOST * said:
        return TRADITIONAL if _is_traditional(han) else CHINESE
    if len(words) >= _MOST * said:
        return ENGLISH
    return MIXED if len(han) + len(words) >= _MOST * said else OTHER


def _is_traditional(han: list[str]) -> bool:
    """Characters of Taiwan's standard alone outnumber those of the mainland's alone, and are not one rare name."""
    traditional, simplified = _only_in_one_standard()
    found = sum(map(traditional.__contains__, han))
    return found * _FEW >= len(han) and found > sum(map(simplified.__contains__, han))


@cache
def _only_in_one_standard() -> tuple[frozenset[str], frozenset[str]]:
    """(characters of Big5 that GB2312 has not, those of GB2312 that Big5 has not)"""
    standards = [
        {char for char in map(chr, range(0x4E00, 0xA000)) if char.encode(standard, "ignore")}
        for standard in ("big5", "gb2312")
    ]
    return frozenset(standards[0] - standards[1]), frozenset(standards[1] - standards[0])
