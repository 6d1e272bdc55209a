"""The WordPiece vocabulary of a new encoder: counted on its texts, a pure function of what stands in them.

Counted is what BERT's tokenizer sees: lower case, without accents, each Chinese character and each mark by itself. So
no entry is spent on what never comes out of it, such as a ## form of a punctuation mark.
"""

import hashlib
import itertools
import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from lingyu.bases import VOCABULARY
from lingyu.errors import LingyuError
from lingyu.text import whole_characters

from .pieces import CONTINUED, UNKNOWN, characters_of, spellings, word_pieces

SPECIALS: Final = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]")
MARKS: Final = (
    "，。！？；：、…—～·“”‘’「」『』《》〈〉（）【】〔〕￥¥℃°×÷±√→•●★※№①②③＂＇＃＄％＆＊＋－．／＜＝＞＠［＼］＿｛｜｝"
)
"""Full-width and Chinese marks that an encoder knows whether or not they stand in the texts it learns from."""

_LETTERS_AND_DIGITS: Final = string.ascii_lowercase + string.digits
_FULL_WIDTH: Final = "".join(chr(ord(character) + 0xFEE0) for character in _LETTERS_AND_DIGITS)
_FIXED: Final = string.punctuation + _LETTERS_AND_DIGITS + MARKS + _FULL_WIDTH
_PIECES_SHARE = 1 / 8  # of all entries: Latin words, their pieces, numbers
_LEAST_OF_A_CHARACTER = 2
_LEAST_OF_A_PIECE = 10  # fewer are too few to learn a vector from, and its characters are there
_LATIN = re.compile("[a-z0-9]{2,20}")
_LONG_NUMBER = re.compile("[0-9]{5}")
_TEXTS_AT_ONCE = 2000


@dataclass(frozen=True)
class Vocabulary:
    """entries: in the order of their ids. tokens: of the texts that it was counted on. unknown: which are [UNK]."""

    entries: tuple[str, ...]
    tokens: int
    unknown: int

    @property
    def unknown_share(self) -> float:
        return self.unknown / max(self.tokens, 1)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over the entries in their order."""
        return hashlib.sha256("\n".join(self.entries).encode()).hexdigest()


def build_vocabulary(texts: Iterable[str], vocab_size: int) -> Vocabulary:
    """At most vocab_size entries: specials, ASCII and marks always; then characters and pieces by their frequency.

    The order of the texts does not matter. Memory grows with the distinct words: a Chinese character is one, so slowly.
    Raises LingyuError for a size that the fixed entries alone fill, and without a text.
    """
    words = count_words(texts)
    if not words:
        raise LingyuError("there is no text to count a vocabulary on", next="See dapt.corpus")
    fixed = _fixed_entries()
    free = vocab_size - len(fixed)
    if free <= 0:
        raise LingyuError(
            f"dapt.shape.vocab_size is {vocab_size:,}, and marks, letters and digits alone are {len(fixed):,} entries",
            next="Set it to 8000, or to 1000 for a trial",
        )
    pieces = word_pieces(_latin(words), int(free * _PIECES_SHARE), _LEAST_OF_A_PIECE)
    characters = _frequent_characters(words, fixed, free - len(pieces))
    entries = (*fixed, *characters, *pieces)
    return Vocabulary(entries, *_spelled_tokens(words, entries))


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in the texts, as BERT's tokenizer splits them before it looks into a vocabulary."""
    normalize = BertNormalizer().normalize_str
    split = BertPreTokenizer().pre_tokenize_str
    blocks: Counter[str] = Counter()
    for batch in _batches(texts):
        blocks.update(normalize(whole_characters("\n".join(batch))).split())
    words: Counter[str] = Counter()
    for block, count in blocks.items():
        for word, _ in split(block):
            words[word] += count
    return words


def write_tokenizer(vocabulary: Vocabulary, folder: Path, max_length: int) -> None:
    """vocab.txt, and what AutoTokenizer reads. max_length: tokens that the encoder has positions for."""
    from transformers import BertTokenizer

    file = folder / VOCABULARY
    file.write_text("".join(f"{entry}\n" for entry in vocabulary.entries), encoding="utf-8", newline="\n")
    tokenizer = BertTokenizer(str(file), do_lower_case=True, model_max_length=max_length)
    tokenizer.save_pretrained(folder)
    specials = {f"{entry.strip('[]').lower()}_token": entry for entry in SPECIALS}  # for transformers 4 and older tools
    (folder / "special_tokens_map.json").write_text(json.dumps(specials, indent=2) + "\n", encoding="ascii")


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    texts = iter(texts)
    while batch := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
        yield batch


def _fixed_entries() -> tuple[str, ...]:
    """Each character as the normaliser leaves it, and as it continues a word where it is none by itself."""
    split = BertPreTokenizer().pre_tokenize_str
    seen = BertNormalizer().normalize_str(" ".join(_FIXED)).split()
    continuing = [character for character in seen if len(split(f"a{character}")) == 1]
    return tuple(dict.fromkeys((*SPECIALS, *seen, *(f"{CONTINUED}{character}" for character in continuing))))


def _latin(words: Mapping[str, int]) -> dict[str, int]:
    """Words of ASCII letters and digits, without long ones and long numbers: identifiers, which do not come again."""
    return {word: count for word, count in words.items() if _LATIN.fullmatch(word) and not _LONG_NUMBER.search(word)}


def _frequent_characters(words: Mapping[str, int], fixed: Iterable[str], number: int) -> list[str]:
    """The most frequent characters that are not fixed, a form that continues a word counted by itself."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in characters_of(word):
            counts[character] += count
    for entry in fixed:
        del counts[entry]
    frequent = [entry for entry, count in counts.items() if count >= _LEAST_OF_A_CHARACTER]
    return sorted(frequent, key=lambda entry: (-counts[entry], entry))[:number]


def _spelled_tokens(words: Mapping[str, int], entries: Iterable[str]) -> tuple[int, int]:
    """(tokens that the words become, how many of those are [UNK])."""
    tokens = unknown = 0
    for word, pieces in spellings(words, entries):
        tokens += len(pieces) * words[word]
        unknown += words[word] if pieces == [UNKNOWN] else 0
    return tokens, unknown
