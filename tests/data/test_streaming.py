"""A table read piece by piece is the table read whole, from a file and from a pipe, and takes no memory by its size."""

import csv
import io
import itertools
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data import contents, read_pipe, read_table
from lingyu.data.reading import parse_table
from lingyu.errors import LingyuError

TEXT = st.text(st.sampled_from('ab,;\t"\r\n好😀\u2028\ufeff{}:1'), max_size=40)
CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
ENCODINGS = ["utf-8", "gb18030", "utf-16", "big5"]


@pytest.fixture(params=[1, 2, 3, 7, 64])
def chunk_bytes(request):
    return request.param


def in_pieces_of(chunk_bytes, sample_bytes=None):
    """Everything inside is read in chunks of so many bytes, and of a pipe so many are looked at beforehand."""
    patch = pytest.MonkeyPatch()
    patch.setattr(contents, "CHUNK_BYTES", chunk_bytes)
    if sample_bytes:
        patch.setattr(contents, "SAMPLE_BYTES", sample_bytes)
    return patch


def outcome(make_table):
    """Columns and rows of a table, or what is said of it."""
    try:
        table = make_table()
        return table.columns, [(row.where, row.cells, row.fault and str(row.fault)) for row in table.rows]
    except LingyuError as error:
        return str(error)


def piped(content, format="csv", encoding="utf-8"):
    return read_pipe(io.BytesIO(content), format, encoding)


@settings(max_examples=150)
@given(TEXT, st.sampled_from(ENCODINGS), st.sampled_from(ENCODINGS), st.sampled_from(["csv", "tsv", "jsonl"]))
def test_where_the_chunks_end_changes_nothing(text, written, read, ending):
    content = f"text,label\n{text}".encode(written, "replace")
    whole = outcome(lambda: parse_table(content, f"a.{ending}", read))
    for chunk_bytes in (1, 2, 3, 7):
        patch = in_pieces_of(chunk_bytes)
        try:
            assert outcome(lambda: parse_table(content, f"a.{ending}", read)) == whole
        finally:
            patch.undo()


@settings(max_examples=150)
@given(st.binary(max_size=60), st.sampled_from(ENCODINGS))
def test_bytes_of_any_kind_are_told_alike_wherever_the_chunks_end(content, encoding):
    whole = outcome(lambda: parse_table(b"text\n" + content, "a.csv", encoding))
    for chunk_bytes in (1, 2, 5):
        patch = in_pieces_of(chunk_bytes)
        try:
            assert outcome(lambda: parse_table(b"text\n" + content, "a.csv", encoding)) == whole
        finally:
            patch.undo()


@settings(max_examples=150)
@given(
    st.lists(st.tuples(CELL, CELL, st.sampled_from("01")), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.integers(1, 200),
)
def test_what_the_csv_module_writes_is_read_as_it_reads_it(rows, line_end, chunk_bytes, sample_bytes):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerows([("a", "b", "c"), *rows])
    content = file.getvalue().encode()
    read = [tuple(cells) for cells in csv.reader(io.StringIO(file.getvalue(), newline=""))][1:]
    patch = in_pieces_of(chunk_bytes, sample_bytes)
    try:
        table = parse_table(content, "a.csv")
        assert [tuple(row.cells.values()) for row in table.rows] == read
        through_a_pipe = list(piped(content).rows)
    finally:
        patch.undo()
    assert len(through_a_pipe) == len(read)
    for row, cells in zip(through_a_pipe, read, strict=True):
        assert tuple(row.cells.values()) == cells or "each of these lines is a row by itself" in row.fault.what


def test_a_pipe_is_read_as_the_file_that_it_could_be(write):
    content = 'text,label\n"一\n二",1\n三,0\n四\n'
    assert outcome(lambda: read_pipe(io.BytesIO(content.encode()), "csv", source="a.csv")) == outcome(
        lambda: read_table(write("a.csv", content))
    )


def rows_up_to(table):
    """How many rows come, and the error that ends them."""
    count = 0
    try:
        for _ in table.rows:
            count += 1
    except LingyuError as error:
        return count, str(error)
    return count, None


GOOD = "正好,1\n" * 50_000  # more than is looked at beforehand, and less than 10 bytes a row


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("很好,1\n".encode("gbk"), "stdin: not UTF-8 at byte 450011 (line 50002): the file mixes encodings, line 2 is"),
        (b"\xff\xff,1\n", "not UTF-8 at byte 450011 (line 50002), and neither UTF-8, GB18030 nor Big5 throughout"),
        (b"a\0b,1\n", "stdin:50002: a NUL byte at byte 450012: this is no text file, or a damaged one"),
        (b'a"b,"c\nd",1\n"e,1\n', "stdin:50004: a quotation mark opens here and is not closed where a cell ends"),
        (b"\xe5", "stdin: not UTF-8 at byte 450011 (line 50002), and neither"),
    ],
)
def test_what_is_wrong_far_into_a_pipe_is_told_with_its_line_after_the_rows_before_it(end, says):
    rows, error = rows_up_to(piped(f"text,label\n{GOOD}".encode() + end))
    assert says in error
    assert rows >= 40_000


def test_a_gbk_pipe_with_an_ascii_beginning_says_what_it_reads_as():
    content = b"text,label\n" + b"plain words,1\n" * 30_000 + "很好,1\n".encode("gbk") * 100
    rows, error = rows_up_to(piped(content))
    assert rows >= 25_000
    assert "(line 30002); it reads as GB18030. Set data.encoding: gb18030" in error


def test_bare_quotation_marks_at_the_beginning_of_a_pipe_swallow_nothing():
    table = piped(("label,text\n" + '1,"开头有引号\n0,好\n1,结尾有"\n' * 50_000).encode())
    assert [row.cells["text"] for row in itertools.islice(table.rows, 3)] == ['"开头有引号', "好", '结尾有"']
    assert rows_up_to(table) == (149_997, None)


def test_bare_quotation_marks_further_on_are_marked_in_their_place():
    rows = list(piped(f'label,text\n{"1,好" * 1}\n{GOOD}1,"开头有引号\n0,好\n1,结尾有"\n1,好\n'.encode()).rows)
    assert len(rows) == 50_003
    assert rows[-2].where == "stdin:50003"
    assert rows[-2].fault.what.startswith("a quotation mark that opens here closes lines further on")
    assert rows[-1].cells["text"] == "好"


def test_a_text_of_several_lines_where_the_sample_of_a_pipe_ends_stays_whole():
    row = '1,"一\n二\n三\n四"\n'
    table = piped(("label,text\n" + row * 30_000).encode())
    assert {row.cells["text"] for row in table.rows} == {"一\n二\n三\n四"}


def test_a_tsv_pipe_keeps_bare_quotation_marks():
    table = piped(("label\ttext\n" + '1\t"开头有引号\n0\t结尾有"\n' * 50_000).encode(), "tsv")
    assert [row.cells["text"] for row in itertools.islice(table.rows, 2)] == ['"开头有引号', '结尾有"']


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            buffer[:] = b"a" * len(buffer)
            return len(buffer)

    endless = Endless()
    assert "a line of more than 16,777,216 characters" in outcome(
        lambda: read_pipe(io.BufferedReader(endless, 1 << 16), "csv")
    )
    assert endless.given < 20_000_000


def test_a_quotation_mark_that_is_never_closed_is_found_however_long_the_file_is(write):
    content = 'text,label\n好,1\n"坏,1\n' + f"{'好' * 100},1,2\n" * 170_000
    assert "a.csv:3: a quotation mark opens here" in outcome(lambda: read_table(write("a.csv", content)))


def test_a_format_that_is_read_from_its_end_needs_a_file(write, tmp_path):
    pq.write_table(pa.table({"text": ["好"] * 3000}), write("a.parquet", b""))
    table = read_table("a.parquet")
    assert table.progress() == (0, 3000)
    assert sum(1 for _ in table.rows) == 3000
    assert table.progress() == (3000, 3000)


def test_how_much_of_a_file_was_read_is_known_and_of_a_pipe_is_not(write):
    table = read_table(write("a.csv", "text\n" + "好\n" * 100_000))
    assert table.progress() == (65536, 400_005)
    assert sum(1 for _ in table.rows) == 100_000
    assert table.progress() == (400_005, 400_005)
    assert piped(b"a\n1\n" * 200_000).progress is None


MEMORY = """
import resource, sys
from lingyu.data import read_pipe, read_table
table = read_pipe(sys.stdin.buffer, sys.argv[1]) if sys.argv[2] == "-" else read_table(sys.argv[2])
rows = iter(table.rows)
for _ in range(20_000): next(rows)
def peak(): return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
before, count = peak(), 20_000
for row in rows:
    assert row.fault is None
    count += 1
print(count, before, peak())
"""


@pytest.mark.parametrize(
    ("format", "source", "header", "row"),
    [
        ("csv", "-", "label,text", '1,"房间很干净，前台""热情"", {}"'),
        ("csv", "file", "label,text", '1,"房间很干净，前台""热情"", {}"'),
        ("tsv", "-", "label\ttext", '1\t房间很干净，前台"热情, {}'),
        ("jsonl", "-", '{"text": ""}', '{"text": "房间很干净，前台热情, {}"}'),
    ],
)
def test_memory_does_not_grow_with_the_table(format, source, header, row, tmp_path):
    rows = 150_000
    content = f"{header}\n" + (row.replace("{}", "很好" * 50) + "\n") * rows
    file = tmp_path / f"a.{format}"
    file.write_text(content, "utf-8")
    assert file.stat().st_size > 50_000_000
    words = [sys.executable, "-c", MEMORY, format, "-" if source == "-" else str(file)]
    # through a pipe, as from a program; a redirected file could be asked for its size
    with subprocess.Popen(["cat", file], stdout=subprocess.PIPE) as given:
        done = subprocess.run(words, stdin=given.stdout, capture_output=True, text=True, check=True, timeout=120)
        given.stdout.close()
    count, before, after = map(int, done.stdout.split())
    assert count == rows + (format == "jsonl")
    assert after < before + 3000, "KiB"
