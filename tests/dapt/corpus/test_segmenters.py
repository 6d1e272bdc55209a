"""Words by name; a dictionary of the user's; nothing shared, written or said."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.dapt.corpus.segmenters import SegmenterName, segmenter_for
from lingyu.errors import LingyuError

NAMES: list[SegmenterName] = ["jieba", "rjieba", "whitespace", "characters"]
SEGMENTERS = {name: segmenter_for(name) for name in NAMES}


@settings(max_examples=40)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@pytest.mark.parametrize("name", NAMES)
def test_the_words_of_any_text_make_the_text_again(name: SegmenterName, text: str) -> None:
    assert "".join(SEGMENTERS[name].words(text)) == text


@pytest.mark.parametrize("name", ["jieba", "rjieba"])
def test_jieba_in_python_and_in_rust_find_the_same_words_of_a_review(name: SegmenterName) -> None:
    words = SEGMENTERS[name].words("酒店的服务很好，房间也很干净。")
    assert words == ["酒店", "的", "服务", "很", "好", "，", "房间", "也", "很", "干净", "。"]


def test_pre_split_text_has_its_words_between_blanks_and_marks_by_themselves() -> None:
    words = SEGMENTERS["whitespace"].words("大床房 很 干净，Wi-Fi 3.5% ok！")
    assert [word for word in words if word.strip()] == ["大床房", "很", "干净", "，", "Wi-Fi", "3.5", "%", "ok", "！"]


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    return tmp_path / "hotel.txt"


def test_a_word_of_the_users_dictionary_is_one_and_one_of_frequency_0_is_none(dictionary: Path) -> None:
    text = "豪华江景大床房的服务"
    assert "江景大床房" not in SEGMENTERS["jieba"].words(text)
    dictionary.write_bytes("\ufeff江景大床房 n\r\n\r\n服务 0\n大堂吧 100 n\n".encode())
    own = segmenter_for("jieba", str(dictionary))
    assert own.words(text) == ["豪华", "江景大床房", "的", "服", "务"]
    assert segmenter_for("jieba").words(text) == SEGMENTERS["jieba"].words(text), "nothing is shared"
    assert "".join(SEGMENTERS["jieba"].words("服务")) == "服务"


@pytest.mark.parametrize("blank", [" ", "\r", "\u3000", "\u00a0\t", "\u0085", "\x1c\x1f"])
def test_a_line_of_blanks_of_any_kind_is_passed_over(dictionary: Path, blank: str) -> None:
    dictionary.write_bytes(f"江景大床房\n{blank}\n大堂吧\n".encode())
    assert "江景大床房" in segmenter_for("jieba", str(dictionary)).words("豪华江景大床房的服务")


def test_the_fingerprint_follows_the_version_and_the_dictionary(dictionary: Path) -> None:
    dictionary.write_text("江景大床房\n", "utf-8")
    first = segmenter_for("jieba", str(dictionary)).fingerprint
    dictionary.write_text("江景大床房 5\n", "utf-8")
    assert len({first, segmenter_for("jieba", str(dictionary)).fingerprint, SEGMENTERS["jieba"].fingerprint}) == 3
    assert SEGMENTERS["jieba"].fingerprint.startswith("jieba 0.")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"\xb4\xf3\xb4\xb2", "a line that is not UTF-8"),
        ("大床房 100 n x".encode(), "4 fields, of which a line has three at most"),
        ("大床房 1.5 n".encode(), "the frequency '1.5' is no whole number"),
        ("大床房 -3".encode(), "the frequency '-3' is no whole number"),
        ("大床房 n 100".encode(), "the frequency 'n' is no whole number"),
        (f"大床房 {'9' * 5000}".encode(), "the frequency '999999999999999999999999' is no whole number"),
        ("大床房 名词".encode(), "the kind '名词' is none; jieba's are letters, as n or nz"),
        ("大床\x00房 3".encode(), "begins with what is no word"),
    ],
)
def test_a_malformed_line_is_one_line_that_names_it(dictionary: Path, line: bytes, what: str) -> None:
    dictionary.write_bytes("江景\n".encode() + line + b"\n")
    with pytest.raises(LingyuError) as error:
        segmenter_for("jieba", str(dictionary))
    assert str(error.value).startswith(f"{dictionary}:2: {what}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_dictionary_that_is_not_there_or_empty_is_one_line(dictionary: Path) -> None:
    dictionary.write_text("\n", "utf-8")
    with pytest.raises(LingyuError, match="a dictionary without a word"):
        segmenter_for("jieba", str(dictionary))
    with pytest.raises(LingyuError, match=r"no such dictionary. Did you mean .*hotel\.txt\?"):
        segmenter_for("jieba", str(dictionary.with_name("hotels.txt")))


def test_jieba_reads_no_cache_from_the_temporary_folder_writes_none_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "jieba.cache").write_bytes(b"whatever somebody put there")
    segmenter_for("jieba").words("酒店的服务很好")
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]
    assert (tmp_path / "jieba.cache").read_bytes() == b"whatever somebody put there"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("package", ["jieba", "rjieba"])
def test_a_missing_package_is_one_line_with_the_extra(package: SegmenterName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(LingyuError, match=r"pip install 'lingyu\[dapt\]'"):
        segmenter_for(package)
