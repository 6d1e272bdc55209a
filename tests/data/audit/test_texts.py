"""How the texts are: lengths, languages, tokens that a base does not know, personal data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.bases import find_base
from lingyu.data.audit.languages import language_of, languages_of
from lingyu.data.audit.lengths import lengths_of
from lingyu.data.audit.tokens import tokens_of


def silent(*_):
    pass


@settings(max_examples=50)
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=200), st.integers(1, 600))
def test_every_text_lies_in_one_bin_and_is_under_or_over_the_limit(values, limit):
    found, others = lengths_of([values, values[:1]], "tokens", limit)
    assert others.edges == found.edges
    assert sum(others.counts) == 1
    assert sum(found.counts) == len(values)
    assert len(found.edges) == len(found.counts) + 1
    assert list(found.edges) == sorted(set(found.edges))
    assert found.over_limit == sum(value > limit for value in values)
    assert found.median <= found.p90 <= found.p99 <= found.longest == max(values)
    assert found.median in values
    assert found.mean == pytest.approx(np.mean(values), abs=0.0501)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("房间很干净，下次还来", "chinese"),
        ("用了 iPhone 三个月，电池还是很耐用，值得推荐给大家", "chinese"),
        ("房間很乾淨，下次還來", "traditional"),
        ("堃哥和喆哥都说很好吃，下次还来这家店", "chinese"),
        ("The room was clean, I will be back.", "english"),
        ("hen hao chi", "english"),
        ("性价比高 good value for money", "mixed"),
        ("部屋はとてもきれいでしたのでまた来ます", "other scripts"),
        ("Номер очень чистый", "other scripts"),
        ("12345！！！", "no letters"),
        ("😀😀", "no letters"),
    ],
)
def test_the_language_is_told_by_the_script(text, language):
    assert language_of(text) == language


def test_traditional_is_what_opencc_would_change():
    opencc = pytest.importorskip("opencc")
    to_traditional = opencc.OpenCC("s2t")
    for text in ("这家酒店的服务态度让人非常满意", "电脑运行速度很快，屏幕显示清晰", "书的内容与题目完全没有关系"):
        assert language_of(text) == "chinese"
        assert language_of(to_traditional.convert(text)) == "traditional"


@given(st.lists(st.text(min_size=1), max_size=20))
def test_every_text_has_one_language(texts):
    assert sum(languages_of(texts).values()) == len(texts)


def test_tokens_are_counted_uncut_and_what_is_unknown_has_its_characters(tiny_base, make_part):
    base = find_base(str(tiny_base))
    part = make_part("train", [("房间很干净", ""), ("房间䶮了䶮", ""), ("好" * 100, ""), ("[MASK]好", "")])
    tokens = tokens_of(part, base, silent)
    assert tokens.lengths[:3] == [7, 7, 102]
    unknown = tokens.as_unknown()
    assert (unknown.unknown, unknown.rows) == (2, 1)
    assert tokens.lengths[3] > 4  # what a text says of special tokens is text
    assert unknown.characters[0] == ("䶮", 2)
    assert unknown.tokens == sum(tokens.lengths)


def test_tokens_of_a_pair_are_those_of_both_texts(tiny_base, make_part):
    part = make_part("train", [("房间", "")], pairs=["很䶮净"])
    tokens = tokens_of(part, find_base(str(tiny_base)), silent)
    assert tokens.lengths == [8]  # [CLS] 房 间 [SEP] 很 䶮 净 [SEP]
    assert dict(tokens.characters) == {"䶮": 1}


def test_rows_with_personal_data_are_counted_by_kind_and_kept(audited):
    rows = [("我的电话是13800138000", "1"), ("邮箱 someone@example.com，电话13800138000", "1"), ("很好", "0")]
    audit = audited(train=rows).audit
    assert audit.parts[0].personal == {"phone": 2, "email": 1}
    found = [it for it in audit.findings if it.check == "personal"]
    assert [(it.row, it.suggestion) for it in found] == [("train.csv:3", "keep"), ("train.csv:2", "keep")]
    assert next(it for it in audit.verdicts if it.check == "personal").rows == 2
    assert "13800138000" not in audit.model_dump_json()
