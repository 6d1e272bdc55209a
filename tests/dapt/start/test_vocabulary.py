"""A WordPiece vocabulary is counted from texts, and BERT's tokenizer writes any text in it."""

import gzip
import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizer

from lingyu.dapt.start.pieces import spellings, word_pieces
from lingyu.dapt.start.vocabulary import MARKS, SPECIALS, build_vocabulary, count_words, write_tokenizer
from lingyu.errors import LingyuError

TEXTS = [
    *["这家酒店的服务很好，房间也很干净。", "质量太差了，要求退货……", "WiFi信号不好，wifi密码错误", "app和apps"] * 12,
    *["25℃～30℃，开空调😀😀", "2018年7月，住了100天"] * 3,
    "café里的龘字只有一个",
]
SIZE = 600


def tokenizer_of(texts: list[str], folder: Path, size: int = SIZE) -> BertTokenizer:
    write_tokenizer(build_vocabulary(texts, size), folder, max_length=128)
    return AutoTokenizer.from_pretrained(folder)


def test_the_first_entries_are_the_specials_and_no_entry_stands_twice() -> None:
    entries = build_vocabulary(TEXTS, SIZE).entries
    assert entries[:5] == SPECIALS == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert len(set(entries)) == len(entries) <= SIZE


def test_ascii_full_width_forms_and_chinese_marks_are_known_whatever_the_texts_are(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(["的"], tmp_path)
    assert "[UNK]" not in tokenizer.tokenize(f"{string.printable} {MARKS} ＡＢＣｘｙｚ１２３ ABCxyz789 25℃～30℃")


def test_ids_are_those_of_the_written_tokenizer_whoever_reads_it(tmp_path: Path) -> None:
    vocabulary = build_vocabulary(TEXTS, SIZE)
    write_tokenizer(vocabulary, tmp_path, max_length=128)
    read = AutoTokenizer.from_pretrained(tmp_path)
    from_vocabulary_alone = BertTokenizer(str(tmp_path / "vocab.txt"))
    assert read.convert_ids_to_tokens(range(len(read))) == list(vocabulary.entries)
    assert read.model_max_length == 128
    named = json.loads((tmp_path / "special_tokens_map.json").read_text("ascii"))  # as tools from before read it
    assert named == {name: getattr(read, name) for name in named}
    assert set(named.values()) == set(SPECIALS)
    for text in (*TEXTS, "[MASK]酒店ＡＢ", "Ünïcode"):
        assert read(text)["input_ids"] == from_vocabulary_alone(text)["input_ids"]


def test_a_text_comes_back_from_its_ids(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(TEXTS, tmp_path)
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        seen = text.lower().replace("café里的龘字只有一个", "cafe[UNK]的[UNK][UNK][UNK][UNK][UNK][UNK]")
        assert back.replace(" ", "") == seen.replace(" ", "")


def test_frequent_latin_words_are_one_token_and_chinese_characters_each_one(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(TEXTS, tmp_path)
    assert tokenizer.tokenize("WIFI信号") == ["wifi", "信", "号"]
    assert tokenizer.tokenize("apps") == ["apps"]
    assert tokenizer.tokenize("pear15") == ["p", "##e", "##a", "##r", "##1", "##5"]


def test_a_character_that_occurs_once_is_left_out_and_one_that_continues_a_word_is_not_forgotten() -> None:
    entries = build_vocabulary(TEXTS, SIZE).entries
    assert "龘" not in entries
    assert {"##℃", "##😀", "😀"} <= set(entries)
    assert "##，" not in entries  # a mark is never part of a word


def test_of_more_characters_than_there_is_room_for_the_most_frequent_stay() -> None:
    fixed = len(build_vocabulary(["a"], SIZE).entries)
    texts = ["酒" * 9, "店" * 8, "好" * 7, "差" * 6]
    assert build_vocabulary(texts, fixed + 3).entries[fixed:] == ("酒", "店", "好")


def test_pieces_take_an_eighth_of_the_room_and_characters_all_that_pieces_leave() -> None:
    fixed, room = len(build_vocabulary(["a"], SIZE).entries), 80
    characters = "".join(chr(0x4E00 + number) for number in range(2 * room)) * 2
    words = " ".join(f"{first}{second}" for first in "bcdfg" for second in "hjklm") + " "
    for texts, pieces in (([characters], 0), ([characters, words[:6] * 10], 2), ([characters, words * 10], room // 8)):
        entries = build_vocabulary(texts, fixed + room).entries[fixed:]
        assert len(entries) == room
        assert sum(len(entry.removeprefix("##")) > 1 for entry in entries) == pieces


def test_what_does_not_come_again_gets_no_piece_however_often_it_stands_there() -> None:
    def pieces_of(word: str) -> set[str]:
        return {entry for entry in build_vocabulary([word] * 50, SIZE).entries[5:] if len(entry.strip("#")) > 1}

    for kept, identifier in (("2018", "20187"), ("pq" * 10, "pq" * 10 + "p"), ("no2018", "no20187")):
        assert kept in pieces_of(kept)
        assert not pieces_of(identifier)


def test_the_share_of_unknown_tokens_is_that_of_the_tokenizer(tmp_path: Path) -> None:
    vocabulary = build_vocabulary(TEXTS, SIZE)
    write_tokenizer(vocabulary, tmp_path, max_length=128)
    tokens = [token for text in TEXTS for token in AutoTokenizer.from_pretrained(tmp_path).tokenize(text)]
    assert (vocabulary.tokens, vocabulary.unknown) == (len(tokens), tokens.count("[UNK]"))
    assert vocabulary.unknown == 7
    assert vocabulary.unknown_share == pytest.approx(7 / len(tokens))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.lists(st.text("酒店ab1，😀 \ud800", max_size=8), min_size=1, max_size=8))
def test_order_of_the_texts_does_not_matter(shuffling: random.Random, extra: list[str]) -> None:
    texts = [*TEXTS[:7], *extra]
    shuffled = list(texts)
    shuffling.shuffle(shuffled)
    assert build_vocabulary(texts, 400) == build_vocabulary(iter(shuffled), 400)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_words_are_those_that_the_tokenizer_splits_a_text_into(texts: list[str]) -> None:
    backend = BertTokenizer(vocab={entry: number for number, entry in enumerate(SPECIALS)}).backend_tokenizer
    words: dict[str, int] = {}
    for text in texts:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text)):
            words[word] = words.get(word, 0) + 1
    assert count_words(texts) == words


@given(st.dictionaries(st.text("abc12", min_size=1, max_size=6), st.integers(1, 50), max_size=12))
@example({"11111": 3})
def test_pieces_are_of_the_words_and_do_not_depend_on_their_order(words: dict[str, int]) -> None:
    pieces = word_pieces(words, 10, least=5)
    assert pieces == word_pieces(dict(sorted(words.items(), reverse=True)), 10, least=5)
    assert len(pieces) == len(set(pieces)) <= 10
    for piece in pieces:
        plain = piece.removeprefix("##")
        assert len(plain) >= 2
        starts = not piece.startswith("##")
        assert sum(count * _places(plain, word, starts) for word, count in words.items()) >= 5


def _places(plain: str, word: str, starts: bool) -> int:
    """How often a word's spelling can hold a piece: 11111 holds ##11 twice."""
    return int(word.startswith(plain)) if starts else word[1:].count(plain)


def test_a_merge_that_is_but_a_step_to_a_longer_piece_is_dropped() -> None:
    assert word_pieces({"wifi": 100, "app": 40, "apps": 40}, 10, least=10) == ["wifi", "app", "apps"]


def test_a_word_that_the_entries_do_not_spell_is_unknown_as_a_whole() -> None:
    entries = ["[UNK]", "a", "##b", "ab"]
    assert dict(spellings(["ab", "abb", "b", "abc"], entries)) == {
        "ab": ["ab"],
        "abb": ["ab", "##b"],
        "b": ["[UNK]"],
        "abc": ["[UNK]"],
    }


def test_no_text_and_too_small_a_size_are_said_in_one_line() -> None:
    with pytest.raises(LingyuError, match="no text to count a vocabulary on"):
        build_vocabulary(["", " \n"], SIZE)
    with pytest.raises(LingyuError, match=r"dapt.shape.vocab_size is 100, and marks, letters and digits alone are \d+"):
        build_vocabulary(TEXTS, 100)
    fixed = len(build_vocabulary(["a"], SIZE).entries)
    with pytest.raises(LingyuError, match=f"alone are {fixed} entries"):
        build_vocabulary(TEXTS, fixed)


def test_real_reviews_have_hardly_an_unknown_token(shared_data: Path) -> None:
    with gzip.open(shared_data / "corpus" / "reviews_ecommerce_food.txt.gz", "rt", encoding="utf-8") as lines:
        texts = [line for number, line in enumerate(lines) if number % 20 == 0]
    vocabulary = build_vocabulary(texts, 8000)
    assert vocabulary.unknown_share < 0.005  # of a twentieth: one occurrence is no entry
    assert {"10", "100", "##s", "😂"} <= set(vocabulary.entries)
