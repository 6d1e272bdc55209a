"""Which encoding a text is in: one that reads all of it strictly, and that reads little which is not its own.

A byte order mark says it. Else UTF-16 shows itself by its NULs, and what is valid UTF-8 is UTF-8. GB18030 and Big5 read
much of each other's text as characters that nobody writes, so where they do the share of common characters decides.
What that leaves undecided is charset-normalizer's, which takes Chinese for cp949 and the like and so comes last.
EUC-JP and EUC-KR can't be told from GBK in this way: they have to be named.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from lingyu.errors import LingyuError, missing_extra

from ..contents import SAMPLE_BYTES, Content
from ..decoding import byte_lines, codec_of, decodes, head_of, refuse_other_kinds

CHINESE = ("gb18030", "big5", "cp950")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # before that of UTF-16, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_PRINTABLE = re.compile("[ -~\r\n\t\u2000-\u9fff\uff00-\uffef]")
_PLAUSIBLE = 0.6  # of the characters beyond ASCII are common: right readings have over 0.9, wrong ones under 0.5
_PLAUSIBLE_UTF16 = 0.9  # are printable ASCII or CJK: random bytes reach 0.4
_FEWEST_NULS = 50  # bytes to one NUL; of ASCII in UTF-16 they are two
_FOREIGN_BYTES = 1 << 16


@dataclass(frozen=True)
class Encoding:
    """name: as it is said. codec: Python's. how: by what it was found."""

    name: str
    codec: str
    how: str


def named_encoding(name: str, source: str) -> Encoding:
    """The encoding that a user names. Raises LingyuError where there is none of that name."""
    return Encoding(name.lower(), codec_of(name, source), "as asked")


def find_encoding(content: Content) -> Encoding:
    """Raises LingyuError where the content is no text, or of no encoding that can be found."""
    head = head_of(content.sample())
    refuse_other_kinds(head, content.source)
    marked = encoding_by_mark(head)
    if marked:
        return marked
    wide = _wide_encoding(content)
    if wide:
        return wide
    if "utf-8" in readers(content.sample(), ("utf-8",)):
        return Encoding("utf-8", "utf-8", "all of it reads so")
    return _other_than_utf8(content)


def encoding_by_mark(head: bytes) -> Encoding | None:
    name = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    return Encoding(name, name, "byte order mark") if name else None


def readers(chunks: Iterable[bytes], names: Iterable[str]) -> set[str]:
    """Those of the encodings that read all of it."""
    decoders = {name: codecs.getincrementaldecoder(name)() for name in names}
    for chunk in chunks:
        for name, decoder in list(decoders.items()):
            if not _goes_on(decoder, chunk, final=False):
                del decoders[name]
        if not decoders:
            break
    return {name for name, decoder in decoders.items() if _goes_on(decoder, b"", final=True)}


def reads_plausibly(raw: bytes, codec: str) -> bool:
    return decodes(raw, codec) and plausibility(raw, codec) >= _PLAUSIBLE


def plausibility(sample: bytes, codec: str) -> float:
    """The share, 0 to 1, of the characters beyond ASCII that are common; of none, 1."""
    foreign = [char for char in sample.decode(codec, "ignore") if char > "\x7f"]
    return sum(char in _common() for char in foreign) / len(foreign) if foreign else 1.0


def _other_than_utf8(content: Content) -> Encoding:
    sample = _foreign_sample(content)
    whole = readers(content.sample(), (*CHINESE, "gbk"))
    likely = sorted(
        ((plausibility(sample, name), -CHINESE.index(name), name) for name in CHINESE if name in whole), reverse=True
    )
    if likely and likely[0][0] >= _PLAUSIBLE:
        name = likely[0][2]
        return Encoding("gbk" if name == "gb18030" and "gbk" in whole else name, name, "all of it reads so")
    lines = {name: count for name, count in _lines_read(content).items() if plausibility(sample, name) >= _PLAUSIBLE}
    total = sum(1 for _ in _foreign_lines(content))
    best = max(lines, key=lambda name: lines[name], default=None)
    if best and lines[best] * 2 >= total and lines[best]:
        return Encoding(best, best, f"{lines[best]:,} of {total:,} lines that are not ASCII read so")
    return detected(sample, content.source)


def _lines_read(content: Content) -> dict[str, int]:
    """How many of the lines beyond ASCII each encoding reads."""
    counts = dict.fromkeys(("utf-8", *CHINESE), 0)
    for line in _foreign_lines(content):
        for name in counts:
            counts[name] += decodes(line, name)
    return counts


def detected(sample: bytes, source: str) -> Encoding:
    """What charset-normalizer takes it for. Raises LingyuError where it takes it for nothing."""
    try:
        from charset_normalizer import from_bytes  # of the extra `data`
    except ImportError as error:
        raise missing_extra("charset-normalizer", "data") from error
    best = from_bytes(sample).best()
    if best is None:
        raise LingyuError(
            "no text in any encoding that is known (UTF-8, UTF-16, GB18030 and Big5 were tried, and others)",
            source,
            "Is it a text file, and whole? If so, name its encoding with --encoding",
        )
    codec = codec_of(best.encoding, source)
    return Encoding(codec, codec, "charset-normalizer's guess: see whether the texts are right")


def _wide_encoding(content: Content) -> Encoding | None:
    """UTF-16 without a mark: it holds NULs, and its pairs of bytes are nearly all ASCII and CJK.

    So are most pairs of ASCII letters, taken for CJK. What reads as UTF-8, NULs aside, is UTF-16 only where it is as
    ASCII is there: many NULs, and nearly all of them the same half of a pair.
    """
    sample = next(content.sample(), b"")
    if b"\0" not in sample:
        return None
    sample = sample[: len(sample) // 2 * 2]
    if _is_utf8_with_nuls(sample):
        return None
    shares = {name: _printable_share(sample.decode(name, "ignore")) for name in ("utf-16-le", "utf-16-be")}
    best = max(shares, key=lambda name: shares[name])
    return Encoding(best, best, "its pairs of bytes read so") if shares[best] >= _PLAUSIBLE_UTF16 else None


def _is_utf8_with_nuls(sample: bytes) -> bool:
    at_even, at_odd = sample[::2].count(0), sample[1::2].count(0)
    fewer, more = sorted((at_even, at_odd))
    as_of_ascii = fewer * 10 <= more and more * _FEWEST_NULS > len(sample)
    return not as_of_ascii and _goes_on(codecs.getincrementaldecoder("utf-8")(), sample, final=False)


def _printable_share(text: str) -> float:
    return len(_PRINTABLE.findall(text)) / len(text) if text else 0.0


def _foreign_sample(content: Content) -> bytes:
    """Lines beyond ASCII, some 64 KiB of them."""
    sample = b""
    for line in _foreign_lines(content):
        sample += line[:SAMPLE_BYTES] + b"\n"
        if len(sample) >= _FOREIGN_BYTES:
            break
    return sample


def _foreign_lines(content: Content) -> Iterator[bytes]:
    return (line for line in byte_lines(content.sample()) if not line.isascii())


def _goes_on(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(chunk, final=final)
    except UnicodeDecodeError:
        return False
    return True


@cache
def _common() -> frozenset[str]:
    """What Chinese texts are made of: punctuation, and the first level of GB2312 (3,755) and of Big5 (5,401)."""
    trails = {"gb2312": range(0xA1, 0xFF), "big5": (*range(0x40, 0x7F), *range(0xA1, 0xFF))}
    leads = {"gb2312": (*range(0xA1, 0xAA), *range(0xB0, 0xD8)), "big5": range(0xA1, 0xC7)}
    pairs = ((codec, bytes((lead, trail))) for codec in leads for lead in leads[codec] for trail in trails[codec])
    return frozenset(pair.decode(codec, "ignore") for codec, pair in pairs)
