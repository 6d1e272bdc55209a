"""An xlsx file is read to its end whatever it says of itself, and what of it is not read is said."""

import datetime
import re
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lingyu.data import ImportRequest, import_rows, read_table, workbooks
from lingyu.errors import LingyuError

from .rows import read_rows

SHEET = "xl/worksheets/sheet1.xml"


def book(*sheets, name="a.xlsx"):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets, 1):
        sheet = made.create_sheet(f"表{number}")
        for row in rows:
            sheet.append(row)
    made.save(name)
    return name


def edited(change, name="a.xlsx", sheet=SHEET):
    """The workbook with the XML of a sheet, its first one, changed."""
    with zipfile.ZipFile(name) as parts:
        held = {part: parts.read(part) for part in parts.namelist()}
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as parts:
        for part, data in held.items():
            parts.writestr(part, change(data) if part == sheet else data)
    return name


def imported(source, out="out.jsonl"):
    return import_rows(ImportRequest(source, Path(out)), lambda *_: None)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_xml_has_no_character_for_is_read_as_the_character():
    book([["text", "label"], ["第一行_x000D_\n第二行", 1], ["写作 _x005F_x000D_ 的字", 0], ["_x12_ 不是", 1]])
    texts = [row.text for row in read_rows("a.xlsx", "text", "label")]
    assert texts == ["第一行\r\n第二行", "写作 _x000D_ 的字", "_x12_ 不是"]


ROWS = [["text", "label"], *([f"好{number}", number % 2] for number in range(300))]


@pytest.mark.parametrize("said", [b"A1", b"A1:B10", b"A1:A301"])
def test_a_sheet_that_says_it_is_smaller_than_it_is_loses_no_row(said):
    book(ROWS)
    edited(lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + said + b'"', xml))
    rows = read_rows("a.xlsx", "text", "label")
    assert [(row.text, row.label) for row in rows] == [(text, str(label)) for text, label in ROWS[1:]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda xml: xml[: len(xml) // 2],
        lambda xml: xml.replace(b't="n"><v>0', b't="n"><v>zz'),
    ],
)
def test_damage_beyond_the_header_is_told_in_a_line(damage):
    book(ROWS)
    edited(damage)
    with pytest.raises(LingyuError, match=r"^a\.xlsx: not an xlsx file, or a damaged one\. "):
        list(read_table("a.xlsx").rows)


def test_bytes_that_do_not_unpack_are_damage_too():
    book(ROWS)
    with zipfile.ZipFile("a.xlsx") as parts:
        part = parts.getinfo(SHEET)
    data = bytearray(Path("a.xlsx").read_bytes())
    middle = part.header_offset + part.compress_size * 3 // 4
    data[middle : middle + 20] = b"\xff" * 20
    Path("a.xlsx").write_bytes(data)
    with pytest.raises(LingyuError, match="damaged"):
        list(read_table("a.xlsx").rows)


@pytest.mark.parametrize("times", [pa.array([10**18], pa.timestamp("us")), pa.array([10**7], pa.date32())])
def test_a_date_that_python_has_none_of_is_told_in_a_line(times):
    pq.write_table(pa.table({"text": ["好"], "when": times}), "a.parquet")
    with pytest.raises(LingyuError, match="such as a date beyond the year 9999") as caught:
        list(read_table("a.parquet").rows)
    assert caught.value.status == 2


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(monkeypatch):
    book(ROWS)
    monkeypatch.setattr(workbooks, "_MOST_BYTES", 5000)
    with pytest.raises(LingyuError, match=r"the workbook unpacks to .* bytes, and at most 5,000 are read"):
        read_table("a.xlsx")


def test_a_cell_without_an_end_is_a_fault_of_its_row(monkeypatch):
    monkeypatch.setattr("lingyu.data.tables.LONGEST_CHARACTERS", 100)
    book([["text", "label"], ["好", 1], ["好" * 101, 0], ["坏", 0]])
    pq.write_table(pa.table({"text": ["好", "好" * 101, "坏"], "label": [1, 0, 0]}), "a.parquet")
    for source, where in (("a.xlsx", "a.xlsx:3"), ("a.parquet", "a.parquet:2")):
        rows = list(read_table(source).rows)
        assert [row.cells.get("text") for row in rows] == ["好", None, "坏"]
        assert str(rows[1].fault).startswith(f"{where}: a cell of more than 100 characters")
        assert rows[1].misfits == ("好" * 101, "0")


def test_empty_rows_above_the_header_are_skipped_and_places_stay_right():
    book([[], [None, ""], ["text", "label"], ["好", 1], [], ["坏", datetime.date(2020, 1, 2)]])
    assert [(row.text, row.where) for row in read_rows("a.xlsx", "text", "label")] == [
        ("好", "a.xlsx:4"),
        ("坏", "a.xlsx:6"),
    ]


def test_a_title_in_merged_cells_above_the_header_is_asked_after():
    book([["2025年工单汇总"], ["编号", "text", "label"], *([number, "好", "1"] for number in range(8)), ["合计"]])
    made = openpyxl.load_workbook("a.xlsx")
    made.active.merge_cells("A1:C1")
    made.save("a.xlsx")
    assert imported("a.xlsx").counts.notes == (
        "the first line has 1 column, 9 others 3: is it a title? Delete it",
        "merged cells, of which only the first keeps its value: 1",
    )


def test_an_import_says_which_sheets_it_has_not_read():
    book(ROWS, [["text"], ["二"]], [], [["x"]])
    assert imported("a.xlsx").counts.notes == ("sheets not read: 表2, 表4",)


def test_an_empty_first_sheet_names_the_others():
    book([], ROWS)
    with pytest.raises(LingyuError, match="the first sheet is empty, and it alone is read; there is 表2"):
        read_table("a.xlsx")


def test_an_import_counts_formulas_that_nobody_has_computed():
    book([["text", "label"], ["好", "=1+1"], ["坏", '=CONCATENATE("a","b")'], ["差", None]])
    assert imported("a.xlsx").counts.notes == ("formulas without a value, read as empty cells: 2",)
    edited(lambda xml: xml.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>").replace(b"<v />", b"<v>2</v>"))
    assert imported("a.xlsx", "again.jsonl").counts.notes == ()


def test_a_cell_that_shows_an_error_is_an_empty_one_and_is_counted():
    """As a lookup leaves it that has found nothing; a text that reads the same is a text."""
    book([["text", "label"], ["好", "#N/A"], ["差", "没有"], ["#N/A", "=1/0"]])
    error = b'<c r="B4" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    edited(lambda xml: re.sub(rb'<c r="B4".*?</c>', error, xml))
    edited(lambda xml: re.sub(rb'<c r="A4".*?</c>', b'<c r="A4" t="inlineStr"><is><t>#N/A</t></is></c>', xml))
    rows = [(row.cells["text"], row.cells["label"]) for row in read_table("a.xlsx").rows]
    assert rows == [("好", ""), ("差", "没有"), ("#N/A", "")]
    assert imported("a.xlsx").counts.notes == ("cells with an error such as #N/A, read as empty ones: 2",)


def test_a_row_and_a_sheet_that_show_errors_alone_are_there():
    book([["text"], ["好"], ["#N/A"], ["差"]], [["#N/A"]])
    assert [row.cells["text"] for row in read_table("a.xlsx").rows] == ["好", "", "差"]
    assert imported("a.xlsx").counts.notes[0] == "sheets not read: 表2"


ENDLESS = {
    "rows": (b'<row r="3000000000"><c r="A3000000000"><v>1</v></c></row>', "1,048,576 rows"),
    "cells": (b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (at, at) for at in range(9, 60_009)), "cells"),
}


@pytest.mark.parametrize(("rows", "says"), ENDLESS.values(), ids=ENDLESS)
def test_a_sheet_that_is_small_and_goes_on_for_ever_is_refused(rows, says, monkeypatch):
    book([["text", "label"], ["好", 1], ["差", 0]])
    edited(lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    monkeypatch.setattr(workbooks, "_MOST_CELLS", 1 << 20)
    with pytest.raises(
        LingyuError, match=rf"^a\.xlsx: the sheet 表1 has more than .*{says}.*\. Export the sheet as csv$"
    ):
        imported("a.xlsx")


def test_a_further_sheet_that_goes_on_for_ever_is_refused_too():
    book([["text", "label"], ["好", 1]], [[]])
    edited(
        lambda xml: xml.replace(b"</sheetData>", ENDLESS["rows"][0] + b"</sheetData>"),
        sheet=SHEET.replace("1", "2"),
    )
    with pytest.raises(LingyuError, match="表2 has more than 1,048,576 rows"):
        imported("a.xlsx")


def test_a_cell_far_down_and_far_right_is_read():
    book([["text", "label"], ["好", 1], ["差", 0]])
    edited(
        lambda xml: xml.replace(
            b"</sheetData>",
            b'<row r="1048576"><c r="A1048576"><v>7</v></c><c r="B1048576"><v>1</v></c></row></sheetData>',
        )
    )
    assert [row.text for row in read_rows("a.xlsx", "text", "label")] == ["好", "差", "7"]


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 97])
def test_an_import_counts_merged_cells_of_the_sheet_that_is_read(monkeypatch, chunk_bytes):
    """A label merged over the rows that it is of is in the first of them alone."""
    monkeypatch.setattr(workbooks, "_CHUNK_BYTES", chunk_bytes)
    name = book(ROWS, ROWS)
    made = openpyxl.load_workbook(name)
    for start in range(2, 302, 3):
        made.worksheets[0].merge_cells(f"B{start}:B{start + 2}")
    made.worksheets[1].merge_cells("A1:B1")
    made.save(name)
    assert imported(name).counts.notes == (
        "sheets not read: 表2",
        "merged cells, of which only the first keeps its value: 100",
    )
