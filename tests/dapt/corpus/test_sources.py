"""Every form in which a corpus comes, and one line for each in which it can't."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lingyu.dapt.corpus.sources import Source, find_sources
from lingyu.data import CorpusRequest, build_corpus
from lingyu.errors import LingyuError

STEPS = ("html", "control", "width")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _texts(source: Source) -> list[str]:
    return [text for batch in source.batches() for text in batch.texts]


def _one(name: str, steps: Sequence[str] = STEPS) -> Source:
    (source,) = find_sources([name], steps, "dapt.corpus")
    return source


def _write_lines(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


@pytest.mark.parametrize(("name", "pack"), [("a.txt", bytes), ("a.txt.gz", gzip.compress)])
def test_a_file_has_a_text_a_line_which_is_cleaned(place: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (place / name).write_bytes(pack("\ufeff房间<br>很好\r\n\n１２３号\n最后一行".encode()))
    source = _one(name)
    assert _texts(source) == ["房间 很好", "", "123号", "最后一行"]
    assert _texts(source) == _texts(source), "it may be read again"
    assert (source.kind, source.parts) == ("text", ())
    assert list(source.batches())[-1].done == source.size == (place / name).stat().st_size


def test_tables_give_their_column_text_or_the_one_that_is_named(place: Path) -> None:
    (place / "a.csv").write_text('text,label\n"很好，很好",1\n不好,0\n', "utf-8")
    (place / "a.jsonl").write_text('{"review": "很好"}\n{"review": "不好"}\n', "utf-8")
    assert _texts(_one("a.csv")) == ["很好，很好", "不好"]
    assert _texts(_one("a.jsonl:review")) == ["很好", "不好"]
    with pytest.raises(LingyuError, match="no column `text`"):
        _texts(_one("a.jsonl"))


@pytest.fixture
def built(place: Path) -> Path:
    _write_lines(place / "raw.txt", "房间很干净，服务也好", "早餐一般，位置不错", "前台态度冷淡得很")
    licences = {"raw.txt": "CC0-1.0"}
    build_corpus(CorpusRequest((Path("raw.txt"),), Path("corpus"), workers=1, licences=licences), lambda *_: None)
    return place / "corpus"


def test_a_built_corpus_brings_its_licences_and_steps_and_is_known_by_its_shards(built: Path) -> None:
    source = _one("corpus", ("html",))
    assert _texts(source) == ["房间很干净，服务也好", "早餐一般，位置不错", "前台态度冷淡得很"]
    assert [part.licence for part in source.parts] == ["CC0-1.0"]
    assert source.steps == tuple(json.loads((built / "corpus.json").read_text())["steps"])
    assert source.fingerprint == _one(str(built)).fingerprint


def test_a_corpus_whose_shard_is_gone_or_changed_is_one_line(built: Path) -> None:
    (shard,) = built.glob("*.parquet")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(LingyuError, match=r"not as its corpus\.json says"):
        _one("corpus")
    shard.unlink()
    with pytest.raises(LingyuError, match="is not there"):
        _one("corpus")
    (built / "corpus.json").unlink()
    with pytest.raises(LingyuError, match=r"it has no corpus\.json"):
        _one("corpus")


def test_a_task_gives_its_training_texts_clean_and_neither_dev_nor_test(place: Path) -> None:
    rows = [f"第{number}间<b>房</b>{'很好' if number % 2 else '不好'},{number % 2}" for number in range(60)]
    _write_lines(place / "hotel.csv", "text,label", *rows)
    _write_lines(
        place / "hotel.yaml",
        "name: hotel",
        "task: single_label",
        "data: {train: hotel.csv, text: text, label: label, labels: {0: 差评, 1: 好评}, clean: [html]}",
        "card: {data_license: CC0-1.0}",
    )
    source = _one("hotel.yaml")
    texts = _texts(source)
    assert 0 < len(texts) < 60
    assert all("<" not in text for text in texts)
    assert (source.kind, source.parts[0].licence, source.steps) == ("recipe", "CC0-1.0", ("html",))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "很好\n不".encode() + b"\xff\n", "a.txt:2: a line that is not UTF-8. Save it as UTF-8"),
        ("a.txt", b"\xff\xfea\0", "a.txt:1: UTF-16 text"),
        ("a.txt", b"PNG\r\n\x1a\n\0\0\0", "a.txt:3: a NUL byte: this is no text file"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.txt:1: a NUL byte: this is no text file"),
        ("a.txt", "好".encode() * 1_000_001, "a.txt:1: a line of more than 1,000,000 characters"),
        ("a.txt", "好".encode() * 1_400_000, "a.txt:1: a line of more than 1,000,000 characters"),
        ("a.txt", b"\xef\xbb\xbf" + "好".encode() * 1_400_000, "a.txt:1: a line of more than 1,000,000 characters"),
        ("a.txt.gz", b"no gzip", "a.txt.gz: a damaged gzip file"),
        ("a.txt.gz", gzip.compress("很好\n".encode() * 999, mtime=0)[:-9], "a.txt.gz: a damaged gzip file"),
        ("a.csv", "text\n很好\n不,好\n".encode(), "a.csv:3: the row has 2 columns"),
        (
            "a.jsonl",
            b'{"text": "a"}\n{"text": ["a", "b"]}\n',
            "a.jsonl:2: column `text` (dapt.corpus: a.jsonl:COLUMN) holds",
        ),
        ("a.docx", b"PK", "a.docx: the ending `.docx` is none of txt"),
    ],
)
def test_what_is_no_text_is_one_line_with_its_place(place: Path, name: str, content: bytes, message: str) -> None:
    (place / name).write_bytes(content)
    with pytest.raises(LingyuError) as error:
        _texts(_one(name))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_line_as_long_as_may_be_is_one_text_whatever_its_bytes(place: Path) -> None:
    (place / "a.txt").write_bytes(f"\ufeff{'𠮷' * 1_000_000}\r\n很好\n".encode())
    assert [len(text) for text in _texts(_one("a.txt", ()))] == [1_000_000, 2]


def test_what_is_not_there_or_named_twice_is_one_line(place: Path) -> None:
    _write_lines(place / "hotel.txt", "很好")
    with pytest.raises(LingyuError, match=r"hotle\.txt: no such file or folder\. Did you mean hotel\.txt\?"):
        _one("hotle.txt")
    with pytest.raises(LingyuError, match=r"dapt\.corpus names it twice"):
        find_sources(["hotel.txt", "./hotel.txt"], STEPS, "dapt.corpus")
    _write_lines(place / "hotel.csv", "text,reply", "很好,谢谢")
    with pytest.raises(LingyuError, match=r"dapt\.corpus names it twice"):
        find_sources(["hotel.csv", "hotel.csv:text"], STEPS, "dapt.corpus")
    assert len(find_sources(["hotel.csv", "hotel.csv:reply"], STEPS, "dapt.corpus")) == 2
    with pytest.raises(LingyuError, match=r"hotel\.txt:text: a column, 'text', of a file that has none\. Leave it out"):
        _one("hotel.txt:text")


def test_a_source_is_known_by_its_content_and_its_name_says_nothing_of_the_machine(place: Path) -> None:
    _write_lines(place / "a.txt", "很好")
    _write_lines(place / "b.txt", "很好")
    first = _one("a.txt")
    assert _one(str(place / "a.txt")).name == "a.txt"
    assert first.fingerprint == _one("b.txt").fingerprint
    _write_lines(place / "a.txt", "很好。")
    assert first.fingerprint != _one("a.txt").fingerprint
