"""Forms and hashes of many texts are those that lingyu.text gives for each."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.corpus import forms
from lingyu.data.corpus.forms import form_hashes, same_text_forms
from lingyu.text import content_hashes, same_text_form

CHINESE = st.text(st.sampled_from("房间很好，。！“”…aB1_ \n　①Ⅳﬁ㎡é̀ＡΣς가"), max_size=20)
ANY = st.text(max_size=20) | st.text(st.characters(categories=("Cs", "Lo", "Mn")), max_size=6)


@settings(max_examples=120, deadline=None)
@given(st.lists(CHINESE | ANY, max_size=8))
def test_forms_and_hashes_are_those_of_each_text(texts):
    found = same_text_forms(texts)
    assert found == [same_text_form(text) for text in texts]
    assert form_hashes(found).tolist() == content_hashes(texts).tolist()


def test_every_character_that_is_taken_for_plain_has_the_form_it_is_given():
    plain = [char for char in map(chr, range(0x10000)) if forms._PLAIN.fullmatch(char)]
    assert len(plain) > 20_000
    assert same_text_forms(plain) == [same_text_form(char) for char in plain]
    ideographs = [char for char in plain if re.match(r"\w", char)]
    # and none does anything to what stands before or behind it
    assert same_text_forms([f"e{char}e" for char in plain]) == [same_text_form(f"e{char}e") for char in plain]
    assert same_text_forms(["".join(ideographs)]) == [same_text_form("".join(ideographs))]


def test_no_text_has_no_hash():
    assert form_hashes([]).tolist() == []
