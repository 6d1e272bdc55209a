"""The words of a text, by name: what is masked as a whole.

A segmenter gives a text in pieces that make the text again; blanks stand among them. It knows nothing of tokens.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Final, Literal

from lingyu.errors import missing_extra

from .user_dictionary import UserDictionary, read_user_dictionary

SegmenterName = Literal["jieba", "rjieba", "whitespace", "characters"]

# Marks are words of their own, but for those inside of Wi-Fi, 3.5 or AT&T.
_BETWEEN_BLANKS: Final = re.compile(r"\s+|\w+(?:[-.'&+/@]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Segmenter:
    """words: a text in pieces, blanks among them. fingerprint: of everything that they depend on."""

    fingerprint: str
    words: Callable[[str], Sequence[str]]


def segmenter_for(name: SegmenterName, user_dict: str | None = None) -> Segmenter:
    """The segmenter that a recipe names. user_dict: a file, for jieba alone.

    Raises LingyuError where its package is missing, and naming the line where the dictionary is malformed.
    """
    match name:
        case "jieba":
            return _jieba(read_user_dictionary(user_dict) if user_dict else None)
        case "rjieba":
            return _rjieba()
        case "whitespace":
            return Segmenter("whitespace 1", _BETWEEN_BLANKS.findall)
        case "characters":
            return Segmenter("characters 1", list)


def _jieba(dictionary: UserDictionary | None) -> Segmenter:
    try:
        import jieba
    except ImportError:
        raise missing_extra("jieba", "dapt") from None

    tokenizer = jieba.Tokenizer()  # one of our own: the one that jieba's functions use is the whole process's
    frequencies, tokenizer.total = _jieba_dictionary()
    tokenizer.FREQ = frequencies if dictionary is None else dict(frequencies)
    tokenizer.initialized = True
    fingerprint = f"jieba {version('jieba')}"
    if dictionary is None:
        return Segmenter(fingerprint, tokenizer.lcut)

    for entry in dictionary.entries:
        if entry.frequency != 0:
            tokenizer.add_word(entry.word, entry.frequency)
    # jieba would write those of frequency 0 into a list of the whole process
    never = frozenset(entry.word for entry in dictionary.entries if entry.frequency == 0)
    for word in never:
        tokenizer.FREQ[word] = 0
    fingerprint += f", dictionary {dictionary.sha256}"
    return Segmenter(fingerprint, _splitting(tokenizer.lcut, never) if never else tokenizer.lcut)


@cache
def _jieba_dictionary() -> tuple[dict[str, int], int]:
    """Frequencies of words and of their beginnings (0), and their sum. Takes a second.

    jieba.initialize() would take them from a marshal file of a known name in the folder for temporary files, if one is
    there, which on a shared machine anybody may have put there; and would write one.
    """
    import jieba

    tokenizer = jieba.Tokenizer()
    frequencies, total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    return frequencies, total


def _splitting(cut: Callable[[str], Sequence[str]], never: frozenset[str]) -> Callable[[str], Sequence[str]]:
    """As cut, but a word of `never`, which jieba may still guess to be one, comes out in its characters."""

    def words(text: str) -> list[str]:
        found: list[str] = []
        for word in cut(text):
            found += word if word in never else (word,)
        return found

    return words


def _rjieba() -> Segmenter:
    try:
        import rjieba
    except ImportError:
        raise missing_extra("rjieba", "dapt") from None
    return Segmenter(f"rjieba {version('rjieba')}", rjieba.Jieba().cut)
