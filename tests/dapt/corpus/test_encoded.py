"""Token ids are the tokenizer's own; words, sentences and cuts lie where the characters say."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.bases import find_base
from lingyu.dapt.corpus import encoded
from lingyu.dapt.corpus.encoded import EncodedTexts, batches, encode_batch
from lingyu.dapt.corpus.segmenters import Segmenter, SegmenterName, segmenter_for

REVIEW = "酒店的服务很好，房间也很干净。早餐一般！iPhone15在房间里Wi-Fi信号只有50%，下次还会再来。"
ODD = (
    "房间干净酒店服务 。，！？iPhoneabc157.%-#[]MASK”』ＡＢ１２é한국ひ𠮷😀👨👩"
    "\u0301\u200b\u200d\u3000\t\n\r\x00\ufeff\ud800\udc00"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return find_base("embedded").tokenizer


@pytest.fixture(scope="module")
def jieba() -> Segmenter:
    return segmenter_for("jieba")


def _own_ids(tokenizer: Any, text: str) -> list[int]:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    ids: list[int] = tokenizer(whole, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def _words(texts: EncodedTexts, tokenizer: Any, text: int) -> list[str]:
    """The tokens of a text, those of a word together."""
    part = slice(*texts.offsets[text : text + 2])
    tokens = tokenizer.convert_ids_to_tokens(texts.ids[part].tolist())
    words: list[str] = []
    for token, starts in zip(tokens, texts.starts_word[part], strict=True):
        if starts:
            words.append(token)
        else:
            words[-1] += token
    return words


def test_a_whole_review_is_cut_into_its_words_where_one_rule_of_blanks_saw_one_word(
    tokenizer: Any, jieba: Segmenter
) -> None:
    texts = encode_batch([REVIEW], tokenizer, jieba, 200).texts
    words = _words(texts, tokenizer, 0)
    assert words[:9] == ["酒店", "的", "服务", "很", "好", "，", "房间", "也", "很"]
    assert "iphone##15" in words
    assert words.count("，") == 2
    assert words[-1] == "。"
    assert len(words) < len(texts.ids)


@settings(max_examples=30)
@given(texts=st.lists(st.text(st.one_of(st.characters(), st.sampled_from(ODD)), max_size=40), max_size=5))
@pytest.mark.parametrize("name", ["jieba", "rjieba", "whitespace", "characters"])
def test_any_text_keeps_the_tokenizers_own_ids_and_words_that_start_where_texts_do(
    texts: list[str], name: SegmenterName, tokenizer: Any
) -> None:
    batch = encode_batch(texts, tokenizer, SEGMENTERS[name], 7)
    encoded = batch.texts
    assert encoded.ids.tolist() == [number for text in texts for number in _own_ids(tokenizer, text)]
    for place, text in enumerate(texts):
        pieces = np.flatnonzero(np.flatnonzero(batch.has_tokens)[encoded.came_from] == place)
        ids = [n for piece in pieces for n in encoded.ids[slice(*encoded.offsets[piece : piece + 2])].tolist()]
        assert ids == _own_ids(tokenizer, text)
    assert (encoded.lengths > 0).all()
    assert (encoded.lengths <= 7).all()
    assert encoded.starts_word[encoded.offsets[:-1]].all()
    assert ((encoded.middles >= 0) & (encoded.middles < encoded.lengths)).all()
    assert len(encoded.keys) == len(encoded.offsets) - 1 == len(encoded.middles) == len(encoded.is_first)


SEGMENTERS = {name: segmenter_for(name) for name in ("jieba", "rjieba", "whitespace", "characters")}


@settings(max_examples=30)
@given(text=st.text(st.sampled_from(ODD), min_size=1, max_size=30), others=st.lists(st.text(max_size=9), max_size=3))
def test_what_becomes_of_a_text_does_not_depend_on_the_texts_beside_it(
    text: str, others: list[str], tokenizer: Any
) -> None:
    alone = encode_batch([text], tokenizer, SEGMENTERS["jieba"], 9).texts
    beside = encode_batch([*others, text, *others], tokenizer, SEGMENTERS["jieba"], 9).texts
    begin = len(encode_batch(others, tokenizer, SEGMENTERS["jieba"], 9).texts)
    rows = slice(begin, begin + len(alone))
    tokens = slice(beside.offsets[begin], beside.offsets[begin + len(alone)])
    for name, part in (("ids", tokens), ("starts_word", tokens), ("keys", rows), ("middles", rows)):
        assert getattr(alone, name).tolist() == getattr(beside, name)[part].tolist(), name


@settings(max_examples=30)
@given(text=st.text(st.sampled_from("房间很干净，酒店服务好！Wi-Fi 15.5 abc😀"), min_size=1, max_size=40))
def test_a_word_starts_at_a_token_just_where_one_token_by_token_would_put_it(text: str, tokenizer: Any) -> None:
    encoded = encode_batch([text], tokenizer, SEGMENTERS["jieba"], 1000).texts
    found = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    word_of_character = [place for place, word in enumerate(SEGMENTERS["jieba"].words(text)) for _ in word]
    before = -1
    expected = []
    for token, (begin, _) in zip(found.tokens(), found["offset_mapping"], strict=True):
        expected.append(word_of_character[begin] != before and not token.startswith("##"))
        before = word_of_character[begin]
    assert encoded.starts_word.tolist() == expected


def test_a_literal_mask_in_a_text_is_text(tokenizer: Any, jieba: Segmenter) -> None:
    assert tokenizer.mask_token_id not in encode_batch(["[MASK]很好[SEP]"], tokenizer, jieba, 50).texts.ids


def test_a_long_text_is_cut_behind_a_sentence_else_between_words_else_anywhere(
    tokenizer: Any, jieba: Segmenter
) -> None:
    texts = encode_batch(["很好。房间干净！服务热情", "酒店服务房间干净"], tokenizer, jieba, 5).texts
    pieces = ["".join(_words(texts, tokenizer, text)) for text in range(len(texts))]
    assert pieces == ["很好。", "房间干净！", "服务热情", "酒店服务", "房间干净"]
    assert texts.came_from.tolist() == [0, 0, 0, 1, 1]
    long_word = encode_batch(["a" * 30], tokenizer, Segmenter("one", lambda text: [text]), 4).texts
    assert (long_word.lengths <= 4).all()
    assert long_word.ids.tolist() == _own_ids(tokenizer, "a" * 30)


@pytest.mark.parametrize(
    ("text", "second_half"),
    [
        ("房间很好。服务不好。下次再来", "服务不好。下次再来"),
        ("好。房间很干净！早餐不好", "早餐不好"),
        ("他说：“很好。”我也是", "我也是"),
        ("只有3.5折", None),
        ("一句话。", None),
        ("好！！！坏", "坏"),
    ],
)
def test_the_second_half_begins_at_the_sentence_end_nearest_the_middle(
    text: str, second_half: str | None, tokenizer: Any, jieba: Segmenter
) -> None:
    texts = encode_batch(["好。好。", text, "好。好。"], tokenizer, jieba, 100).texts
    middle = int(texts.middles[1])
    expected = 0 if second_half is None else int(texts.lengths[1]) - len(_own_ids(tokenizer, second_half))
    assert middle == expected


def test_texts_without_a_token_are_left_out_and_equal_texts_have_equal_keys(tokenizer: Any, jieba: Segmenter) -> None:
    batch = encode_batch(["", "很好", "\u200b", "很好", " ", "不好"], tokenizer, jieba, 50)
    assert np.flatnonzero(batch.has_tokens).tolist() == [1, 3, 5]
    first, second, third = batch.texts.keys.tolist()
    assert first == second != third
    assert len(encode_batch([], tokenizer, jieba, 50).texts) == 0


def test_the_blank_that_a_tokenizer_counts_to_a_word_starts_it_and_no_second_one() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = [("<unk>", 0.0), ("▁", -1.0), ("▁ho", -2.0), ("tel", -2.0), ("很", -3.0), ("好", -3.0)]
    model = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    model.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>")
    texts = encode_batch(["很好 hotel"], tokenizer, segmenter_for("whitespace"), 50).texts
    assert _words(texts, tokenizer, 0) == ["▁很好", "▁hotel"]


@given(st.lists(st.text("好", max_size=9), max_size=20))
def test_as_many_texts_are_encoded_at_once_as_may_be_and_none_is_lost(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoded, "_MOST_TEXTS", 4)
        patch.setattr(encoded, "_MOST_CHARACTERS", 12)
        found = list(batches(iter(texts)))
    assert [text for batch in found for text in batch] == texts
    assert all(len(batch) == 1 or (len(batch) <= 4 and len("".join(batch)) <= 12) for batch in found)
    for batch, after in pairwise(found):
        assert len(batch) == 4 or len("".join(batch) + after[0]) > 12, "the next text had its place here"


@pytest.mark.slow
def test_real_reviews_keep_their_ids_and_have_words_of_about_two_tokens(
    shared_data: Path, tokenizer: Any, jieba: Segmenter
) -> None:
    with gzip.open(shared_data / "corpus" / "hotel_travel.txt.gz", "rt", encoding="utf-8") as file:
        reviews = [line.rstrip("\n") for line, _ in zip(file, range(3000), strict=False)]
    texts = encode_batch(reviews, tokenizer, jieba, 254).texts
    assert texts.ids.tolist() == [number for review in reviews for number in _own_ids(tokenizer, review)]
    assert 1.3 < len(texts.ids) / texts.starts_word.sum() < 2.2
