"""Raw text of every kind becomes paragraphs, in order; what can't be read is counted, and names no path."""

import gzip
import json
import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.corpus import sources
from lingyu.data.corpus.sifting import opened
from lingyu.data.corpus.sources import SourceFile, batches, find_sources, texts_of
from lingyu.errors import LingyuError


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def paragraphs(*given, text="text", encoding="utf-8"):
    """The texts of all sources, and the reasons with the counts of what is not among them."""
    texts, left_out = [], {}
    for batch in batches(find_sources([Path(name) for name in given], Path("out")), text, encoding):
        found, tally = opened(batch, encoding)
        texts += found
        for reason, rows in tally.removed.items():
            left_out[reason] = left_out.get(reason, 0) + rows
        assert sum(tally.read.values()) == len(found) + sum(tally.removed.values())
    return texts, left_out


def write(name: str, content: bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content)
    return name


def test_a_line_of_a_text_file_is_a_paragraph_and_a_byte_order_mark_is_none():
    text = "\ufeff一\n\n二 \r\n三\u2028四\n五".encode()
    expected = (["一", "", "二 \r", "三\u2028四", "五"], {})
    assert paragraphs(write("a.txt", text)) == expected
    assert paragraphs(write("b.txt.gz", gzip.compress(text))) == expected


def test_a_line_that_is_not_of_the_encoding_costs_that_line_alone():
    text = "好的\n".encode() + "很好\n".encode("gbk") + "差\n".encode() + b"\xe5\n"
    assert paragraphs(write("a.txt", text)) == (["好的", "差"], {"undecodable": 2})
    assert paragraphs(write("b.txt", "好的\n很好\n".encode("gb18030")), encoding="gb18030") == (["好的", "很好"], {})


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["好", "很好很好", "", "a" * 30, "\r"]), max_size=30), st.integers(3, 40), st.booleans()
)
def test_where_the_blocks_end_changes_nothing(lines, block_bytes, ends):
    path = Path("a.txt")
    path.write_bytes(("\n".join(lines) + ("\n" if ends else "")).encode())
    patch = pytest.MonkeyPatch()
    patch.setattr(sources, "BATCH_BYTES", block_bytes)
    try:
        found, left_out = paragraphs("a.txt")
    finally:
        patch.undo()
    whole = path.read_bytes().decode()
    assert found == (whole.removesuffix("\n").split("\n") if whole else [])
    assert left_out == {}


def test_a_line_that_never_ends_is_passed_over_and_not_held(monkeypatch):
    monkeypatch.setattr(sources, "BATCH_BYTES", 8)
    monkeypatch.setattr(sources, "_LONGEST_LINE_BYTES", 20)
    text = b"one\n" + b"x" * 100 + b"\ntwo\n" + b"y" * 50
    assert paragraphs(write("a.txt", text)) == (["one", "two"], {"too long": 2})


def test_tables_give_the_texts_of_their_column_and_count_the_rows_that_they_can_not():
    rows = [{"content": "一\n二", "id": 1}, {"id": 2}, {"content": "三", "id": 3}]
    jsonl = "\n".join(map(json.dumps, rows)).encode() + b'\nnot json\n{"content": ["a list"]}\n'
    csv = 'content,id\n"一\n二",1\n三,2,3\n三,3\n'.encode()
    table = pa.table({"id": [1, 2], "content": ["一\n二", "三"]})
    write("a.jsonl", jsonl)
    write("b.csv", csv)
    write("c.jsonl.gz", gzip.compress(jsonl))
    pq.write_table(table, "d.parquet")
    for name, unreadable in (("a.jsonl", 3), ("b.csv", 1), ("c.jsonl.gz", 3), ("d.parquet", 0)):
        left_out = {"unreadable": unreadable} if unreadable else {}
        assert paragraphs(name, text="content") == (["一\n二", "三"], left_out), name


def test_a_folder_gives_its_files_by_name_without_hidden_ones_links_and_other_kinds():
    write("raw/b/2.txt", b"two\n")
    write("raw/a.txt", b"one\n")
    write("raw/.git/x.txt", b"hidden\n")
    write("raw/README.md", b"no\n")
    write("elsewhere/x.txt", b"elsewhere\n")
    Path("raw/link.txt").symlink_to(Path("elsewhere/x.txt").resolve())
    Path("raw/links").symlink_to(Path("elsewhere").resolve())
    found = find_sources([Path("raw")], Path("out"))
    assert [file.name for file in found] == ["raw/a.txt", "raw/b/2.txt"]


def test_names_hold_no_path_of_the_machine(tmp_path):
    write("raw/a.txt", b"one\n")
    write("b.txt", b"two\n")
    named = [tmp_path / "raw", Path("b.txt")]
    assert [file.name for file in find_sources(named, Path("out"))] == ["raw/a.txt", "b.txt"]
    assert find_sources([Path("raw/../b.txt")], Path("out"))[0].name == "b.txt"


def test_batches_say_how_far_the_files_were_read():
    write("a.txt", b"one\n" * 500_000)
    write("b.csv", b"text\n" + b"two\n" * 100_000)
    files = find_sources([Path("a.txt"), Path("b.csv")], Path("out"))
    read = [batch.bytes_read for batch in batches(files, "text", "utf-8")]
    assert read == sorted(read)
    assert read[0] == 1 << 20
    assert read[-1] == sources.total_bytes(files)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.md", b"x", "the ending `.md` is none of txt, txt.gz, csv"),
        ("a.txt.gz", b"plain", "a.txt.gz: a damaged gzip file. Fetch it again, or gunzip it"),
        ("b.txt.gz", gzip.compress(b"x\n" * 9999, mtime=0)[:-20], "b.txt.gz: a damaged gzip file"),
        ("a.txt", "很好\n".encode("utf-16"), "a.txt: UTF-16 text. Save it as UTF-8, with iconv -f UTF-16 -t UTF-8"),
        ("a.csv", b"review\nx\n", "no column `text` (--text); it has review"),
        ("a.csv", b"text\n\xff\xff\n", "a.csv: not UTF-8 at byte 5 (line 2)"),
    ],
)
def test_what_is_wrong_with_a_source_is_said(name, content, says):
    with pytest.raises(LingyuError) as caught:
        paragraphs(write(name, content))
    assert says in str(caught.value)


def test_wrong_names_and_encodings_are_said_with_what_was_nearly_meant():
    write("raw/hotel.txt", b"one\n")
    Path("empty").mkdir()
    for names, says in [
        (["raw/hotels.txt"], "raw/hotels.txt: no such file or folder. Did you mean raw/hotel.txt?"),
        (["empty"], "empty: no file of a known format in this folder. It reads txt, txt.gz, csv"),
        (["raw", "raw/hotel.txt"], "raw/hotel.txt: a source that is named twice. Name it once"),
    ]:
        with pytest.raises(LingyuError) as caught:
            paragraphs(*names)
        assert says in str(caught.value)
    with pytest.raises(LingyuError, match=r"no encoding is called 'utf8x'\. Did you mean utf-8\?"):
        paragraphs("raw", encoding="utf8x")
    with pytest.raises(LingyuError, match="raw text in utf-16"):
        paragraphs("raw", encoding="utf-16")
    with pytest.raises(LingyuError, match="a source that lies in --out"):
        find_sources([Path("raw")], Path("."))


def test_a_file_under_two_names_is_named_twice(tmp_path):
    write("raw/a.txt", b"one\n")
    Path("b.txt").symlink_to(tmp_path / "raw/a.txt")
    for second, says in [
        ("./raw/a.txt", r"raw/a\.txt: a source that is named twice\. Name it once"),
        (tmp_path / "raw/a.txt", r"a\.txt: a source that is named twice, as raw/a\.txt too\. Name it once"),
        ("b.txt", r"b\.txt: a source that is named twice, as raw/a\.txt too\. Name it once"),
    ]:
        with pytest.raises(LingyuError, match=says):
            find_sources([Path("raw/a.txt"), Path(second)], Path("out"))


def test_thousands_of_files_are_found_in_time_in_proportion():
    Path("raw").mkdir()
    for number in range(4000):
        Path(f"raw/{number}.txt").touch()
    began = time.process_time()
    assert len(find_sources([Path("raw")], Path("out"))) == 4000
    assert time.process_time() - began < 3


def test_an_empty_file_has_no_paragraphs():
    assert paragraphs(write("a.txt", b"")) == ([], {})
    assert list(sources.batches_of(SourceFile("a", Path("a.csv"), 0), 0, "text", "utf-8")) == []


def test_what_is_advised_for_raw_text_is_possible(tmp_path, run_command):
    """lingyu data import reads no .txt."""
    write("a.txt", "很好\n差\n".encode("gb18030"))
    with pytest.raises(LingyuError, match=r"Save it as UTF-8, with iconv -f GB18030 -t UTF-8 for one") as caught:
        list(texts_of(Path("a.txt"), "text", "utf-8"))
    words = caught.value.next.partition("with ")[2].removesuffix(" for one").split()
    if shutil.which("iconv"):
        assert run_command(*words, "a.txt").stdout == "很好\n差\n"


def test_test_texts_are_read_strictly():
    assert list(texts_of(Path(write("a.txt", "一\n二\n".encode())), "text", "utf-8")) == ["一", "二", ""]
    with pytest.raises(LingyuError, match=r"b\.txt: has a line that is not UTF-8"):
        list(texts_of(Path(write("b.txt", b"\xff\n")), "text", "utf-8"))
    with pytest.raises(LingyuError, match=r"c\.csv:3: the row has 2 columns"):
        list(texts_of(Path(write("c.csv", b"text\na\nb,c\n")), "text", "utf-8"))


@pytest.mark.parametrize(
    ("ending", "end"),
    [
        ("csv", '1,"好"是这家店的唯一形容\n0,"坏"是另一家店的形容\n'),
        ("tsv", '1\t"他说""不错""的店"\n0\t"第一行\n第二行"\n'),
    ],
)
def test_a_packed_table_is_read_as_the_same_one_unpacked(ending, end):
    """How it quotes shows long after what a pipe is judged by."""
    sign = {"csv": ",", "tsv": "\t"}[ending]
    rows = "".join(f"{at % 2}{sign}这是第{at}条普通的评论，没有引号\n" for at in range(8_000))
    content = f"label{sign}text\n{rows}{end}".encode()
    plain, left_out = paragraphs(write(f"a.{ending}", content))
    assert len(plain) == 8_002
    assert paragraphs(write(f"b.{ending}.gz", gzip.compress(content))) == (plain, left_out)
    assert list(texts_of(Path(f"b.{ending}.gz"), "text", "utf-8")) == plain
