"""Rows come out of every format as the text that stands there, each with its position, or as one clear line."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.data import read_table
from lingyu.data.reading import parse_table
from lingyu.errors import LingyuError

from .rows import read_rows


def texts(rows):
    return [row.text for row in rows]


def refusal(source, text="text", label="label", encoding="utf-8"):
    with pytest.raises(LingyuError) as caught:
        read_rows(source, text, label, encoding)
    assert "\n" not in str(caught.value)
    assert caught.value.next, "a message says what to do next"
    return str(caught.value)


def test_values_that_look_like_something_else_stay_text(write):
    rows = read_rows(write("a.csv", "text,label\nNA,007\nnull,1\n,nan\n"), "text", "label")
    assert [(row.text, row.label) for row in rows] == [("NA", "007"), ("null", "1"), ("", "nan")]


def test_a_position_is_the_line_on_which_the_row_begins(write):
    rows = read_rows(write("a.csv", 'text,label\n"一\n二",1\n三,0\n'), "text", "label")
    assert [row.where for row in rows] == ["a.csv:2", "a.csv:4"]
    assert texts(rows) == ["一\n二", "三"]


def test_commas_and_doubled_quotation_marks_inside_a_quoted_text_are_part_of_it(write):
    rows = read_rows(write("a.csv", 'text,label\n"好,""很""好",1\n'), "text", "label")
    assert texts(rows) == ['好,"很"好']


def test_bare_quotation_marks_in_a_tsv_swallow_nothing(write):
    content = 'label\ttext\n1\t"开头有引号\n0\t中间"有\n1\t结尾有"\n0\t"整句"又一句\n'
    rows = read_rows(write("a.tsv", content), "text", "label")
    assert texts(rows) == ['"开头有引号', '中间"有', '结尾有"', '"整句"又一句']


def test_bare_quotation_marks_in_a_csv_swallow_nothing(write):
    rows = read_rows(write("a.csv", 'label,text\n1,"开头有引号\n0,好\n1,结尾有"\n'), "text", "label")
    assert texts(rows) == ['"开头有引号', "好", '结尾有"']


def test_a_tsv_that_a_spreadsheet_quoted_is_read_without_its_quotation_marks(write):
    rows = read_rows(write("a.tsv", 'label\ttext\n1\t"他说""好"""\n0\t坏\n'), "text", "label")
    assert texts(rows) == ['他说"好"', "坏"]


def test_texts_of_several_lines_in_a_single_column_stay_whole(write):
    rows = read_rows(write("a.csv", 'text\n"一\n二"\n三\n'), "text")
    assert texts(rows) == ["一\n二", "三"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=("Cs", "Cc"))), st.sampled_from("01")), min_size=1),
    st.sampled_from([(".csv", ","), (".tsv", "\t")]),
)
def test_what_the_csv_writer_writes_is_read_back(pairs, kind):
    ending, delimiter = kind
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *pairs])
    table = parse_table(file.getvalue().encode(), "a" + ending)
    assert [(row.cells["text"], row.cells["label"]) for row in table.rows] == pairs


def test_a_text_of_200000_characters_is_read_whole(write):
    rows = read_rows(write("a.csv", f'text,label\n"{"长" * 200_000}",1\n'), "text", "label")
    assert len(rows[0].text) == 200_000


def test_numbers_and_truth_values_of_jsonl_are_the_text_they_are_written_as(write):
    lines = ['{"text": "a", "label": 1}', '{"text": null, "label": true}', '{"text": 1.50, "label": "neg"}']
    rows = read_rows(write("a.jsonl", "\n".join(lines)), "text", "label")
    assert [(row.text, row.label) for row in rows] == [("a", "1"), ("", "true"), ("1.50", "neg")]


def test_lone_surrogates_become_the_replacement_character_and_pairs_stay_one(write):
    rows = read_rows(write("a.jsonl", '{"text": "a\\ud800b\\ud83d\\ude00", "label": "1"}\n'), "text", "label")
    assert texts(rows) == ["a\ufffdb😀"]


def test_a_line_separator_inside_a_json_string_ends_no_line(write):
    rows = read_rows(write("a.jsonl", '{"text": "一\u2028二\\r\\n", "label": "1"}\r\n'), "text", "label")
    assert texts(rows) == ["一\u2028二\r\n"]


def test_whole_numbers_of_parquet_and_xlsx_have_no_decimal_point(write):
    openpyxl = pytest.importorskip("openpyxl")
    pq.write_table(pa.table({"text": ["好", None], "label": [1.0, 0.0]}), write("a.parquet", b""))
    book = openpyxl.Workbook()
    for row in (("text", "label", None), ("好", 1.0, None), (None, None, None), ("坏", True, None), ("差", None, None)):
        book.active.append(row)
    book.save(write("a.xlsx", b""))
    of_parquet = read_rows("a.parquet", "text", "label")
    of_xlsx = read_rows("a.xlsx", "text", "label")
    assert [(row.text, row.label) for row in of_parquet] == [("好", "1"), ("", "0")]
    assert [(row.text, row.label, row.where) for row in of_xlsx] == [
        ("好", "1", "a.xlsx:2"),
        ("坏", "true", "a.xlsx:4"),
        ("差", "", "a.xlsx:5"),
    ]


def test_texts_that_stand_in_parquet_as_bytes_are_texts(write):
    pq.write_table(pa.table({"text": ["很好".encode(), b"b", None]}), write("a.parquet", b""))
    assert [row.text for row in read_rows("a.parquet", "text")] == ["很好", "b", ""]


def test_a_parquet_file_that_is_damaged_in_the_middle_is_refused_where_that_shows(write):
    path = write("a.parquet", b"")
    pq.write_table(pa.table({"text": [f"很好{number * 7919}" for number in range(9000)]}), path, row_group_size=1000)
    content = bytearray(Path(path).read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 200):
        content[at] ^= 0xFF
    Path(path).write_bytes(content)
    with pytest.raises(LingyuError, match=r"a\.parquet: a damaged parquet file"):
        list(read_table("a.parquet").rows)


def test_damaged_parquet_and_xlsx_are_refused(write):
    assert "not a parquet file" in refusal(write("a.parquet", b"PAR1 nothing"))
    pytest.importorskip("openpyxl")
    assert "not an xlsx file" in refusal(write("a.xlsx", b"text,label\n"))


def test_a_file_rewritten_under_its_name_is_noticed(write):
    before = read_rows(write("a.csv", "text,label\n好,1\n"), "text", "label")
    again = read_rows("a.csv", "text", "label")
    after = read_rows(write("a.csv", "text,label\n坏,1\n"), "text", "label")
    assert before == again
    assert (texts(before), texts(after)) == (["好"], ["坏"])


def test_a_missing_column_names_those_there_are_and_the_nearest(write):
    message = refusal(write("a.csv", "reveiw,label\n好,1\n"), "review")
    assert message == "a.csv: no column `review` (data.text); it has reveiw, label. Did you mean `reveiw`?"


def test_a_text_in_place_of_a_header_is_not_shown_in_full(write):
    message = refusal(write("a.csv", f"{'字' * 100},1\n好,0\n"))
    assert "字" * 25 not in message


def test_a_key_that_one_line_of_jsonl_lacks_is_named_with_its_line(write):
    message = refusal(write("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n{"txt": "b"}\n'))
    assert message.startswith("a.jsonl:2: no column `label`")
    assert "1 more row can't be read either" in message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.csv", "text,label\n", "a.csv: the file has no rows"),
        ("a.jsonl", "\n\n", "a.jsonl: the file is empty"),
        ("a.csv", "text,text,label\n", "a.csv:1: two columns are called `text`"),
        ("a.csv", "text,label\n好,1\n坏\n好,1,2\n", "a.csv:3: the row has 1 column, the header 2 columns; 1 more row"),
        ("a.csv", 'text,label\n好,1\n"坏,1\n好,1,2\n', "a.csv:3: a quotation mark opens here"),
        ("a.tsv", 'text\tlabel\n"好\t1\n坏\n', "a.tsv:3: the row has 1 column"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": \n', "a.jsonl:2: the line is no JSON at character 10"),
        ("a.jsonl", "[1]\n", "a.jsonl:1: the line is a JSON array, not an object"),
        ("a.csv", b"text,label\na\0b,1\n", "a.csv:2: a NUL byte at byte 12"),
        ("a.csv", "text,label\n好,1\n".encode("utf-16"), "a.csv: not UTF-8 at byte 0 (line 1); it reads as UTF-16"),
        ("a.csv", "text,label\n".encode("utf-16-le"), "it looks like UTF-16"),
        ("a.csv", "text,label\n好,1\n".encode("gbk"), "a.csv: not UTF-8 at byte 11 (line 2); it reads as GB18030"),
        ("a.csv", "text,label\n好,1\n".encode("gbk") + "很好,1\n".encode(), "line 3 is UTF-8 and line 2 GB18030"),
        ("a.csv", b"text,label\n\xff\xff,1\n", "not UTF-8 at byte 11 (line 2), and neither"),
        ("a.csv", b"PK\x03\x04rest", "this is an xlsx or zip file, not text"),
        ("a.xls", b"", "the ending `.xls` is none of csv, tsv, jsonl, parquet, xlsx. Save it as .xlsx"),
        ("a.txt", b"", "the ending `.txt` is none of csv, tsv, jsonl, parquet, xlsx. Name it .tsv if tabs stand"),
        ("a.csv", "id\ttext\n1\t好\n", "no column `text` (data.text); the header is one cell with tabs in it. Name"),
    ],
)
def test_a_bad_file_is_one_line_with_the_position(write, name, content, says):
    assert says in refusal(write(name, content))


def test_gb18030_and_utf16_are_read_where_the_recipe_says_so(write):
    for encoding in ("gb18030", "utf-16"):
        rows = read_rows(write("a.csv", "text,label\n好㐀,1\n".encode(encoding)), "text", "label", encoding)
        assert texts(rows) == ["好㐀"]


def test_a_file_that_is_utf8_after_all_says_so(write):
    content = "text,label\n好啊😀,1\n我,0\n".encode()
    assert "it reads as UTF-8" in refusal(write("a.csv", content), encoding="ascii")


def test_an_encoding_that_does_not_exist_is_a_mistake_of_the_recipe(write):
    assert "Did you mean utf-8?" in refusal(write("a.csv", "text,label\n好,1\n"), encoding="uft-8")
    assert "no encoding is called 'rot13'" in refusal("a.csv", encoding="rot13")
    assert "no encoding is called 'undefined'" in refusal("a.csv", encoding="undefined")


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
    assert read_table(write("a.csv", "\ufefftext,label\n好,1\n")).columns == ("text", "label")


def test_a_missing_file_that_is_a_known_set_says_how_to_get_it(write):
    write("here.csv", "")
    assert "lingyu data get hotel" in refusal("data/hotel.csv")
    assert "Did you mean here.csv?" in refusal("heer.csv")
    assert "this is a folder" in refusal(".")


def test_a_table_hands_bad_rows_over_in_their_place(write):
    rows = list(read_table(write("a.csv", "id,text\n1,好\n2\n3,坏\n")).rows)
    assert [row.where for row in rows] == ["a.csv:2", "a.csv:3", "a.csv:4"]
    assert rows[0].cells == {"id": "1", "text": "好"}
    assert rows[1].fault is not None
    assert rows[2].cells["id"] == "3"


def test_a_hub_that_is_out_of_reach_is_one_line_and_soon(tmp_path):
    code = "from lingyu.data import read_table\nread_table('someone/something')"
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    assert "someone/something: no such file, and the hub (http://127.0.0.1:9) is out of reach" in last
    assert "HF_ENDPOINT" in last


def test_every_odd_json_text_is_read_cleaned_and_hashed(shared_data):
    from lingyu.text import clean, content_hash

    rows = read_rows(str(shared_data / "bad_inputs" / "bad_inputs.jsonl"), "text", "why")
    assert len(rows) == 232
    steps = ("html", "control", "width")
    for row in rows:
        content_hash(clean(row.text, steps)).to_bytes(8, "big", signed=True)
        json.dumps(row.text).encode("utf-8")
