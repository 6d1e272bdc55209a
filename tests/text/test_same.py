"""When two texts count as the same."""

import hashlib
import re
import unicodedata

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.text import content_hash, content_hashes, form_hashes, same, same_text_form

CHINESE = st.text(st.sampled_from("房间很好，。！“”…aB1_ \n　①Ⅳﬁ㎡é̀ＡΣς가"), max_size=20)
ANY = st.text(max_size=20) | st.text(st.characters(categories=("Cs", "Lo", "Mn")), max_size=6)


def by_the_definition(text: str) -> str:
    return re.sub(r"\W+", "", unicodedata.normalize("NFKC", text).lower()) or text


def test_width_case_blanks_and_marks_do_not_make_a_text_another() -> None:
    assert content_hash("ＷｉＦｉ 很好！") == content_hash("wifi很好") == content_hash("WIFI，很 好。")


def test_word_characters_make_a_text_another() -> None:
    assert content_hash("房间很大") != content_hash("房间很小")


def test_a_text_without_word_characters_is_hashed_as_it_is() -> None:
    assert content_hash("！！！") != content_hash("。。。")
    assert same_text_form("！！！") == "！！！"


def test_the_hash_is_the_first_eight_bytes_of_sha256() -> None:
    expected = hashlib.sha256("wifi很好".encode()).digest()[:8]
    assert content_hash("WiFi很好") == int.from_bytes(expected, "big", signed=True)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=()))))
def test_any_text_has_a_hash_that_an_int64_holds(texts: list[str]) -> None:
    hashes = content_hashes(texts)
    assert hashes.dtype == np.int64
    assert hashes.tolist() == [content_hash(text) for text in texts]


@settings(max_examples=200)
@given(CHINESE | ANY)
def test_a_form_is_what_the_definition_says(text: str) -> None:
    assert same_text_form(text) == by_the_definition(text)


def test_every_character_that_is_taken_for_plain_has_the_form_it_is_given() -> None:
    plain = [char for char in map(chr, range(0x10000)) if same._PLAIN.fullmatch(char)]
    assert len(plain) > 20_000
    assert [same_text_form(char) for char in plain] == [by_the_definition(char) for char in plain]
    # and none does anything to what stands before or behind it
    assert [same_text_form(f"e{c}e") for c in plain] == [by_the_definition(f"e{c}e") for c in plain]
    assert same_text_form("".join(plain)) == by_the_definition("".join(plain))


def test_no_text_has_no_hash() -> None:
    assert form_hashes([]).tolist() == content_hashes([]).tolist() == []
