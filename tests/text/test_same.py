"""When two texts count as the same."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lingyu.text import content_hash, content_hashes, same_text_form


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
