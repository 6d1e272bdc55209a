"""RoFormer's words are those of transformers' own pre-tokenizer, where that is given a vocabulary."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import PreTokenizer

from lingyu.errors import LingyuError
from lingyu.text import cut_by_jieba, cut_by_nothing

WORDS = ("酒店", "服务", "前台", "早餐", "干净", "wifi", "好", "不")
VOCABULARY = {word: number for number, word in enumerate(("[UNK]", *WORDS))}
PIECES = (*WORDS, "房间", "iPhone15", "[MASK]", " ", "　", "，", "é", "😀", "12.5", "a\tb", "𠮷")


def tokenizer() -> Tokenizer:
    return Tokenizer(WordPiece(VOCABULARY, unk_token="[UNK]"))


def cut(made: Tokenizer, text: str) -> list[tuple[str, tuple[int, int]]]:
    return made.pre_tokenizer.pre_tokenize_str(text)


@settings(max_examples=60)
@given(text=st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3))).map("".join))
def test_any_text_is_cut_as_by_transformers(text: str) -> None:
    from transformers.models.roformer.tokenization_utils import JiebaPreTokenizer

    ours, theirs = tokenizer(), tokenizer()
    cut_by_jieba(ours)
    theirs.pre_tokenizer = PreTokenizer.custom(JiebaPreTokenizer(VOCABULARY))
    assert cut(ours, text) == cut(theirs, text)


def test_words_of_the_vocabulary_stay_whole_and_others_are_characters() -> None:
    made = tokenizer()
    cut_by_jieba(made)
    assert [word for word, _ in cut(made, "酒店房间干净")] == ["酒店", "房", "间", "干净"]


def test_it_is_written_to_a_file_once_jieba_is_out() -> None:
    made = tokenizer()
    cut_by_jieba(made)
    with pytest.raises(Exception, match="cannot be serialized"):
        made.to_str()
    cut_by_nothing(made)
    assert Tokenizer.from_str(made.to_str()).get_vocab() == VOCABULARY


def test_without_rjieba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(LingyuError, match=r"lingyu\[dapt\]"):
        cut_by_jieba(tokenizer())
