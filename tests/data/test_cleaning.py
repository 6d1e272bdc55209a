"""Cleaning a table: rows in are rows out and left out, each step is counted, and a second time changes nothing."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.data import CleaningRequest, clean_table, read_table
from lingyu.data.cleaning import CORPUS_STEPS, settle
from lingyu.errors import LingyuError
from lingyu.text import STEPS, clean

ALL = tuple(STEPS)
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
TRICKY = st.lists(
    st.sampled_from(["<", "b", ">", "&lt;", "&#8203;", "\u200b", "＜", "１", "www.", "a.cc/x", "哈哈", "\0"])
)
CELLS = st.text(alphabet='好a1"\t ＜>&;\u2028\ufeff', max_size=8)


def cleaned(source: Path, out: Path, steps: tuple[str, ...] = ("html", "control", "width"), **more):
    return clean_table(CleaningRequest(str(source), out, steps, **more), lambda *_: None)


def rows_of(path: Path) -> list[dict[str, str]]:
    return [row.cells for row in read_table(str(path)).rows]


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


@given(text=ANY_TEXT | TRICKY.map("".join), steps=st.permutations(ALL))
def test_what_has_settled_stays(text: str, steps: list[str]) -> None:
    settled = settle(text, steps)
    assert clean(settled, steps) == settled
    assert settle(settled, steps) == settled


def test_settling_goes_on_where_one_step_makes_work_for_another() -> None:
    assert clean("很<\u200bbr>好", ["html", "control"]) == "很<br>好"
    assert settle("很<\u200bbr>好", ["html", "control"]) == "很 好"


def test_a_text_that_is_wrapped_to_waste_time_is_given_up_after_eight_rounds() -> None:
    wrapped, rounds = "\u200b", list[str]()
    for _ in range(20):
        wrapped = f"&{wrapped}#8203;"
    settle(f"很{wrapped}好", ["html", "control"], lambda step, *_: rounds.append(step))
    assert rounds.count("control") == 8


def test_a_sample_of_a_long_text_is_cut_to_where_it_was_changed(tmp_path: Path) -> None:
    """From 12 characters before it, 60 in all; of a shorter text nothing is cut off."""
    long, fits = f"{'前' * 30}<b>{'后' * 100}", f"好<b>{'后' * 56}"
    source = write_csv(tmp_path / "in.csv", [["text"], [long], [fits], [f"{fits}后"]])
    done = cleaned(source, tmp_path / "out.csv", ("html",), samples=3)
    assert [(sample.before, sample.after) for sample in done.samples] == [
        (f"…{'前' * 12}<b>{'后' * 45}…", f"…{'前' * 12} {'后' * 47}…"),
        (fits, f"好 {'后' * 56}"),
        (f"{fits}…", f"好 {'后' * 57}"),
    ]


def test_each_step_is_counted_with_samples_and_all_columns_stay(tmp_path: Path) -> None:
    rows = [["id", "text", "label"], ["1", "很好<br/>真的", "1"], ["2", "ＯＫ，<b>好</b>", "0"], ["3", "没变", "1"]]
    done = cleaned(write_csv(tmp_path / "in.csv", rows), tmp_path / "out.csv", samples=1)
    assert rows_of(tmp_path / "out.csv") == [
        {"id": "1", "text": "很好 真的", "label": "1"},
        {"id": "2", "text": "OK， 好", "label": "0"},
        {"id": "3", "text": "没变", "label": "1"},
    ]
    assert done.changed == {"html": 2, "control": 1, "width": 1}  # control: the blank where </b> was
    assert done.rows_changed == 2
    assert [(sample.step, sample.before, sample.after) for sample in done.samples] == [
        ("html", "很好<br/>真的", "很好 真的"),
        ("control", "ＯＫ， 好 ", "ＯＫ， 好"),
        ("width", "ＯＫ， 好", "OK， 好"),
    ]
    assert done.samples[0].where.endswith("in.csv:2")
    assert done.left_out is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_row_without_a_text_left_and_one_that_cannot_be_read_stand_in_a_file_of_their_own(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,label\n好,1\n<br>,0\n,1\n一,二,三\n差,0\n", "utf-8")
    done = cleaned(source, tmp_path / "out.csv")
    assert done.counts.lines() == ("kept 2 of 5 rows    empty 1    empty after cleaning 1    can't be read 1",)
    lines = (tmp_path / "out.left-out.jsonl").read_text("utf-8").splitlines()
    assert "一" in lines[2], "for a person to read"
    left_out = [json.loads(line) for line in lines]
    assert [(row["where"].rpartition(":")[2], row["row"]) for row in left_out] == [
        ("3", {"text": "<br>", "label": "0"}),
        ("4", {"text": "", "label": "1"}),
        ("5", ["一", "二", "三"]),
    ]
    assert left_out[2]["reason"] == "the row has 3 columns, the header 2 columns"
    assert done.left_out == tmp_path / "out.left-out.jsonl"


def test_a_list_is_no_text_to_be_cleaned_as_its_json(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "<i>好"}\n{"text": ["<i>", "好"]}\n', "utf-8")
    assert cleaned(source, tmp_path / "out.jsonl").counts.dropped["can't be read"] == 1
    assert rows_of(tmp_path / "out.jsonl") == [{"text": "好"}]
    (left_out,) = map(json.loads, (tmp_path / "out.left-out.jsonl").read_text("utf-8").splitlines())
    assert left_out["reason"] == "column `text` (--text) holds a list, where a text belongs"


def test_of_two_texts_one_may_be_empty(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [["a", "b"], ["<i>", "好"], ["<i>", " "]])
    done = cleaned(source, tmp_path / "out.csv", texts=("a", "b"))
    assert rows_of(tmp_path / "out.csv") == [{"a": "", "b": "好"}]
    assert done.counts.dropped["empty after cleaning"] == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), ending=st.sampled_from(["csv", "jsonl"]))
def test_rows_in_are_rows_out_and_left_out_and_a_second_time_changes_nothing(tmp_path: Path, rows, ending) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": text, "other": other}) + "\n" for text, other in rows), "utf-8")
    out, again = tmp_path / f"out.{ending}", tmp_path / f"again.{ending}"
    expected = [{"text": settle(text, CORPUS_STEPS), "other": other} for text, other in rows]
    request = CleaningRequest(str(source), out, CORPUS_STEPS, force=True)
    if not any(row["text"] for row in expected):
        with pytest.raises(LingyuError, match="none has a text left"):
            clean_table(request, lambda *_: None)
        return
    done = clean_table(request, lambda *_: None)
    assert rows_of(out) == [row for row in expected if row["text"]]
    assert done.counts.rows_read == len(rows)
    assert done.rows_changed == sum(
        row["text"] != text for row, (text, _) in zip(expected, rows, strict=True) if row["text"]
    )
    twice = cleaned(out, again, CORPUS_STEPS, force=True)
    assert twice.rows_changed == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_inputs_that_break_things_come_through_and_come_through_the_same_again(ending, tmp_path, shared_data) -> None:
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    done = cleaned(shared_data / "bad_inputs" / "bad_inputs.jsonl", first, ALL)
    assert (done.counts.rows_read, done.counts.rows_kept) == (232, 210)
    assert done.counts.dropped == {"empty": 11, "empty after cleaning": 11, "can't be read": 0}
    assert min(done.changed.values()) >= 1
    again = cleaned(first, second, ALL)
    assert second.read_bytes() == first.read_bytes()
    assert set(again.changed.values()) == {0}
    assert again.left_out is None


def test_a_csv_that_would_read_otherwise_is_not_written(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"note": "a", "text": "一\n二,三"}) + "\n", "utf-8")  # each line is a row of two cells
    with pytest.raises(LingyuError, match=r"in\.jsonl:1: a text of several lines looks like rows.*out\.jsonl"):
        cleaned(source, tmp_path / "out.csv", ("html",))
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]
    cleaned(source, tmp_path / "out.jsonl", ("html",))
    assert rows_of(tmp_path / "out.jsonl") == rows_of(source)


def test_a_column_that_comes_late_stops_a_csv_and_is_kept_in_jsonl(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "好"}\n{"text": "差", "id": 7}\n{"id": 8}\n', "utf-8")
    with pytest.raises(LingyuError, match=r"the row has a `id`, which the first row has not.*jsonl"):
        cleaned(source, tmp_path / "out.csv")
    done = cleaned(source, tmp_path / "out.jsonl")
    assert rows_of(tmp_path / "out.jsonl") == [{"text": "好"}, {"text": "差", "id": "7"}]
    assert done.counts.dropped["can't be read"] == 1
    assert "no column `text`" in (tmp_path / "out.left-out.jsonl").read_text("utf-8")


def test_what_stands_there_is_replaced_with_force_only_and_then_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [["text"], ["好"], ["<br>"]])
    cleaned(source, tmp_path / "out.csv")
    with pytest.raises(LingyuError, match=r"stands there already\. Replace it with --force"):
        cleaned(source, tmp_path / "out.csv")
    write_csv(source, [["text"], ["好"]])
    cleaned(source, tmp_path / "out.csv", force=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.csv", "out.csv"]
    write_csv(source, [["text"], ["好"], ["<i>"]])
    done = cleaned(source, tmp_path / "out.csv", force=True)
    assert done.left_out is not None
    assert json.loads(done.left_out.read_text("utf-8"))["row"] == {"text": "<i>"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"steps": ("html", "contrl")}, "'contrl': no such text step. Did you mean control?"),
        ({"texts": ("txt",)}, r"no column `txt` \(--text\); it has text. Did you mean `text`"),
        ({"out": Path("out.xlsx")}, "the output is csv or jsonl. Name it out.csv"),
        ({"out": Path("out.jsonl.gz")}, "the output is csv or jsonl. Name it out.jsonl$"),
        (
            {"steps": ("html",), "texts": ("text",), "out": Path("in.csv"), "force": True},
            "the place of the file itself",
        ),
        ({"out": Path("folder.csv"), "force": True}, "stands there and is no file"),
        ({"source": "nowhere.csv", "out": Path("in.csv"), "force": True}, "no such file"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(more, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(Path("in.csv"), [["text"], ["好"]])
    Path("folder.csv").mkdir()
    request = {"source": "in.csv", "out": Path("out.csv"), "steps": ("html",), **more}
    with pytest.raises(LingyuError, match=message):
        clean_table(CleaningRequest(**request), lambda *_: None)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder.csv", "in.csv"]
    assert rows_of(Path("in.csv")) == [{"text": "好"}]


def test_a_table_without_any_text_left_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [["text"], ["<br>"], [" "]])
    with pytest.raises(LingyuError, match="of 2 rows none has a text left"):
        cleaned(source, tmp_path / "out.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["in.csv"]


def test_progress_reaches_the_size_of_the_file(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "in.csv", [["text"], *[[f"很好{at}" * 60] for at in range(1200)]])
    told: list[tuple[str, int, int]] = []
    clean_table(CleaningRequest(str(source), tmp_path / "out.csv", ("html",)), lambda *news: told.append(news))
    assert told[-1] == (str(source), source.stat().st_size, source.stat().st_size)
    assert len(told) == 4, "at the first row, at every 512th and at the end"
    assert 0 < told[-2][1] < told[-1][1]


def test_a_line_that_is_no_json_is_left_out_with_all_that_stands_there(tmp_path: Path) -> None:
    broken = ['{"text": "好", "id": 7', "[1, 2]"]
    source = tmp_path / "a.jsonl"
    source.write_text("\n".join(['{"text": "好"}', *broken]) + "\n", encoding="utf-8")
    done = cleaned(source, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in done.left_out.read_text("utf-8").splitlines()]
    assert [line["row"] for line in lines] == [[line] for line in broken]


def test_a_workbook_whose_progress_nobody_knows_is_cleaned_too(tmp_path: Path) -> None:
    workbook = pytest.importorskip("openpyxl").Workbook()
    for row in (["text"], ["<i>好"]):
        workbook.active.append(row)
    workbook.save(tmp_path / "in.xlsx")
    assert cleaned(tmp_path / "in.xlsx", tmp_path / "out.csv").changed == {"html": 1, "control": 1, "width": 0}
    assert rows_of(tmp_path / "out.csv") == [{"text": "好"}]
