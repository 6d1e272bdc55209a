"""Rows come from wherever they are into one clean table; what can't be read is set aside and loses nothing."""

import base64
import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.data import CleaningRequest, ImportRequest, clean_table, import_rows, load_splits, read_table
from lingyu.errors import LingyuError
from lingyu.recipe import Data

from .rows import read_rows

REVIEW = "房间很干净，前台的服务态度也非常好，下次还会再来住。"
TRADITIONAL = "這家酒店的服務態度非常好，房間乾淨整潔，下次還會再來。"


def run(source, out="out.csv", stdin=None, **settings):
    return import_rows(ImportRequest(str(source), Path(out), **settings), lambda *_: None, stdin)


def cells(path="out.csv"):
    return [row.cells for row in read_table(str(path)).rows]


def aside(path="out.quarantine.jsonl"):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def refusal(source, **options):
    """The line that is said; nothing was written."""
    with pytest.raises(LingyuError) as caught:
        run(source, **options)
    assert not Path("out.csv").exists()
    assert not list(Path().glob(".releasing-*"))
    assert "\n" not in str(caught.value)
    return caught.value


# ---- the shared inputs that break things


@pytest.fixture
def bad_csv(shared_data, tmp_path, monkeypatch):
    """A copy of the twelve files, in the folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    for file in (shared_data / "bad_inputs" / "bad_csv").iterdir():
        Path(file.name).write_bytes(file.read_bytes())


@pytest.mark.parametrize(
    ("name", "encoding", "imported", "undecodable", "unparsable"),
    [
        ("01_missing_label_column.csv", "utf-8", 40, 0, 0),
        ("02_ragged_rows.csv", "utf-8", 31, 0, 9),
        ("05_utf16.csv", "utf-16", 40, 0, 0),
        ("06_gbk.csv", "gbk", 40, 0, 0),
        ("07_mixed_encodings.csv", "utf-8", 20, 20, 0),
        ("11_one_class_only.csv", "utf-8", 40, 0, 0),
        ("12_unknown_labels.csv", "utf-8", 40, 0, 0),
    ],
)
def test_a_bad_csv_is_imported_but_for_its_bad_rows(bad_csv, name, encoding, imported, undecodable, unparsable):
    done = run(name)
    assert [used.name for used in done.encodings] == [encoding]
    assert dict(done.counts.dropped) == {"does not decode": undecodable, "does not parse": unparsable}
    assert done.counts.rows_read == 40
    assert len(cells()) == done.counts.rows_kept == imported
    assert (done.quarantine is not None) == Path("out.quarantine.jsonl").exists() == (imported < 40)
    assert "�" not in Path("out.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("03_unclosed_quote.csv", "03_unclosed_quote.csv:22: a quotation mark opens here and is not closed"),
        ("04_duplicate_header.csv", "04_duplicate_header.csv:1: two columns are called `review`"),
        ("08_only_header.csv", "08_only_header.csv: the file has no rows"),
        ("09_empty.csv", "09_empty.csv: the file is empty"),
        ("10_binary_junk.csv", "10_binary_junk.csv: no text in any encoding that is known"),
    ],
)
def test_a_bad_csv_without_a_single_good_reading_is_one_line(bad_csv, name, says):
    error = refusal(name)
    assert str(error).startswith(says)
    assert error.status == 2
    assert error.next


def test_of_a_file_of_two_encodings_the_other_rows_are_set_aside_byte_for_byte(bad_csv):
    run("07_mixed_encodings.csv")
    lines = Path("07_mixed_encodings.csv").read_bytes().splitlines(keepends=True)
    for row in aside():
        raw = base64.b64decode(row["raw"])
        assert lines[row["line"] - 1] == raw
        assert raw.decode("gb18030")
        assert row["reason"] == "not UTF-8"
        assert raw[row["byte"]] > 127
    assert [row["line"] for row in aside()] == list(range(2, 42, 2))


def test_texts_with_broken_characters_are_set_aside_whole(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = shared_data / "bad_inputs" / "gbk"
    done = run(folder)
    assert done.counts.rows_read == 200
    assert done.counts.rows_kept == len(cells()) == 155
    assert {used.name: used.files for used in done.encodings} == {"gb18030": 154, "ascii": 1}
    assert done.skipped == {"beside the sub-folders": 1}
    assert done.columns == ("text", "label", "file")
    with (folder / "MANIFEST.csv").open(encoding="utf-8") as manifest:
        fails = {row["file"] for row in csv.DictReader(manifest) if row["gb18030"] != "ok"}
    assert {row["name"] for row in aside()} == fails
    assert {row["file"] for row in cells()}.isdisjoint(fails)
    for row in aside():
        assert base64.b64decode(row["raw"]) == (folder / row["name"]).read_bytes()


def test_texts_with_broken_characters_are_kept_after_a_stated_repair(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = shared_data / "bad_inputs" / "gbk"
    done = run(folder, repair=True)
    assert done.counts.rows_kept == 200
    assert done.quarantine is None
    assert (done.repaired.rows, done.repaired.bytes) == (45, 45)
    assert sum(row["text"].count("�") for row in cells()) == 45
    row = next(row for row in cells() if row["file"] == "neg/neg.100.txt")
    assert row["label"] == "neg"
    assert row["text"].replace("\n", "") == (folder / "neg/neg.100.txt").read_text("gb18030").replace("\n", "")
    assert "\r" not in row["text"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_odd_text_of_jsonl_is_imported(shared_data, tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    source = shared_data / "bad_inputs" / "bad_inputs.jsonl"
    done = run(source, f"out.{ending}")
    assert (done.counts.rows_read, done.counts.rows_kept) == (232, 232)
    unheld = [chr(0)] if ending == "csv" else []
    for line, row in zip(source.read_text("ascii").splitlines(), cells(f"out.{ending}"), strict=True):
        given = json.loads(line)["text"]
        assert row["text"] == "".join("�" if "\ud800" <= char <= "\udfff" or char in unheld else char for char in given)
    assert any("lone surrogates" in note for note in done.counts.notes)


def test_chnsenticorp_with_its_bare_quotation_marks_is_imported_row_by_row(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part, rows in (("train", 9600), ("dev", 1200), ("test", 1200)):
        source = shared_data / "chnsenticorp" / f"{part}.tsv"
        assert run(source, f"{part}.csv", renamed={"text_a": "text"}).counts.rows_kept == rows
        lines = source.read_text("utf-8").split("\n")[1:]
        assert [f"{row['label']}\t{row['text']}" for row in cells(f"{part}.csv")] == [line for line in lines if line]


# ---- encodings


@pytest.mark.parametrize(
    ("written", "found", "text"),
    [
        ("utf-8", "utf-8", REVIEW),
        ("utf-8-sig", "utf-8", REVIEW),
        ("gbk", "gbk", REVIEW),
        ("gb18030", "gb18030", REVIEW + "㐀😀"),
        ("gbk", "gbk", TRADITIONAL),
        ("big5", "big5", TRADITIONAL),
        ("cp950", "cp950", TRADITIONAL + "碁"),
        ("utf-16", "utf-16", REVIEW),
        ("utf-16-le", "utf-16-le", REVIEW),
        ("utf-16-be", "utf-16-be", REVIEW),
        ("utf-32", "utf-32", REVIEW),
        ("cp932", "cp932", "とても良いホテルでした。また来たいと思います。"),
    ],
)
@pytest.mark.parametrize("rows", [1, 1500])  # of the latter, more than is read at once
def test_the_encoding_is_found(write, written, found, text, rows):
    source = write("a.csv", ("label,text\n" + f"1,{text}\n" * rows).encode(written))
    done = run(source)
    assert [used.name for used in done.encodings] == [found]
    assert cells() == [{"label": "1", "text": text}] * rows


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "gbk", "big5", "utf-16-le", "utf-16", "utf-32-be", "cp037"])
def test_the_encoding_can_be_named(write, encoding):
    text = "plain" if encoding == "cp037" else "好,很好"
    file = io.StringIO()
    csv.writer(file).writerows([("text", "label"), (text, "1")])
    run(write("a.csv", file.getvalue().encode(encoding)), encoding=encoding)
    assert cells() == [{"text": text, "label": "1"}]


def test_an_encoding_without_a_name_is_told(write):
    assert "Did you mean gbk?" in str(refusal(write("a.csv", "text\n好\n"), encoding="gkb"))


@pytest.mark.parametrize("nuls", [1, 3])
def test_nul_bytes_in_a_table_of_ascii_do_not_make_it_utf16(write, nuls):
    lines = [f"this room was very good number {number},1" for number in range(200)]
    for at in range(nuls):
        lines[7 * at] = "ba\0d" + "x" * at + ",0"
    done = run(write("a.csv", "text,label\n" + "\n".join(lines) + "\n"))
    assert [used.name for used in done.encodings] == ["utf-8"]
    assert (done.counts.rows_kept, dict(done.counts.dropped)["does not decode"]) == (200 - nuls, nuls)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_ascii_in_utf16_is_still_known_by_its_nuls(write, encoding):
    done = run(write("a.csv", ("text,label\n" + "a good room \u4e00,1\n" * 50).encode(encoding)))
    assert [used.name for used in done.encodings] == [encoding]
    assert cells()[0] == {"text": "a good room \u4e00", "label": "1"}


def test_a_lone_nul_and_a_lone_bad_byte_take_one_row_each(write):
    good = f"{REVIEW},1\n".encode()
    content = b"text,label\n" + good + b'"a\0b",1\n' + good + b'"x\xff",1\n"a\n\xffb",0\n' + good
    done = run(write("a.csv", content))
    assert len(cells()) == 3
    assert [(row["line"], row["reason"], row["byte"]) for row in aside()] == [
        (3, "a NUL character", 2),
        (5, "not UTF-8", 2),
        (6, "not UTF-8", 3),
    ]
    assert base64.b64decode(aside()[2]["raw"]) == b'"a\n\xffb",0\n'
    assert done.counts.dropped["does not decode"] == 3


def test_a_repaired_row_keeps_what_can_be_read_of_it(write):
    done = run(write("a.csv", "text,label\n好".encode() + b"\xff\xfe\0,1\n" + f"{REVIEW},0\n".encode()), repair=True)
    assert [row["text"] for row in cells()] == ["好���", REVIEW]
    assert (done.repaired.rows, done.repaired.bytes) == (1, 3)


def test_half_a_surrogate_pair_of_utf16_takes_one_row(write):
    rows = [f"{REVIEW},{number}\n" for number in range(5)]
    content = "text,label\n".join(["", rows[0]]).encode("utf-16") + b"\x00\xd8,\x001\x00\n\x00"
    content += "".join(rows[1:]).encode("utf-16-le") + b"\x41"
    done = run(write("a.csv", content))
    assert [row["label"] for row in cells()] == ["0", "1", "2", "3", "4"]
    assert [row["line"] for row in aside()] == [3, 8]
    assert done.counts.dropped["does not decode"] == 2


def test_a_damaged_header_is_one_line_and_can_be_repaired(write):
    source = write("a.csv", b"te\xffxt,label\n" + f"{REVIEW},1\n".encode() * 9)
    assert "the line that names the columns is damaged: not UTF-8 at byte 2" in str(refusal(source))
    assert run(source, repair=True).columns == ("te�xt", "label")


# ---- formats


def test_packed_tables_are_read_by_every_tool_and_their_progress_is_of_packed_bytes(write):
    content = "text,label\n" + "".join(f"{REVIEW}{number * 7919},1\n" for number in range(5000))
    write("a.csv.gz", gzip.compress(content.encode()))
    table = read_table("a.csv.gz")
    assert table.progress()[1] == Path("a.csv.gz").stat().st_size
    assert sum(1 for _ in table.rows) == 5000
    assert table.progress()[0] == table.progress()[1]
    assert len(read_rows("a.csv.gz", "text", "label")) == 5000
    seen = []
    done = import_rows(ImportRequest("a.csv.gz", Path("out.csv")), lambda *told: seen.append(told))
    assert done.counts.rows_kept == 5000
    assert ("a.csv.gz", *table.progress()) in seen


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda packed: packed[: len(packed) // 2], "the gzip file is cut off"),
        (lambda packed: packed[:-200] + b"\xff" * 200, "a damaged one"),
        (lambda packed: b"text\n1\n", "not a gzip file"),
    ],
)
def test_a_gzip_file_that_is_damaged_is_one_line(write, damage, says):
    packed = gzip.compress(("text\n" + "".join(f"{number * 7919}\n" for number in range(9000))).encode())
    assert says in str(refusal(write("a.csv.gz", damage(packed))))
    with pytest.raises(LingyuError, match=says):
        list(read_table("a.csv.gz").rows)


def test_only_text_formats_can_be_packed(write):
    error = refusal(write("a.xlsx.gz", b"x"))
    assert error.what == "the ending `.xlsx.gz` is none of csv, tsv, jsonl, parquet, xlsx, and .gz of csv, tsv, jsonl"


def test_a_pipe_is_imported_as_the_file_would_be(write):
    content = ("text,label\n" + f'"{REVIEW}\n二",1\n' * 5000).encode("gbk")
    done = run("-", stdin=io.BytesIO(content))
    assert [used.name for used in done.encodings] == ["gbk"]
    assert cells() == [{"text": f"{REVIEW}\n二", "label": "1"}] * 5000
    with pytest.raises(LingyuError, match="stdin: the file is empty"):
        run("-", "b.csv", io.BytesIO(b""))


def test_jsonl_rows_with_other_keys_have_their_columns_and_bad_lines_are_set_aside(write):
    lines = ['{"text": "a"', "[1]", '{"text": "好", "label": 1}', "", "{}", '{"label": "0", "extra": [1, "二"]}']
    done = run(write("a.jsonl", "\n".join(lines)))
    assert cells() == [
        {"text": "好", "label": "1", "extra": ""},
        {"text": "", "label": "0", "extra": '["1", "二"]'},
    ]
    assert [(row["line"], row["shown"]) for row in aside()] == [(1, lines[0] + "\n"), (2, "[1]\n"), (5, "\n{}\n")]
    assert done.counts.notes == ("rows without `extra`: 1", "rows without `text`: 1")


def test_cells_of_xlsx_and_parquet_that_have_no_place_are_set_aside(write):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("text", "label"), ("好", 1), ("坏", 0, "多")):
        book.active.append(row)
    book.save(write("a.xlsx", b""))
    pq.write_table(pa.table({"text": ["好".encode(), b"\xff"], "label": ["1", "0"]}), write("a.parquet", b""))
    for source, line, left in (("a.xlsx", 3, ["坏", "0", "多"]), ("a.parquet", 2, ["\\xff", "0"])):
        done = run(source, force=True)
        assert cells() == [{"text": "好", "label": "1"}]
        assert [(row["line"], json.loads(row["shown"])) for row in aside()] == [(line, left)]
        assert done.encodings == ()


# ---- folders of texts


def test_a_folder_gives_label_and_file_in_natural_order_and_says_what_it_skipped(write, tmp_path):
    for name in ("neg/10.txt", "neg/2.txt", "pos/a/1.txt", "pos/x.pdf", ".git/1.txt", "neg/.hidden", "README.txt"):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"{name}\r\r\n二\r\n\r\n".encode())
    (tmp_path / "texts" / "neg" / "link.txt").symlink_to(tmp_path / "texts" / "README.txt")
    done = run("texts")
    assert cells() == [
        {"text": "neg/2.txt\n二", "label": "neg", "file": "neg/2.txt"},
        {"text": "neg/10.txt\n二", "label": "neg", "file": "neg/10.txt"},
        {"text": "pos/a/1.txt\n二", "label": "pos/a", "file": "pos/a/1.txt"},
    ]
    assert done.skipped == {"hidden": 2, "links": 1, "with another ending": 1, "beside the sub-folders": 1}


def test_a_folder_without_sub_folders_has_no_labels(write, tmp_path):
    (tmp_path / "texts").mkdir()
    for number in (1, 2):
        (tmp_path / "texts" / f"{number}.txt").write_text(REVIEW, "utf-8")
    assert run("texts").columns == ("text", "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LingyuError, match="empty: no text is in it"):
        run("empty", "b.csv")


@pytest.mark.parametrize(("most", "few"), [("gbk", "utf-8"), ("utf-8", "gbk"), ("big5", "utf-8")])
def test_a_folder_may_mix_encodings_by_file_and_says_how_many_of_each(write, tmp_path, most, few):
    text = TRADITIONAL if most == "big5" else REVIEW
    for number in range(10):
        path = tmp_path / "texts" / "a" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(few if number < 2 else most))
    (tmp_path / "texts" / "a" / "10.txt").write_bytes("联通".encode("gbk"))  # is valid UTF-8 as well
    done = run("texts")
    assert [row["text"] for row in cells()][:10] == [text] * 10
    assert done.counts.rows_kept == 11
    assert done.encodings[0].files >= 8
    if most == "gbk":
        assert cells()[10]["text"] == "联通"


def test_a_damaged_file_is_not_taken_for_another_encoding_that_happens_to_read_it(write, tmp_path):
    broken = REVIEW.encode()[:-1]
    while True:
        try:
            broken.decode("gb18030")
            break
        except UnicodeDecodeError:
            broken = broken[1:]
    for number in range(5):
        path = tmp_path / "texts" / "a" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(broken if number == 4 else REVIEW.encode())
    assert run("texts").counts.rows_kept == 4
    assert [row["reason"] for row in aside()] == ["not UTF-8"]


LINES = st.lists(
    st.sampled_from([f"{REVIEW},1".encode(), f"{REVIEW},0".encode("gbk"), b'{"text": "a"}', b'"a', b'b",1', b"\xff,1"])
    | st.binary(max_size=12)
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    LINES,
    st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\x00"]),
    st.sampled_from(["csv", "tsv", "jsonl"]),
    st.sampled_from(["auto", "utf-8", "gb18030", "big5", "utf-16", "utf-32", "cp1252"]),
    st.booleans(),
)
def test_bytes_of_any_kind_are_imported_set_aside_or_refused(write, lines, line_end, ending, encoding, repair):
    write(f"a.{ending}", b"text,label\n" + line_end.join(lines))
    for path in Path().glob("out*"):
        path.unlink()
    try:
        done = run(f"a.{ending}", encoding=encoding, repair=repair)
    except LingyuError:
        done = None
    if done is None:
        assert not Path("out.csv").exists()
        return
    assert done.counts.rows_kept == len(cells())
    set_aside = aside() if done.quarantine else []
    assert len(set_aside) == sum(done.counts.dropped.values())
    if encoding in ("utf-8", "gb18030", "big5", "cp1252"):  # of UTF-16, the text is set aside as UTF-8
        whole = Path(f"a.{ending}").read_bytes()
        assert all(base64.b64decode(row["raw"]) in whole for row in set_aside)


# ---- what is written


ANY_CELL = st.text(max_size=8) | st.text(st.sampled_from('a",\n\r\t\0\ud800\u2028\ufeff;好😀 '), max_size=8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(ANY_CELL, min_size=width, max_size=width), min_size=1)),
    st.sampled_from(["csv", "jsonl", "parquet"]),
)
def test_whatever_the_cells_hold_the_written_table_reads_as_the_same_rows(write, rows, ending):
    """csv and NUL, and lone surrogates in all formats, apart; a csv that would read otherwise is refused."""
    names = [f"c{number}" for number in range(len(rows[0]))]
    write("a.jsonl", "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    unheld = {chr(code) for code in range(0xD800, 0xE000)} | ({"\0"} if ending == "csv" else set())
    expected = [["�" if char in unheld else char for char in cell] for row in rows for cell in row]
    try:
        run("a.jsonl", f"out.{ending}", force=True)
    except LingyuError as error:
        refused = str(error)
    else:
        refused = None
    if refused:
        assert ending == "csv"
        assert refused.endswith("Name --out out.jsonl, which keeps them apart")
        assert any(line_end in cell for row in rows for cell in row for line_end in "\r\n")
        return
    assert [list(cell) for row in cells(f"out.{ending}") for cell in row.values()] == expected


def test_a_csv_whose_lines_look_like_rows_is_refused(write):
    write("a.jsonl", json.dumps({"text": "x,1\ny", "label": "2"}) + "\n")
    assert "a text of several lines looks like rows" in str(refusal("a.jsonl"))
    assert run("a.jsonl", "out.jsonl").counts.rows_kept == 1


def test_nothing_that_stands_there_is_replaced_without_force(write):
    write("a.csv", f"text\n{REVIEW}\n")
    write("b.csv", b"text,label\n1\n1,2\n")
    run("b.csv")
    before = Path("out.csv").read_bytes()
    with pytest.raises(LingyuError, match="stands there already"):
        run("a.csv")
    assert Path("out.csv").read_bytes() == before
    run("a.csv", force=True)
    assert cells() == [{"text": REVIEW}]
    assert not Path("out.quarantine.jsonl").exists(), "that of the rows which are no longer there"
    run("b.csv", force=True, quarantine=Path("bad.jsonl"))
    assert len(aside("bad.jsonl")) == 1
    run("a.csv", force=True, quarantine=Path("bad.jsonl"))
    assert not Path("bad.jsonl").exists(), "wherever they were"


def test_a_source_without_a_readable_row_leaves_only_the_quarantine(write):
    write("a.csv", "text,label\n1\n2\n")
    error = refusal("a.csv")
    assert error.status == 1
    assert error.what == "none of 2 rows could be read: the row has 1 column, the header 2 columns"
    assert len(aside()) == 2


@pytest.mark.parametrize(
    ("mark", "kind", "hint"), [("\t", "tabs", "Name the file .tsv"), (";", "semicolons", "Save the table with commas")]
)
def test_a_header_that_another_character_cuts_is_told_so(write, mark, kind, hint):
    write("a.csv", f"编号{mark}内容\n1{mark}很好，住得舒服\n2{mark}好,好,好\n")
    told = f"the header is one cell with {kind} in it"
    assert str(refusal("a.csv", renamed={"内容": "text"})) == f"a.csv: no column `内容` to rename; {told}. {hint}"
    assert run("a.csv").counts.notes == (f"{told}: {hint.lower()}",)


def test_a_title_above_the_header_is_asked_after(write):
    rows = "id,text,label\n" + "".join(f"{n},第{n}条,好\n" for n in range(9))
    write("a.csv", f"2025年工单汇总\n{rows}")
    assert "the header 1 column; the first line has 1 column, 10 others 3: is it a title?" in refusal("a.csv").what
    write("b.csv", f"2025年工单汇总,,\n{rows}")
    assert str(refusal("b.csv", force=True)) == "b.csv:1: the first line names 1 of 3 columns. Is it a title? Delete it"
    write("c.csv", "text,label\n" + "不好，很差, 真的,差\n" * 3)
    assert refusal("c.csv", force=True).what.endswith("; the first line has 2 columns, 3 others 3")
    write("d.csv", f"2025年工单汇总\n{rows}合计\n")
    done = run("d.csv", force=True)
    assert done.counts.lines()[0] == "kept 1 of 11 rows    does not parse 10"
    assert done.counts.notes == ("the first line has 1 column, 10 others 3: is it a title? Delete it",)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("a.csv", "is the source itself"),
        ("out.tsv", "Name --out out.csv"),
        ("out.csv.gz", "Name --out out.csv$"),
        (".", "Name --out rows.csv$"),
        (".csv.gz", "Name --out rows.csv$"),
        ("texts", "is written as csv, jsonl or parquet"),
        ("folder.csv", "stands there and is no file"),
    ],
)
def test_a_destination_that_can_not_be_is_told_before_anything_is_read(write, out, says):
    Path("folder.csv").mkdir()
    write("a.csv", "text\n1\n")
    with pytest.raises(LingyuError, match=says):
        run("a.csv", out, force=True)
    assert Path("a.csv").read_text() == "text\n1\n"


def test_columns_are_renamed_and_a_mistyped_one_is_told(write):
    write("a.csv", f"review,star\n{REVIEW},5\n")
    assert "Did you mean `review`?" in str(refusal("a.csv", renamed={"reveiw": "text"}))
    assert "two columns would be called `text`" in str(refusal("a.csv", renamed={"review": "text", "star": "text"}))
    run("a.csv", renamed={"review": "text", "star": "label"})
    assert cells() == [{"text": REVIEW, "label": "5"}]


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_an_unknown_label_does_not_become_no_label(ending, tmp_path, monkeypatch):
    """Of multi_label: null is a row that nobody has labelled, [] one that has no label."""
    monkeypatch.chdir(tmp_path)
    known = [{"review": f"第{at}条评论很好", "labels": ["价格" if at % 2 else "空间"]} for at in range(30)]
    rows = [*known, {"review": "没有人标注的一句", "labels": None}, {"review": "确实没有的一句", "labels": []}]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    imported = import_rows(ImportRequest("a.jsonl", Path(f"b.{ending}"), renamed={"review": "text"}), lambda *_: None)
    cleaned = clean_table(CleaningRequest(f"b.{ending}", Path("c.jsonl"), ("control",)), lambda *_: None)
    unlabelled = 0 if ending == "csv" else 1
    for file in (f"b.{ending}", "c.jsonl"):
        data = Data(train=file, label="labels", labels={"价格": "价格", "空间": "空间"})
        counts = load_splits(data, "multi_label").counts
        assert counts.dropped.get("no labels", 0) == unlabelled, file
    told = "note: rows with null, which csv can't tell from an empty text (--out b.jsonl keeps it): 1"
    assert (told in imported.counts.lines()) == (ending == "csv")
    again = clean_table(CleaningRequest("a.jsonl", Path("d.csv"), ("control",), texts=("review",)), lambda *_: None)
    assert told.replace("b.jsonl", "d.jsonl") in again.counts.lines()
    assert cleaned.counts.notes == ()
