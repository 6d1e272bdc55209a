"""Runs of one character or short unit: 好好好好好好 says no more than 好好好, and fills the encoder's window."""

import re

MOST_REPEATS = 3
LONGEST_UNIT = 6  # '[good]', as some sites write an emoticon, and the marks of `personal`

_NUMERALS = r"\d〇零一二三四五六七八九十百千万亿"  # \d: the decimal digits of every script
_NUMERAL = re.compile(f"[{_NUMERALS}]")
_RUN = re.compile(rf"([^{_NUMERALS}]{{1,{LONGEST_UNIT}}}?)\1{{{MOST_REPEATS}}}", re.DOTALL)


def repeats(text: str) -> str:
    """A unit of at most 6 characters stands 3 times in a row at most; one that holds a numeral is left alone.

    Built from left to right, taking a unit off the end wherever it stands there a fourth time: so what was cut never
    makes a new run with what was before it, and a text takes time in proportion to its length.
    """
    first = _RUN.search(text)
    if first is None:
        return text
    kept = list(text[: first.start()])
    for char in text[first.start() :]:
        kept.append(char)
        surplus = _surplus(kept)
        if surplus:
            del kept[-surplus:]
    return "".join(kept)


def _surplus(kept: list[str]) -> int:
    """The length of the unit that stands four times at the end, 0 where none does."""
    for unit in range(1, LONGEST_UNIT + 1):
        if len(kept) <= unit * MOST_REPEATS:
            return 0
        if kept[-1] != kept[-1 - unit]:
            continue
        run = kept[-unit * (MOST_REPEATS + 1) :]
        if run[unit:] == run[:-unit] and not _NUMERAL.search("".join(run[:unit])):
            return unit
    return 0
