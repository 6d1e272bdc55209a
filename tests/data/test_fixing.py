"""A list of fixes says what an audit found, comes back from a spreadsheet as it was, and loses no row when applied."""

import codecs
import csv
import functools
import io
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.data import (
    AuditReading,
    AuditRequest,
    apply_fixes,
    audit_parts,
    parts_of_files,
    propose_fixes,
    read_table,
)
from lingyu.data.audit.parts import AuditPart
from lingyu.data.audit.report import Finding, Source
from lingyu.data.fixing.fix_list import Fix, read_list, write_list
from lingyu.data.fixing.proposals import proposals
from lingyu.data.fixing.sources import named_sources
from lingyu.data.reading import sha256_of
from lingyu.data.row_hashes import as_hexadecimal
from lingyu.errors import LingyuError
from lingyu.text import clean, content_hash

TRAIN = "id,text,label\n1,房间很好,好\n2,房间很好,好\n3,房间很差,好\n4,早餐不错,好\n5,早餐不错,差\n6,=1+1 很好,-1\n"
TEST = "id,text,label\n7,房间很好,好\n8,前台热情,好\n"
TEXTS = {"train.csv": TRAIN, "test.csv": TEST}


@pytest.fixture
def files(write):
    for name, content in TEXTS.items():
        write(name, content)
    return tuple(TEXTS)


def quiet(*_):
    return None


def finding(row, suggestion="drop", check="duplicates", **more):
    """row: 'train.csv:3'. The text and the label are those of the file."""
    file, _, line = row.rpartition(":")
    found = next(found for found in read_table(file).rows if found.where == f"{file}:{line}")
    text, label = found.cells["text"], found.cells["label"]
    facts = {"part": Path(file).stem, "text_hash": as_hexadecimal(content_hash(clean(text, ()))), "label": label}
    return Finding(check=check, row=row, suggestion=suggestion, **(facts | more))


@functools.cache
def any_audit():
    """A real one, of rows that no test is about."""
    source = Source(path="any.csv", sha256=None, rows=2)
    part = AuditPart("train", source, ("很好", "很差"), ("好", "差"), ("any.csv:2", "any.csv:3"), 0)
    return audit_parts(AuditRequest((part,)), quiet).audit


def report_of(*findings, name="report.json", sources=("train.csv", "test.csv"), labels=None):
    """The JSON document of an audit with these findings. labels: what a recipe calls the values of the files."""
    audit = any_audit()
    parts = [
        audit.parts[0].model_copy(
            update={"name": Path(path).stem, "source": Source(path=path, sha256=sha256_of(Path(path)), rows=6)}
        )
        for path in sources
    ]
    settings = audit.settings.model_copy(update={"label": "label", "clean": (), "labels": labels or {}})
    verdicts = [verdict.model_copy(update={"rows": len(findings)}) for verdict in audit.verdicts]
    changes = {"parts": tuple(parts), "settings": settings, "verdicts": tuple(verdicts), "findings": findings}
    Path(name).write_text(audit.model_copy(update=changes).model_dump_json(), encoding="utf-8")
    return Path(name)


def proposed(*findings, out="fixes.csv", **settings):
    return propose_fixes(report_of(*findings, **settings), Path(out), quiet)


def applied(out="fixed", name="fixes.csv", **settings):
    return apply_fixes(Path(name), Path(out), quiet, **settings)


def lines(name="fixes.csv"):
    return [row.cells for row in read_table(name).rows]


def edit(changes, name="fixes.csv"):
    """changes: row -> cells to be changed, as a person would."""
    found = [cells | changes.get(cells["row"], {}) for cells in lines(name)]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(found[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(found)
    Path(name).write_text(stream.getvalue(), encoding="utf-8", newline="")


def rows(path):
    return [tuple(row.cells.values()) for row in read_table(path).rows]


# ---- proposing


def test_findings_of_one_row_are_joined_and_the_strongest_suggestion_wins(files):
    noise = finding("train.csv:3", "relabel", "noise", confidence=0.9, suggested_label="差")
    double = finding("train.csv:3", "drop", level="exact", other="train.csv:2")
    near = finding("train.csv:4", "keep", "near_duplicates", level="near", other="train.csv:2", similarity=0.9)
    doubt = finding("train.csv:4", "relabel", "noise", confidence=0.8, suggested_label="差")
    done = proposed(noise, double, near, doubt)
    assert (done.rows, done.findings, done.suggested) == (2, 4, {"drop": 1, "relabel": 1})
    first, second = lines()
    assert {
        key: first[key] for key in ("row", "action", "suggestion", "finding", "new_label", "other", "other_text")
    } == {
        "row": "train.csv:3",
        "action": "drop",
        "suggestion": "drop",
        "finding": "duplicates (exact); noise",
        "new_label": "",
        "other": "train.csv:2",
        "other_text": "房间很好",
    }
    assert (second["action"], second["new_label"], second["confidence"]) == ("relabel", "差", "0.800")
    assert second["finding"] == "noise; near_duplicates (near)"


def test_the_surest_of_a_check_come_first(files):
    doubts = [
        finding(f"train.csv:{line}", "relabel", "noise", confidence=sure, suggested_label="差")
        for line, sure in ((2, 0.6), (3, 0.9), (4, 0.7))
    ]
    assert [it.row for it in proposals(doubts)] == ["train.csv:3", "train.csv:4", "train.csv:2"]


def test_a_list_opens_in_a_spreadsheet_as_chinese_and_without_formulas(files):
    proposed(finding("train.csv:7"))
    assert Path("fixes.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    (line,) = lines()
    assert line["text"] == "'=1+1 很好"
    assert line["label"] == "'-1"
    assert line["text_hash"].startswith("h")
    (fix,) = read_list(Path("fixes.csv"))
    assert (fix.text, fix.label, fix.text_hash) == ("=1+1 很好", "-1", as_hexadecimal(content_hash("=1+1 很好")))


labels = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8).map(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=4))
def test_what_is_read_back_from_a_list_is_what_was_written(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("fixes") / "fixes.csv"
    fixes = tuple(
        Fix(f"a.csv:{at}", "keep", new, label, "keep", "noise", "0" * 16) for at, (label, new) in enumerate(cells)
    )
    write_list(path, fixes)
    found = read_list(path)
    assert [(fix.row, fix.label, fix.new_label) for fix in found] == [
        (fix.row, fix.label, fix.new_label) for fix in fixes
    ]
    for row in read_table(str(path)).rows:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.cells.values())


def test_labels_that_an_audit_knows_by_name_are_written_as_the_file_has_them(write):
    write("train.csv", "text,label\n很好,1\n很差,0\n不错,0\n")
    doubt = finding("train.csv:4", "relabel", "noise", label="负面", confidence=0.9, suggested_label="正面")
    proposed(doubt, sources=("train.csv",), labels={"0": "负面", "1": "正面"})
    assert [(line["label"], line["new_label"], line["action"]) for line in lines()] == [("0", "1", "relabel")]
    assert applied().relabelled == 1
    assert rows("fixed/train.csv")[-1] == ("不错", "1")


def test_a_name_that_stands_in_the_file_as_another_value_is_not_mistaken_for_it(write):
    write("train.csv", "text,label\n很好,好\n很差,0\n不错,0\n")
    doubt = finding("train.csv:4", "relabel", "noise", label="差", confidence=0.9, suggested_label="1")
    proposed(doubt, sources=("train.csv",), labels={"0": "差", "好": "1"})
    assert lines()[0]["new_label"] == "好"


def test_a_finding_of_train_never_touches_a_row_of_the_test(write):
    write("train.csv", TRAIN)
    of_train = finding("train.csv:3", part="train")
    of_test = finding("train.csv:3", "keep", "leakage", part="test")
    assert {it.part: it.suggestion for it in proposals([of_train, of_test])} == {"train": "drop", "test": "keep"}


@pytest.mark.parametrize("other", ["a.csv", "./a.csv"])
def test_a_report_in_which_one_file_is_two_parts_is_refused(write, other):
    write("a.csv", "text,label\n很好,好\n很差,差\n")
    audit = any_audit()
    parts = [
        audit.parts[0].model_copy(
            update={"name": name, "source": Source(path=path, sha256=sha256_of(Path(path)), rows=2)}
        )
        for name, path in (("train", "a.csv"), ("test", other))
    ]
    found = finding("a.csv:2", part="train")
    changes = {"parts": tuple(parts), "findings": (found,)}
    Path("report.json").write_text(audit.model_copy(update=changes).model_dump_json(), encoding="utf-8")
    with pytest.raises(LingyuError, match=r"a\.csv: its rows are both train and test"):
        propose_fixes(Path("report.json"), Path("fixes.csv"), quiet)
    assert not Path("fixes.csv").exists()


def test_parts_that_were_split_off_one_file_are_mended_in_that_file(write):
    write("a.csv", "text,label\n很好,好\n很差,差\n很好,好\n")
    source = Source(path="a.csv", sha256=sha256_of(Path("a.csv")), rows=3)
    train = AuditPart("train", source, ("很好", "很好"), ("好", "好"), ("a.csv:2", "a.csv:4"), 0)
    test = AuditPart("test", source, ("很差",), ("差",), ("a.csv:3",), 0)
    audit = audit_parts(AuditRequest((train, test), AuditReading(label="label")), quiet).audit
    Path("report.json").write_text(audit.model_dump_json(), encoding="utf-8")
    propose_fixes(Path("report.json"), Path("fixes.csv"), quiet)
    applied()
    assert rows("fixed/a.csv") == [("很好", "好"), ("很差", "差")]


def test_a_test_file_without_labels_is_read_without_them(write):
    write("train.csv", "text,label\n很好,好\n很差,差\n很好,好\n")
    write("test.csv", "text\n不错\n不错\n")
    reading = AuditReading(label="label", needs_label=False)
    parts = parts_of_files({"train": "train.csv", "test": "test.csv"}, reading, quiet)
    audit = audit_parts(AuditRequest(parts, reading), quiet).audit
    Path("report.json").write_text(audit.model_dump_json(), encoding="utf-8")
    propose_fixes(Path("report.json"), Path("fixes.csv"), quiet)
    assert {line["row"]: line["label"] for line in lines()}.items() >= {"train.csv:4": "好", "test.csv:3": ""}.items()
    edit({"test.csv:3": {"action": "relabel", "new_label": "好"}})
    with pytest.raises(LingyuError, match=r"fixes\.csv:\d: action: relabel, and test\.csv:3 has no label"):
        applied()
    edit({"test.csv:3": {"action": "drop", "new_label": ""}})
    applied()
    assert rows("fixed/test.csv") == [("不错",)]
    assert [row[:3] for row in rows("fixed/dropped.csv")] == [("很好", "好", "train.csv:4"), ("不错", "", "test.csv:3")]


def test_nothing_found_is_nothing_to_fix_and_a_summary_is_no_report(files):
    path = report_of()
    done = propose_fixes(path, Path("fixes.csv"), quiet)
    assert (done.files, done.rows) == ((), 0)
    assert not Path("fixes.csv").exists()
    document = json.loads(path.read_text(encoding="utf-8"))
    document["verdicts"][0]["rows"] = 5
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(LingyuError, match="only the summary"):
        propose_fixes(path, Path("fixes.csv"), quiet)


def test_a_list_that_a_person_may_have_edited_is_replaced_with_force_only(files):
    proposed(finding("train.csv:3"))
    edit({"train.csv:3": {"action": "keep"}})
    with pytest.raises(LingyuError, match=r"fixes\.csv: .*--force"):
        proposed(finding("train.csv:3"))
    assert lines()[0]["action"] == "keep"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{", "no report of this lingyu"), (b'{"format": 9}', "no report of this lingyu"), (None, "no such file")],
)
def test_what_is_no_report_is_one_line(files, content, says):
    if content is not None:
        Path("report.json").write_bytes(content)
    with pytest.raises(LingyuError, match=says) as error:
        propose_fixes(Path("report.json"), Path("fixes.csv"), quiet)
    assert "\n" not in str(error.value)


def test_a_source_that_changed_since_the_audit_is_refused(files, write):
    report = report_of(finding("train.csv:3"))
    write("train.csv", TRAIN + "9,新的,好\n")
    with pytest.raises(LingyuError, match=r"train\.csv: the file has changed since the audit"):
        propose_fixes(report, Path("fixes.csv"), quiet)


def test_mended_files_have_the_names_of_their_sources_and_never_a_path():
    paths = {"train": "a/r.tsv", "dev": "b/r.jsonl", "../x": "c/R.csv", "test": "dropped.csv.gz"}
    named = named_sources((name, Source(path=path, sha256="0" * 64, rows=1)) for name, path in paths.items())
    assert [source.file for source in named] == ["r.csv", "dev-r.csv", "__x-R.csv", "test-dropped.csv"]
    one = Source(path="a.csv", sha256="0" * 64, rows=3)
    assert len(named_sources([("train", one), ("dev", one), ("test", one)])) == 1


# ---- applying


def test_proposals_are_applied_and_what_was_dropped_stays_in_a_file(files):
    proposed(
        finding("train.csv:3", level="exact", other="train.csv:2"),
        finding("train.csv:4", "relabel", "noise", confidence=0.9, suggested_label="差"),
    )
    done = applied()
    assert rows("fixed/train.csv") == [
        ("1", "房间很好", "好"),
        ("3", "房间很差", "差"),
        ("4", "早餐不错", "好"),
        ("5", "早餐不错", "差"),
        ("6", "=1+1 很好", "-1"),
    ]
    assert Path("fixed/test.csv").read_text(encoding="utf-8") == TEST
    assert rows("fixed/dropped.csv") == [("2", "房间很好", "好", "train.csv:3", "duplicates (exact)")]
    assert Path("fixed/dropped.csv").read_bytes().startswith(codecs.BOM_UTF8), "a person opens it in a spreadsheet"
    assert done.counts.lines()[:2] == ("kept 7 of 8 rows    duplicates 1", "train.csv 5    test.csv 2")
    assert (done.relabelled, done.overruled) == (1, 0)
    manifest = json.loads(Path("fixed/fixes.json").read_text(encoding="utf-8"))
    assert manifest["relabelled"] == 1
    assert {file["file"]: file["rows"] for file in manifest["files"]} == {
        "train.csv": 5,
        "test.csv": 2,
        "dropped.csv": 1,
    }
    assert Path("train.csv").read_text(encoding="utf-8") == TRAIN, "the sources stay as they are"


def test_labels_of_which_no_row_is_left_are_named_with_their_file(files):
    dear = finding("train.csv:6", "relabel", "noise", confidence=0.9, suggested_label="好")
    proposed(dear, finding("train.csv:7"), finding("test.csv:2"))
    notes = applied().counts.notes
    assert "labels of which no row is left in train.csv: -1, 差" in notes
    assert not any("in test.csv" in note for note in notes)


def test_what_a_person_decides_counts_and_is_said(files):
    proposed(
        finding("train.csv:3"), finding("train.csv:5", check="conflicts"), finding("train.csv:6", "keep", "conflicts")
    )
    edit({"train.csv:3": {"action": " Keep "}, "train.csv:5": {"action": ""}, "train.csv:6": {"action": "DROP"}})
    done = applied()
    assert done.overruled == 3
    assert "lines of the list that say otherwise than was suggested: 3" in done.counts.notes
    assert rows("fixed/dropped.csv")[0][-2:] == ("train.csv:6", "conflicts (suggested: keep)")


def test_a_text_of_which_no_row_is_left_is_said(files):
    proposed(finding("train.csv:5", check="conflicts"), finding("train.csv:6", check="conflicts"))
    notes = applied().counts.notes
    assert "texts that stood there more than once, and of which no row is left: 1" in notes


def test_rows_with_null_are_counted_since_csv_can_not_tell_it_from_an_empty_text(files, write):
    cells = ({"id": "1", "text": "房间很好", "label": "好", "shop": shop} for shop in ("", None))
    write("more.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in cells))
    proposed(finding("train.csv:3"), sources=("train.csv", "more.jsonl"))
    assert "rows with null, which csv can't tell from an empty text: 1" in applied().counts.notes


def test_a_file_of_which_no_row_is_left_is_a_header_and_is_said(files):
    proposed(*(finding(f"test.csv:{line}", check="leakage") for line in (2, 3)))
    assert "no row of test.csv is left" in applied().counts.notes
    assert Path("fixed/test.csv").read_text(encoding="utf-8") == "id,text,label\n"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16"])
def test_a_list_is_read_in_whatever_encoding_and_quoting_it_comes_back(files, encoding):
    proposed(finding("train.csv:3"))
    edit({})
    text = Path("fixes.csv").read_text(encoding="utf-8")
    Path("fixes.csv").write_text(text, encoding=encoding, newline="\r\n")
    applied()
    assert len(rows("fixed/dropped.csv")) == 1


def test_lines_that_were_deleted_or_left_empty_change_nothing(files):
    proposed(finding("train.csv:3"), finding("train.csv:4"))
    kept = Path("fixes.csv").read_text(encoding="utf-8-sig").splitlines()
    Path("fixes.csv").write_text("\n".join([*kept[:2], "," * kept[0].count(",")]) + "\n", encoding="utf-8")
    applied()
    assert [row[-2] for row in rows("fixed/dropped.csv")] == ["train.csv:3"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"action": "dorp"}, r'fixes\.csv:2: action: "dorp" is none\. Did you mean drop\?'),
        ({"action": "?"}, "Write keep, drop or relabel"),
        ({"action": "relabel"}, "relabel without a new_label. Write one of -1, 好, 差"),
        ({"action": "relabel", "new_label": "好的"}, 'new_label: "好的" is no label of the files. Did you mean 好?'),
        ({"row": "train.csv:99"}, 'no row is called "train.csv:99"'),
        ({"row": "train.csv:4"}, r"fixes\.csv:2: train\.csv:4 is not the row that this line was written for"),
        ({"text_hash": ""}, "is not the row that this line was written for"),
    ],
)
def test_a_line_that_can_not_be_carried_out_is_one_line_and_nothing_is_written(files, change, says):
    proposed(finding("train.csv:3"))
    edit({"train.csv:3": change})
    with pytest.raises(LingyuError, match=says) as error:
        applied()
    assert "\n" not in str(error.value)
    assert not Path("fixed").exists()


def test_a_row_that_stands_in_two_lines_with_different_actions_is_refused(files):
    proposed(finding("train.csv:3"), finding("train.csv:4"))
    found = Path("fixes.csv").read_text(encoding="utf-8-sig").splitlines()
    Path("fixes.csv").write_text("\n".join([*found, found[1].replace("drop", "keep", 1)]) + "\n", encoding="utf-8")
    with pytest.raises(LingyuError, match=r"fixes\.csv:4: train\.csv:3 stands in fixes\.csv:2 with another action"):
        applied()


@pytest.mark.parametrize(
    "changed",
    [
        TRAIN + "9,新的,好\n",  # a row behind the others
        TRAIN.replace("早餐不错,差", "早餐不错,好"),  # a label
        TRAIN.replace("2,房间很好", "2,房间很大"),
        "id,label\n1,好\n",
    ],
)
def test_a_list_for_a_file_that_changed_since_is_refused(files, write, changed):
    proposed(finding("train.csv:3"))
    write("train.csv", changed)
    with pytest.raises(LingyuError, match=r"train\.csv: the file has changed since the audit"):
        applied()
    assert not Path("fixed").exists()


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_list_that_was_saved_with_another_separator_is_read(files, separator):
    proposed(finding("train.csv:3"), finding("train.csv:7", "keep"))
    edit({"train.csv:7": {"text": 'a;b,c\td "e"'}})
    with Path("fixes.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream))
    with Path("fixes.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(found)
    applied()
    assert [row[-2] for row in rows("fixed/dropped.csv")] == ["train.csv:3"]


def test_a_list_without_what_was_suggested_overrules_nothing(files):
    proposed(finding("train.csv:3"), finding("train.csv:6", "keep", "conflicts"), finding("train.csv:7", "keep"))
    edit({"train.csv:6": {"action": "drop"}, "train.csv:7": {"action": "drop", "finding": ""}})
    text = Path("fixes.csv").read_text(encoding="utf-8").replace('"suggestion"', '"was_suggested"')
    Path("fixes.csv").write_text(text, encoding="utf-8")
    done = applied()
    assert (done.overruled, done.counts.dropped) == (0, {"duplicates": 1, "conflicts": 1, "edited": 1})
    assert {row[-2]: row[-1] for row in rows("fixed/dropped.csv")} == {
        "train.csv:3": "duplicates",
        "train.csv:6": "conflicts",
        "train.csv:7": "edited",
    }


def test_a_list_without_what_stands_beside_it_or_a_column_says_so(files):
    proposed(finding("train.csv:3"))
    with pytest.raises(LingyuError, match=r"fixs\.csv: no such file\. Did you mean fixes\.csv\?"):
        apply_fixes(Path("fixs.csv"), Path("out"), quiet)
    Path("fixes.sources.json").rename("moved.json")
    with pytest.raises(LingyuError, match=r"fixes\.sources\.json: no such file.*--sources"):
        applied()
    assert applied(sources=Path("moved.json")).counts.rows_kept == 7
    text = Path("fixes.csv").read_text(encoding="utf-8-sig")
    Path("fixes.csv").write_text(text.replace("text_hash", "hash"), encoding="utf-8")
    with pytest.raises(LingyuError, match="no column `text_hash`"):
        applied("again", sources=Path("moved.json"))


def test_the_folder_of_the_sources_is_never_written_to(files):
    proposed(finding("train.csv:3"))
    Path("data").mkdir()
    for name in files:
        Path(name).rename(f"data/{name}")
    moved = Path("fixes.sources.json").read_text(encoding="utf-8").replace('"path": "', '"path": "data/')
    Path("fixes.sources.json").write_text(moved, encoding="utf-8")
    edit({"train.csv:3": {"row": "data/train.csv:3"}})
    with pytest.raises(LingyuError, match="which this is made from"):
        applied("data", force=True)
    assert Path("data/train.csv").read_text(encoding="utf-8") == TRAIN


def test_texts_that_stand_in_no_csv_name_their_row(write):
    write("train.jsonl", json.dumps({"text": "a\0", "label": "x"}) + "\n" + json.dumps({"text": "b", "label": "x"}))
    drop = Finding(
        check="duplicates", part="train", row="train.jsonl:2", label="x", suggestion="drop",
        text_hash=as_hexadecimal(content_hash("b")),
    )  # fmt: skip
    proposed(drop, sources=("train.jsonl",))
    with pytest.raises(LingyuError, match=r"train\.jsonl:1: a cell holds a NUL"):
        applied()


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r\n"), max_size=6)
tables = st.lists(st.tuples(cells, cells, st.sampled_from("ab")), min_size=1, max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, st.integers(0, 2**16))
def test_rows_in_are_rows_out_and_dropped_whatever_stands_in_them(tmp_path_factory, monkeypatch, found, seed):
    monkeypatch.chdir(tmp_path_factory.mktemp("fix"))
    with Path("train.jsonl").open("w", encoding="utf-8") as stream:
        for number, (note, text, label) in enumerate(found):
            stream.write(json.dumps({"n": str(number), "note": note, "text": text, "label": label}) + "\n")
    source = [row.cells for row in read_table("train.jsonl").rows]
    drawn = random.Random(seed)
    chosen = [
        Finding(
            check="duplicates",
            part="train",
            row=f"train.jsonl:{at}",
            text_hash=as_hexadecimal(content_hash(cells["text"].strip())),
            label=cells["label"],
            suggestion=drawn.choice(("keep", "drop")),
        )
        for at, cells in enumerate(source, 1)
        if drawn.random() < 0.6
    ]
    if not chosen:
        return
    proposed(*chosen, sources=("train.jsonl",))
    done = applied()
    out = rows("fixed/train.csv") if done.counts.rows_kept else []
    dropped = [row[:-2] for row in rows("fixed/dropped.csv")] if sum(done.counts.dropped.values()) else []
    assert Counter(tuple(cells.values()) for cells in source) == Counter(out) + Counter(dropped)
