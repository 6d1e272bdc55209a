"""Normalising text: named steps, recorded with an adapter and applied alike before training and before answering.

A step is idempotent and never changes its behaviour under its name: a better `html` will be called `html2`, so that
an old adapter goes on reading what it was trained on.
"""

import html as html_entities
import re
import unicodedata
from collections.abc import Callable, Sequence
from html.entities import html5

from lingyu.errors import LingyuError

from .addresses import urls
from .personal import personal
from .repeats import repeats
from .script import simplified
from .shape import width

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_TAG_OR_COMMENT = re.compile(rf"<!--.*?-->|{_TAG.pattern}", re.DOTALL)
_COMMENT_ENDS = "-->"
_ENTITY = re.compile("&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([A-Za-z][A-Za-z0-9]*)([;=]?))")
_ENDLESS_NUMBER = re.compile("&#[0-9]{4301,};?")
LONGEST_TEXT = 1_000_000
_MOST_LAYERS = 8  # '&amp;amp;lt;' is unwrapped layer by layer; text that is deeper than this is an attack, not a review


def html(text: str) -> str:
    """Tags become blanks and entities their characters, until neither is left."""
    for _ in range(_MOST_LAYERS):
        plain = _without_tags(_unescaped(text))
        if plain == text:
            return text
        text = plain
    return text.replace("&", " ").replace("<", " ")


def _unescaped(text: str) -> str:
    """Entities become their characters. A name without a semicolon is one only where no letter, digit or = follows, as
    in an attribute of HTML: else the parameters of a web address (?a=1&region=2) would lose their names."""
    return _ENTITY.sub(_character, text)


def _character(entity: re.Match[str]) -> str:
    name, end = entity.groups()
    if name is not None and name + end not in html5:  # its keys end in a semicolon, but for those that may go without
        return entity[0]
    try:
        return html_entities.unescape(entity[0])
    except ValueError:  # the number of a character with more digits than Python makes an int of
        return html_entities.unescape(_ENDLESS_NUMBER.sub("\ufffd", entity[0]))


def _without_tags(text: str) -> str:
    """A blank for each tag and comment. Behind the last end of a comment none is looked for: a text of nothing but
    `<!--` would be gone through to its end from each of them, minutes for a megabyte."""
    end = text.rfind(_COMMENT_ENDS) + len(_COMMENT_ENDS) if _COMMENT_ENDS in text else 0
    return _TAG_OR_COMMENT.sub(" ", text[:end]) + _TAG.sub(" ", text[end:])


# ASCII, common Chinese characters and marks: what `control` keeps as it is. Only the rest is looked at one by one.
_OTHERWISE = re.compile(r"[^\x20-\x7e\u4e00-\u9fa5\u3001-\u3003\u3008-\u3011\uff01-\uff5e\u2014\u2018-\u201d\u2026]+")


def control(text: str) -> str:
    """Line ends, control and private-use characters and lone surrogates become blanks, and white space is squeezed.

    Zero-width characters (category Cf) go without a trace: they stand inside words. Unassigned ones stay, since which
    they are changes with the version of Python.
    """
    return " ".join(_OTHERWISE.sub(_without_control, text).split())


def _without_control(run: re.Match[str]) -> str:
    kept = []
    for char in run[0]:
        category = unicodedata.category(char)
        if category == "Cf":
            continue
        kept.append(" " if category[0] == "Z" or category in ("Cc", "Cs", "Co") else char)
    return "".join(kept)


STEPS: dict[str, Callable[[str], str]] = {
    "html": html,
    "control": control,
    "width": width,
    "urls": urls,
    "repeats": repeats,
    "personal": personal,
    "simplified": simplified,
}


_CHARACTER = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)  # UTF-16 has two for one


def readable(text: str, steps: Sequence[str], name: str = "the text") -> str:
    """A text that came from anywhere, as an adapter was trained to read it: clean, and U+FFFD for lone surrogates.

    name: of the text, for what is said of it.
    Raises LingyuError where nothing is left of it, or it is a book: a tokenizer takes gigabytes for one, of which an
    encoder reads the first page.
    """
    if len(text) > LONGEST_TEXT:
        what = f"{name} has {len(text):,} characters, and at most {LONGEST_TEXT:,} are read"
        raise LingyuError(what, next="Give the part that it is to be judged by")
    cleaned = clean(whole_characters(text), steps)
    if not cleaned:
        raise LingyuError(f"{name} is empty", next="Give it at least one character")
    return cleaned


def whole_characters(text: str) -> str:
    """Two surrogates that make a pair as one character, lone ones, which no tokenizer takes, as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def places_of(text: str) -> list[int]:
    """Where in the text each character begins that `readable` makes of it by steps that keep places, and where it ends.

    Blanks at its ends are stripped, and two surrogates that make a pair are one character.
    """
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return [*(match.start() for match in _CHARACTER.finditer(text, begin, end)), end]


def clean(text: str, steps: Sequence[str]) -> str:
    """The text after the named steps, in the order given, stripped. Raises LingyuError for a name that is no step."""
    for name in steps:
        if name not in STEPS:
            raise LingyuError(
                f"this lingyu does not know the text step {name!r}; it knows {', '.join(STEPS)}",
                next="An adapter of a later lingyu needs it: pip install -U lingyu",
            )
        text = STEPS[name](text)
    return text.strip()
