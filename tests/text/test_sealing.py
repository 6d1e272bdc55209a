"""A sealed document is plain JSON, and no bit of it changes unseen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.text import require_seal, sealed

KEY = "proof_sha256"
DOCUMENT = {"labels": ["负面", "正面"], "zeros": "0" * 64, "figure": 1e-06}


def check(data: bytes) -> None:
    require_seal(data, json.loads(data).get(KEY), KEY, "graphs/hotel/graph.json", "Copy it anew", status=1)


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers() | st.none(), max_size=5))
def test_a_sealed_document_is_itself_with_the_seal_as_its_last_key(document: dict[str, object]) -> None:
    data = sealed(document, KEY)
    check(data)
    written = json.loads(data)
    assert list(written)[-1] == KEY
    assert {**document, KEY: written[KEY]} == written
    assert sealed(written, KEY) == data


@pytest.mark.parametrize(("old", "new"), [("正面", "中立"), ("1e-06", "2e-06"), ("\n  ", "\n "), ("00000", "00001")])
def test_whatever_is_changed_is_noticed(old: str, new: str) -> None:
    text = sealed(DOCUMENT, KEY).decode()
    assert old in text
    with pytest.raises(LingyuError, match=r"graph\.json: is not what its proof_sha256 says.*Copy it anew") as caught:
        check(text.replace(old, new, 1).encode())
    assert caught.value.status == 1


@pytest.mark.parametrize("seal", [None, "", "0" * 63, "g" * 64, "A" * 64, 7])
def test_what_is_no_seal_proves_nothing(seal: object) -> None:
    with pytest.raises(LingyuError, match="has no proof_sha256"):
        check(json.dumps({**DOCUMENT, KEY: seal}).encode())
