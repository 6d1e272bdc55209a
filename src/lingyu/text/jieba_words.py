"""RoFormer's rule of cutting a text into words before word pieces: jieba's, those that its vocabulary knows.

transformers' own class of it looks for words in the name of the vocabulary's file, where a base ships vocab.txt alone
(5.23): it finds none, and cuts every word into characters without an error. And a graph answers without transformers.
So bases and graphs both cut by this one.
"""

from collections.abc import Collection
from typing import Any

from lingyu.errors import missing_extra


class JiebaWords:
    """A custom pre-tokenizer, as the tokenizers library calls it."""

    def __init__(self, vocabulary: Collection[str]) -> None:
        """Raises LingyuError where rjieba is not installed."""
        try:
            import rjieba
        except ImportError:
            raise missing_extra("rjieba", "dapt") from None
        from tokenizers import normalizers

        self._vocabulary = frozenset(vocabulary)
        self._words = rjieba.tokenize
        self._apart: Any = normalizers.BertNormalizer(
            clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
        )

    def pre_tokenize(self, text: Any) -> None:
        """text: the library's PreTokenizedString."""
        text.split(self._cut)

    def _cut(self, _: int, text: Any) -> list[Any]:
        """A word of the vocabulary whole, any other by characters where it is Chinese."""
        pieces = []
        for word, start, end in self._words(str(text), hmm=False):
            if word in self._vocabulary:
                pieces.append(text[start:end])
                continue
            for part in self._apart.normalize_str(word).split():
                pieces.append(text[start : start + len(part)])
                start += len(part)
        return pieces


def cut_by_jieba(backend: Any) -> None:
    """Set up a tokenizers.Tokenizer so that it cuts like RoFormer's. It can't be written to a file any more.

    Raises LingyuError where rjieba is not installed.
    """
    from tokenizers.pre_tokenizers import PreTokenizer

    backend.pre_tokenizer = PreTokenizer.custom(JiebaWords(backend.get_vocab()))


def cut_by_nothing(backend: Any) -> None:
    """Take that out, so that what else there is can be written: whoever reads the file has to know of jieba."""
    from tokenizers.pre_tokenizers import BertPreTokenizer

    backend.pre_tokenizer = BertPreTokenizer()
