"""Personal data in running text, found by its form and its checksum: phones, e-mails, identity and bank cards.

What has a checksum is taken only where it holds: parcel and order numbers are as long. Names, postal addresses and
account names have no form to go by and stay. So do the 15-digit identity numbers (without a checksum, and void since
2013), phone numbers without an area code, and the 400 and 800 numbers of companies.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from .shape import width

PERSONAL_KINDS = ("email", "id_card", "bank_card", "phone")
"""In the order in which they are looked for: an e-mail may begin with a phone number, and is one whole."""

_MASKS = {"email": "[邮箱]", "id_card": "[证件号]", "bank_card": "[银行卡号]", "phone": "[电话]"}
_TAKEN = "["  # stands in the place of what was found: no pattern below knows it, nor any character of a mask

# A number is no part of a longer one, nor of one with a decimal point. Both sides are asked alike, so that masking
# one number never makes its neighbour into one.
_LEFT = r"(?<![0-9])(?<![0-9]\.)"
_RIGHT = r"(?![0-9])(?!\.[0-9])"

# Every number below has this within it, and years and prices have not. The digits are spelt out: so the search skips to
# the first one, and goes through other text ten times as fast.
_NUMBER = re.compile("[0-9][0-9][0-9][0-9 .)）·•–—-]{1,3}[0-9][0-9][0-9]")
_AFTER_AT = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
_LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-"
_ID_CARD = re.compile(rf"{_LEFT}(?=([1-9][0-9]{{5}}[ -]?[0-9]{{8}}[ -]?[0-9]{{3}}(?:[0-9]{_RIGHT}|[Xx])))")
_GROUPS = (
    r"[0-9]{14,19}",
    r"[0-9]{4}(?:[ -][0-9]{4}){3}[ -][0-9]{1,3}",
    r"[0-9]{4}(?:[ -][0-9]{4}){3}",
    r"[0-9]{4}(?:[ -][0-9]{4}){2}[ -][0-9]{1,3}",
    r"[0-9]{6}[ -][0-9]{13}",
    r"[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}",
)
_BANK_CARDS = tuple(re.compile(rf"{_LEFT}(?=({groups}){_RIGHT})") for groups in _GROUPS)
_GAP = "(?: ?[·•–—-] ?| )"  # between the parts of a phone number
_COUNTRY = rf"(?:\+86{_GAP}?|{_LEFT}(?:(?:00)?86{_GAP}?)?)"
_TRUNK = rf"(?:\+86{_GAP}?0?|{_COUNTRY}0)"  # what stands before an area code
# Two mobile numbers with a full stop between them are no number with a decimal point.
_MOBILE = "1[3-9][0-9]{9}"
_MOBILES = rf"(?<![0-9])(?:(?<![0-9]\.)|(?<=(?<![0-9]){_MOBILE}\.)){_MOBILE}(?![0-9])(?!\.(?!{_MOBILE}(?![0-9]))[0-9])"
# Area codes of 010 and 02x, and those of three digits more, with the numbers that are in use: none begins with 0 or 1,
# and what is written like a day (010-20230101) numbers a document.
_AREA_2, _AREA_3 = "(?:10|2[0-57-9])", "[3-9][0-9]{2}"
_NO_DAY = rf"(?!20[0-9]{{2}}{_GAP}?(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9]))"
_EIGHT = rf"{_NO_DAY}[2-9][0-9]{{3}}{_GAP}?[0-9]{{4}}"
_SEVEN = rf"[2-9][0-9]{{2}}{_GAP}?[0-9]{{4}}"
_END = rf"(?:-[0-9]{{1,6}})?{_RIGHT}"
_PHONE = re.compile(
    rf"{_MOBILES}"
    rf"|{_COUNTRY}1[3-9][0-9](?:\.|{_GAP})?[0-9]{{4}}(?:\.|{_GAP})?[0-9]{{4}}{_RIGHT}"
    rf"|{_COUNTRY}1[3-9][0-9]{_GAP}(?:[0-9]{{3}}{_GAP}[0-9]{{5}}|[0-9]{{8}}){_RIGHT}"
    rf"|{_TRUNK}(?:{_AREA_2}{_GAP}{_EIGHT}|{_AREA_3}{_GAP}(?:{_EIGHT}|{_SEVEN})){_END}"
    rf"|(?:\+86{_GAP}?)?[(（]0?{_AREA_2}[)）]{_GAP}?{_EIGHT}{_END}"
    rf"|(?:\+86{_GAP}?)?[(（]0{_AREA_3}[)）]{_GAP}?(?:{_EIGHT}|{_SEVEN}){_END}"
    # in one go
    rf"|{_COUNTRY}0(?:{_AREA_2}{_NO_DAY}[2-8][0-9]{{7}}|{_AREA_3}{_NO_DAY}[2-8][0-9]{{6,7}}){_RIGHT}"
)
# First digits of bank cards and the lengths that go with them: ISO/IEC 7812 ranges of UnionPay (62, 81), Visa (4),
# Mastercard (51-55, 2221-2720), American Express (34, 37), JCB (3528-3589), Diners (36, 38), Discover (6011, 65), and
# those that Chinese banks used before UnionPay (ICBC 9558, ABC 9559, BOC 6013, and CCB 4367, of 19 digits).
# Visa's cards of 13 and 19 digits are left out: hardly anybody issues them, a 400 number with an extension is as long
# as the first, and an order number of Taobao as the second.
_ISSUED = re.compile(
    r"(?:62|81)\d{14,17}|4\d{15}|4367\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|35(?:2[89]|[3-8]\d)\d{12,15}|3[68]\d{12}|6011\d{12}|65\d{14}|955[89]\d{12}|955[89]\d{15}"
    r"|6013\d{15}"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


class Span(NamedTuple):
    """Personal data at text[start:end]. kind: one of PERSONAL_KINDS."""

    kind: str
    start: int
    end: int


def personal(text: str) -> str:
    """Personal data become `[邮箱]`, `[证件号]`, `[银行卡号]` or `[电话]`."""
    return _replaced(text, ((span, _MASKS[span.kind]) for span in personal_spans(text)))


def personal_spans(text: str) -> tuple[Span, ...]:
    """What of a text is personal data, in its order; full-width digits and letters are read as ASCII."""
    left = width(text)  # one character for each
    if "@" not in left and not _NUMBER.search(left):
        return ()
    found: list[Span] = []
    for kind in PERSONAL_KINDS:
        spans = [Span(kind, start, end) for start, end in _apart(_FINDERS[kind](left))]
        left = _replaced(left, ((span, _TAKEN * (span.end - span.start)) for span in spans))
        found += spans
    return tuple(sorted(found, key=lambda span: span.start))


def _replaced(text: str, pieces: Iterable[tuple[Span, str]]) -> str:
    """The text with something else in the place of each span; the spans in their order."""
    parts, done = [], 0
    for span, other in pieces:
        parts += [text[done : span.start], other]
        done = span.end
    return "".join([*parts, text[done:]])


Places = Iterator[tuple[int, int]]


def _apart(places: Places) -> Places:
    """Without those that begin within an earlier one; of two that begin together the longer stays."""
    done = 0
    for start, end in sorted(places, key=lambda place: (place[0], -place[1])):
        if start >= done:
            yield start, end
            done = end


def _emails(text: str) -> Places:
    """From each @ with a host behind it back to where its name begins: no search runs over the same letters twice."""
    begin = 0
    for at in _AFTER_AT.finditer(text):
        before = text[begin : at.start()].rpartition("@")[2]
        name = before[len(before.rstrip(_LOCAL)) :].lstrip("._%+-")
        if name:
            yield at.start() - len(name), at.end()
        begin = at.end()


def _id_cards(text: str) -> Places:
    for match in _ID_CARD.finditer(text):
        if _is_id_card(_bare(match[1])):
            yield match.span(1)


def _bank_cards(text: str) -> Places:
    for groups in _BANK_CARDS:
        for match in groups.finditer(text):
            if _is_bank_card(_bare(match[1])):
                yield match.span(1)


def _phones(text: str) -> Places:
    return (match.span() for match in _PHONE.finditer(text))


_FINDERS: dict[str, Callable[[str], Places]] = {
    "email": _emails,
    "id_card": _id_cards,
    "bank_card": _bank_cards,
    "phone": _phones,
}


def _bare(number: str) -> str:
    return number.replace(" ", "").replace("-", "").upper()


def _is_id_card(number: str) -> bool:
    """GB 11643-1999: six digits of a place, the day of birth, three of a sequence, and ISO 7064 MOD 11-2 over them."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return 1880 <= born.year < 2100 and _CHECKS[total % 11] == number[17]


def _is_bank_card(number: str) -> bool:
    """A known issuer's range and length, and the check digit of Luhn (ISO/IEC 7812-1)."""
    if not _ISSUED.fullmatch(number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0
