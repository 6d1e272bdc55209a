"""Texts from the command line, a file, a pipe or a person: every one is answered or reported, in its order."""

import csv
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lingyu import Lingyu
from lingyu.cli import main
from lingyu.cli.classifier import Classifier
from lingyu.cli.predict_file import CHUNK_ROWS
from lingyu.tasks import Answer, Result

from ..e2e.conftest import Workplace
from ..serving.trained import reviews, trained
from .tables import read_csv

OURS = ["predicted_label", "probability", "version", "truncated", "error"]
KEYS = ["text", "label", "probability", "probabilities", "version", "truncated"]


@pytest.fixture
def place(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """The trained store, seen from an empty folder of the test's own: its `adapters` is a name here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapters").symlink_to(trained(tiny_base).folder / "adapters")
    return trained(tiny_base)


@pytest.fixture
def predict(place: Workplace, capsys: pytest.CaptureFixture[str]) -> "Predict":
    return Predict(capsys)


class Predict:
    """predict(*words) runs `lingyu predict --adapter hotel`, or --map; what it said stands in out and err."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object, adapter: str = "hotel") -> int:
        who = [] if "--map" in words else ["--adapter", adapter]
        status = main(["predict", *who, *map(str, words)])
        said = self.capsys.readouterr()
        self.out, self.err = said.out.splitlines(), said.err.splitlines()
        assert not any("Traceback" in line for line in self.err)
        return status

    def json(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out]


def write_csv(file: Path, *rows: list[str], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with file.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return file


def nothing_but(folder: Path, *names: str) -> bool:
    return {entry.name for entry in folder.iterdir()} == {"adapters", *names}


# Texts on the command line


def test_each_text_is_a_line(predict: Predict) -> None:
    assert predict("房间很好", "服务很差") == 0
    assert [line.split("\t")[0] for line in predict.out] == ["正面", "负面"]
    assert [line.split("\t")[2] for line in predict.out] == ["房间很好", "服务很差"]
    assert predict.err == []


def test_json_has_the_keys_of_the_design_in_their_order(predict: Predict) -> None:
    assert predict("--json", "房间很好", "好" * 31) == 0
    short, long = predict.json()
    assert list(short) == list(long) == KEYS
    assert list(short["probabilities"]) == ["负面", "正面"]
    assert short["version"] == "hotel@v1"
    assert (short["truncated"], long["truncated"]) == (False, True)


def test_a_text_that_was_cut_is_marked(predict: Predict) -> None:
    assert predict("好" * 30, "好" * 31) == 0
    assert [line.endswith("(cut)") for line in predict.out] == [False, True]


def test_below_the_threshold_stands_uncertain(predict: Predict) -> None:
    assert predict("--json", "--threshold", "1", "房间很好") == 0
    assert predict.json()[0]["label"] == "uncertain"
    assert max(predict.json()[0]["probabilities"].values()) == predict.json()[0]["probability"] < 1


def test_a_text_stays_on_its_line_and_commands_nothing(predict: Predict) -> None:
    assert predict("房间\n很好\r\x1b[31m\u2028差") == 0
    assert len(predict.out) == 1
    assert predict.out[0].endswith("\t房间 很好  [31m 差")


@pytest.mark.parametrize("text", ["\udcff很好", "很\x00好", "[SEP]很好[MASK]", "很好" * 50_000])
def test_no_text_is_too_strange(text: str, predict: Predict) -> None:
    assert predict("--json", text) == 0
    assert predict.json()[0]["label"] in ("正面", "负面")
    assert predict.json()[0]["text"] == text


def test_an_empty_text_is_one_line(predict: Predict) -> None:
    assert predict("房间很好", "") == 2
    assert predict.err == ["the text is empty. Give it at least one character"]
    assert predict.out == []


# Which adapter


@pytest.mark.parametrize("name", ["hotel@v1", "hotel@stable", "hotel@canary", "./adapters/hotel", "adapters/hotel@v1"])
def test_an_adapter_is_named_as_everywhere(name: str, place: Workplace, predict: Predict) -> None:
    os.chdir(place.folder)
    assert predict("--json", "房间很好", adapter=name) == 0
    assert predict.json()[0]["version"] == "hotel@v1"


def test_an_adapter_is_named_by_the_folder_of_its_version(place: Workplace, predict: Predict) -> None:
    assert predict("--json", "房间很好", adapter=str(place.folder / "adapters/shop/v1")) == 0
    assert predict.json()[0]["version"] == "shop@v1"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hotell", "adapters: no adapter named `hotell`. Did you mean `hotel`?"),
        ("hotel@v9", "adapters/hotel: no version v9. "),
        ("hotel@stabel", "adapters/hotel: no channel `stabel`. Did you mean `hotel@stable`?"),
        ("../hotel", "'../hotel' is no folder of an adapter. "),
    ],
)
def test_a_wrong_name_is_one_line_with_what_was_nearly_meant(name: str, says: str, predict: Predict) -> None:
    assert predict("房间很好", adapter=name) == 2
    assert len(predict.err) == 1
    assert predict.err[0].startswith(says)
    assert predict("--json", "房间很好", adapter=name) == 2
    assert predict.json()[0]["error"]["status"] == 2


# A file


def test_a_file_keeps_its_order_and_its_columns(place: Workplace, predict: Predict, tmp_path: Path) -> None:
    texts = reviews(place) * 2  # more than goes through the model at a time
    rows = [[str(number), text, 'a, "b"\nc'] for number, text in enumerate(texts)]
    write_csv(tmp_path / "in.csv", ["id", "review", "note"], *rows)
    assert predict("--file", "in.csv", "--column", "review", "--out", "out.csv") == 0
    answered = read_csv(tmp_path / "out.csv")
    assert list(answered[0]) == ["id", "review", "note", *OURS]
    assert [[row["id"], row["review"], row["note"]] for row in answered] == rows
    results = Lingyu.load("adapters").classify(texts, "hotel")
    assert [row["predicted_label"] for row in answered] == [result.label for result in results]
    assert {result.label for result in results} == {"正面", "负面"}
    assert {(row["version"], row["truncated"], row["error"]) for row in answered} == {("hotel@v1", "false", "")}
    assert predict.err == [f"out.csv: {len(rows)} of {len(rows)} rows answered"]
    assert predict.out == []
    assert nothing_but(tmp_path, "in.csv", "out.csv")


def test_a_csv_begins_as_a_spreadsheet_wants_it_and_jsonl_as_a_program_does(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    for out, begins in ("out.csv", b"\xef\xbb\xbftext,"), ("out.jsonl", b'{"text": '):
        assert predict("--file", "in.csv", "--out", out) == 0
        assert (tmp_path / out).read_bytes().startswith(begins)


def test_columns_that_are_called_like_ours_stay(predict: Predict, tmp_path: Path) -> None:
    theirs = ["label", "predicted_label", "lingyu_predicted_label", "error", "text"]
    write_csv(tmp_path / "in.csv", theirs, ["1", "甲", "乙", "none", "房间很好"])
    assert predict("--file", "in.csv", "--out", "out.csv") == 0
    row = read_csv(tmp_path / "out.csv")[0]
    assert [row[name] for name in theirs] == ["1", "甲", "乙", "none", "房间很好"]
    assert row["lingyu_lingyu_predicted_label"] == "正面"
    assert row["lingyu_error"] == ""


def test_answers_can_be_answered_again(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "0.csv", ["text"], ["房间很好"])
    for n in range(3):
        assert predict("--file", f"{n}.csv", "--out", f"{n + 1}.csv") == 0
    row = read_csv(tmp_path / "3.csv")[0]
    assert row["predicted_label"] == row["lingyu_predicted_label"] == row["lingyu_lingyu_predicted_label"] == "正面"


def test_bad_rows_keep_their_place_with_what_is_wrong(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,房间很好\n2,很好,多\n3,\n4,\u200b\n5,服务很差\n6\n", "utf-8")
    assert predict("--file", "in.csv", "--out", "out.csv") == 2
    rows = read_csv(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == ["1", "", "3", "4", "5", ""]
    assert [row["predicted_label"] for row in rows] == ["正面", "", "", "", "负面", ""]
    errors = [row["error"] for row in rows]
    assert errors[1].startswith("in.csv:3: the row has 3 columns, the header 2")
    assert errors[2] == "in.csv:4: the text is empty. Give it at least one character"
    assert errors[3].startswith("in.csv:5: the text is empty")
    assert errors[5].startswith("in.csv:7: the row has 1 column, the header 2")
    assert predict.err == [
        "out.csv: 2 of 6 rows answered",
        "in.csv: 4 of 6 rows could not be answered. See the column `error`",
    ]


def test_to_the_screen_errors_stand_beside_the_answers(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\n房间很好\n \n服务很差\n", "utf-8")
    assert predict("--file", "in.csv") == 2
    assert [line.split("\t")[0] for line in predict.out] == ["正面", "负面"]
    assert predict.err == [
        "in.csv:3: the text is empty. Give it at least one character",
        "in.csv: 1 of 3 rows could not be answered. The lines above say why",
    ]
    assert predict("--file", "in.csv", "--json") == 2
    first, second, third, total = predict.json()
    assert (first["label"], third["label"]) == ("正面", "负面")
    assert second["text"] == " "
    assert second["error"]["where"] == "in.csv:3"
    assert total["error"]["what"] == "1 of 3 rows could not be answered"


def test_tsv_and_jsonl(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.tsv", ["text", "n"], ['"房间"很好', "007"], ["服务很差", "NA"], delimiter="\t")
    (tmp_path / "in.jsonl").write_text(
        '{"text": "房间\\u2028很好", "n": 7}\n{"n": 8}\n[1]\n{"text": "很差\\ud83d", "late": ["一", "二"]}\n',
        "utf-8",
    )
    assert predict("--file", "in.tsv", "--out", "tsv.csv") == 0
    assert [(row["text"], row["n"]) for row in read_csv(tmp_path / "tsv.csv")] == [
        ('"房间"很好', "007"),
        ("服务很差", "NA"),
    ]
    assert predict("--file", "in.jsonl", "--out", "jsonl.csv") == 2
    rows = read_csv(tmp_path / "jsonl.csv")
    assert list(rows[0]) == ["text", "n", "late", *OURS]
    assert [row["predicted_label"] for row in rows] == ["正面", "", "", "负面"]
    assert rows[1]["error"] == "in.jsonl:2: the row has no `text`. Give it one, or set --column"
    assert rows[2]["error"].startswith("in.jsonl:3: the line is a JSON array")
    assert (rows[3]["late"], rows[3]["text"]) == ('["一", "二"]', "很差\ufffd")


def test_xlsx(predict: Predict, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["text", "n"], ["房间很好", 1], [None, 2], ["服务很差", 3.5]):
        book.active.append(row)
    book.save(tmp_path / "in.xlsx")
    assert predict("--file", "in.xlsx", "--out", "out.csv") == 2
    rows = read_csv(tmp_path / "out.csv")
    assert [row["predicted_label"] for row in rows] == ["正面", "", "负面"]
    assert [row["n"] for row in rows] == ["1", "2", "3.5"]


def test_why_a_text_is_empty_that_a_formula_should_give_is_told(predict: Predict, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["text", "n"], ["房间很好", 1], ['=CONCATENATE("服务","很差")', 2]):
        book.active.append(row)
    book.create_sheet("旧").append(["text"])
    book.save(tmp_path / "in.xlsx")
    assert predict("--file", "in.xlsx", "--out", "out.csv") == 2
    assert predict.err == [
        "in.xlsx: sheets not read: 旧",
        "in.xlsx: formulas without a value, read as empty cells: 1",
        "out.csv: 1 of 2 rows answered",
        "in.xlsx: 1 of 2 rows could not be answered. See the column `error`",
    ]


def test_a_gbk_file_is_read_with_its_encoding_and_told_without(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"], encoding="gbk")
    assert predict("--file", "in.csv", "--out", "out.csv") == 2
    assert len(predict.err) == 1
    assert "reads as GB18030. Add --encoding gb18030" in predict.err[0]
    assert not (tmp_path / "out.csv").exists()
    assert predict("--file", "in.csv", "--out", "out.csv", "--encoding", "gb18030") == 0
    assert read_csv(tmp_path / "out.csv")[0]["text"] == "房间很好"
    assert predict("--file", "in.csv", "--encoding", "gbkk") == 2
    assert predict.err == ["in.csv: --encoding: no encoding is called 'gbkk'. Did you mean gbk?"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--file", "im.csv"], "im.csv: no such file. Did you mean in.csv?"),
        (["--file", "in.csv", "--column", "txt"], "in.csv: no column `txt` (--column); it has text. Did you mean"),
        (["--file", "in.csv", "--out", "in.csv"], "in.csv: --out is the file itself. Name another file"),
        (["--file", "in.csv", "--out", "out.txt"], "out.txt: --out is written as csv or jsonl. Name it out.csv"),
        (["--file", "in.csv", "--out", "out.json"], "out.json: --out is written as csv or jsonl. Name it out.csv"),
        (["--file", "in.csv", "--out", "out.tsv.gz"], "out.tsv.gz: --out is written as csv or jsonl. Name it out.csv"),
        (["--file", "in.csv", "--format", "csv"], "--format is for --file -. A file says by its ending what it is"),
        (["--file", "in.csv", "--tenants", "t.yaml"], "--tenants needs --map. Name the column"),
        (["--map", "who", "--file", "in.csv"], "in.csv: no column `who` (--map); it has text. Set --map"),
        (["--map", "text"], "--map needs --file. Add --file FILE, or --file - for what comes from a pipe"),
        (["--map", "text", "--adapter", "hotel"], "--adapter and --map exclude each other. One adapter answers all"),
        (["--map", "text", "--file", "in.csv", "--store", "no"], "no: no such store. "),
        (["--map", "text", "--file", "in.csv", "--tenants", "no.yaml"], "no.yaml: no such file. "),
        (["--file", "in.csv", "--out", "."], ".: --out is a folder. Name a file in it"),
        (["--file", "in.csv", "--out", "no/out.csv"], "no/out.csv: no such file or folder. "),
        (["--file", "in.csv", "--out", "in.csv/out.csv"], "in.csv/out.csv: not a folder. "),
        (["--column", "text"], "--column needs --file. Add --file FILE, or --file - for what comes from a pipe"),
        (["--encoding", "gbk", "好"], "--encoding needs --file. "),
        (["--file", "in.csv", "好"], "TEXT and --file exclude each other. Leave one of them out"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_or_written_is_one_line(
    words: list[str], says: str, predict: Predict, tmp_path: Path
) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    assert predict(*words) == 2
    assert len(predict.err) == 1
    assert predict.err[0].startswith(says)
    assert predict.out == []
    assert nothing_but(tmp_path, "in.csv")


def test_what_is_no_file_is_not_replaced_by_one(predict: Predict, tmp_path: Path) -> None:
    """A pipe stands in for /dev/null, which a test that fails must not take away from the machine."""
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for out in ("pipe", "link"):
        assert predict("--file", "in.csv", "--out", out) == 2
        assert predict.err == [
            f"{out}: --out is a device or a pipe. Leave it out: the answers go to the screen",
        ]
    assert (tmp_path / "pipe").is_fifo()
    assert nothing_but(tmp_path, "in.csv", "pipe", "link")


def test_the_file_that_stdout_is_redirected_to_is_not_replaced(place: Workplace, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    (tmp_path / "log").write_text("from before\n")
    with (tmp_path / "log").open("a") as log:
        words = ("--adapter", "hotel", "--file", "in.csv", "--out", "/dev/stdout")
        with start(tmp_path, *words, stdout=log.fileno(), stderr=subprocess.PIPE) as process:
            assert process.stderr
            assert process.stderr.read().decode().startswith("/dev/stdout: --out is where the screen's lines go. ")
            assert process.wait(timeout=60) == 2
    assert (tmp_path / "log").read_text() == "from before\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    (tmp_path / "closed").mkdir(mode=0o500)
    assert predict("--file", "in.csv", "--out", "closed/out.csv") == 2
    assert len(predict.err) == 1
    assert predict.err[0].startswith("closed/out.csv: no permission. ")


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """As on a full disk, writing fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_bytes", [100, 10_000])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(size_bytes: int, predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], *(["房间很好"] for _ in range(300)))
    (tmp_path / "out.csv").write_text("from before")
    with no_file_larger_than(size_bytes):
        assert predict("--file", "in.csv", "--out", "out.csv") == 2
    assert len(predict.err) == 1
    assert predict.err[0].startswith("out.csv: the file would be larger than this process may write. ")
    assert (tmp_path / "out.csv").read_text() == "from before"
    assert nothing_but(tmp_path, "in.csv", "out.csv")


def test_ctrl_c_leaves_what_was_there(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(tmp_path / "in.csv", ["text"], *(["房间很好"] for _ in range(600)))
    (tmp_path / "out.csv").write_text("from before")
    answer, asked = Classifier.answer, []

    def answer_once(self: Classifier, texts: list[str], tenants: list[str], pairs: list[None]) -> object:
        asked.append(len(texts))
        if len(asked) > 1:
            raise KeyboardInterrupt
        return answer(self, texts, tenants, pairs)

    monkeypatch.setattr(Classifier, "answer", answer_once)
    assert predict("--file", "in.csv", "--out", "out.csv") == 130
    assert asked == [512, 88]
    assert (tmp_path / "out.csv").read_text() == "from before"
    assert nothing_but(tmp_path, "in.csv", "out.csv")


def test_a_link_stays_a_link(predict: Predict, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["text"], ["房间很好"])
    (tmp_path / "kept").mkdir()
    (tmp_path / "out.csv").symlink_to(tmp_path / "kept/answers.csv")
    assert predict("--file", "in.csv", "--out", "out.csv") == 0
    assert (tmp_path / "out.csv").is_symlink()
    assert read_csv(tmp_path / "kept/answers.csv")[0]["predicted_label"] == "正面"


def test_with_a_bar_on_the_terminal_answers_still_go_to_stdout(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich: stderr is a terminal
    write_csv(tmp_path / "in.csv", ["text"], *(["房间很好"] for _ in range(300)))
    assert predict("--file", "in.csv") == 0
    assert [line.split("\t")[0] for line in predict.out] == ["正面"] * 300
    assert any("300 rows" in line and "100%" in line for line in predict.err), "the bar counts the rows"
    assert not any("正面" in line for line in predict.err)


def test_every_row_of_the_inputs_that_break_things_is_answered_or_reported(
    predict: Predict, tmp_path: Path, shared_data: Path
) -> None:
    source = shared_data / "bad_inputs/bad_inputs.jsonl"
    given = [json.loads(line) for line in source.read_text("ascii").splitlines()]
    assert len(given) == 232
    assert predict("--file", source, "--out", "out.csv") == 2
    csv.field_size_limit(10**6)
    rows = read_csv(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    lone = [row["id"] for row in given if any("\ud800" <= char <= "\udfff" for char in row["text"])]
    for row, original in zip(rows, given, strict=True):
        assert bool(row["predicted_label"]) != bool(row["error"]), row["id"]
        assert row["text"] == original["text"] or row["id"] in lone
    empty = [row["why"] for row in rows if row["error"]]
    assert all("the text is empty" in row["error"] for row in rows if row["error"])
    assert {"empty string", "one zero-width space", "NUL only", "one ideographic space"} <= set(empty)
    assert len(lone) == 6
    assert not {row["why"] for row in rows if row["id"] in lone} & set(empty)


def test_every_file_that_breaks_readers_is_answered_or_one_line(predict: Predict, shared_data: Path) -> None:
    status = {}
    for file in sorted((shared_data / "bad_inputs/bad_csv").iterdir()):
        status[file.name[:2]] = predict("--file", file, "--column", "review", "--out", f"{file.stem}.csv")
        assert Path(f"{file.stem}.csv").exists() or len(predict.err) == 1
    fine = [number for number, outcome in status.items() if outcome == 0]
    assert fine == ["01", "11", "12"]  # nobody asks for labels here
    assert len(status) == 12


# A file of mixed tenants

TENANTS = """\
tenants:
  acme: hotel
  北京分公司: {adapter: hotel@canary, thresholds: {正面: 1, 负面: 1}}
  shop: {adapters: [shop@v1]}
  late: hotel@beta
"""


@pytest.fixture
def mixed(tmp_path: Path, place: Workplace) -> list[list[str]]:
    """tenants.yaml and in.csv, more rows than go through the model at a time; gives the rows back."""
    (tmp_path / "tenants.yaml").write_text(TENANTS, "utf-8")
    who = ["acme", "北京分公司", "shop", "acne", "late", ""]
    rows = [[str(n), who[n % len(who)], text] for n, text in enumerate(reviews(place) * 2)]
    write_csv(tmp_path / "in.csv", ["id", "who", "text"], *rows)
    return rows


MAP = ("--map", "who", "--tenants", "tenants.yaml")


def test_each_row_is_answered_by_its_tenants_own_adapter_in_its_order(
    predict: Predict, mixed: list[list[str]], tmp_path: Path
) -> None:
    assert len(mixed) > CHUNK_ROWS
    assert predict(*MAP, "--file", "in.csv", "--out", "out.csv") == 2
    rows = read_csv(tmp_path / "out.csv")
    assert [[row["id"], row["who"], row["text"]] for row in rows] == mixed
    for tenant, adapter in (("acme", "hotel"), ("shop", "shop")):
        mine = [row for row in rows if row["who"] == tenant]
        alone = Lingyu.load("adapters").classify([row["text"] for row in mine], adapter)
        assert [row["predicted_label"] for row in mine] == [answer.label for answer in alone]
        assert {row["version"] for row in mine} == {f"{adapter}@v1"}
        assert {row["error"] for row in mine} == {""}
    assert {row["predicted_label"] for row in rows if row["who"] == "北京分公司"} == {"uncertain"}
    wrong = {row["who"]: row["error"] for row in rows if row["error"]}
    assert set(wrong) == {"acne", "late", ""}
    assert "tenants.yaml: no tenant 'acne'. Did you mean `acme`?" in wrong["acne"]
    assert "no channel `beta`" in wrong["late"]
    assert predict.err == [
        f"out.csv: {len(mixed) // 2} of {len(mixed)} rows answered",
        f"in.csv: {len(mixed) // 2} of {len(mixed)} rows could not be answered. See the column `error`",
    ]


def test_without_a_list_of_tenants_a_tenant_is_an_adapter(predict: Predict, tmp_path: Path) -> None:
    lines = [["hotel", "房间很好"], ["shop@v1", "物流快满意"], ["../hotel", "房间很好"], ["hotel", " "]]
    write_csv(tmp_path / "in.csv", ["who", "text"], *lines)
    assert predict("--map", "who", "--file", "in.csv", "--json") == 2
    first, second, third, fourth, total = predict.json()
    assert (first["version"], second["version"]) == ("hotel@v1", "shop@v1")
    assert third["error"] | {"next": ""} == {
        "what": "'../hotel' can't name an adapter", "where": "in.csv:4", "next": "", "status": 2,
    }  # fmt: skip
    assert fourth["error"]["what"] == "the text is empty"
    assert total["error"]["what"] == "2 of 4 rows could not be answered"


def test_faults_of_the_list_of_tenants_are_told_before_anything_is_answered(
    predict: Predict, mixed: list[list[str]], tmp_path: Path
) -> None:
    (tmp_path / "tenants.yaml").write_text(TENANTS.replace("acme: hotel", "acme: ../hotel") + "x: 1\n", "utf-8")
    assert predict(*MAP, "--file", "in.csv", "--out", "out.csv") == 2
    assert [line.split(": ")[0] for line in predict.err] == ["tenants.yaml:2", "tenants.yaml:6"]
    assert not (tmp_path / "out.csv").exists()


def test_a_pipe_of_jsonl_becomes_jsonl_with_each_rows_own_keys(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [
        '{"text": "房间很好", "who": "hotel", "n": 7}',
        '{"text": "好"}',
        "[1]",
        '{"who": "shop", "text": "书", "m": ["一"], "o": null}',
    ]
    lines_of("\n".join(given).encode(), monkeypatch)
    assert predict("--map", "who", "--file", "-", "--format", "jsonl", "--out", "out.jsonl") == 2
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [list(row) for row in rows] == [
        ["text", "who", "n", *OURS], ["text", *OURS], OURS, ["who", "text", "m", "o", *OURS],
    ]  # fmt: skip
    assert [row["predicted_label"] is None for row in rows] == [False, True, True, False]
    assert rows[0]["truncated"] is False
    assert 0.5 <= rows[0]["probability"] <= 1
    assert rows[1]["error"] == "stdin:2: the row has no `who`. Give it one, or set --map"
    assert rows[2]["error"].startswith("stdin:3: the line is a JSON array")
    assert (rows[3]["version"], rows[3]["m"], rows[3]["o"], rows[3]["error"]) == ("shop@v1", ["一"], None, None)


def test_a_pipe_of_csv_is_answered_like_the_file(
    predict: Predict, mixed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict(*MAP, "--file", "in.csv", "--out", "file.csv") == 2
    lines_of((tmp_path / "in.csv").read_bytes(), monkeypatch)
    assert predict(*MAP, "--file", "-", "--out", "pipe.csv") == 2
    assert (tmp_path / "pipe.csv").read_text("utf-8") == (tmp_path / "file.csv").read_text("utf-8").replace(
        "in.csv:", "stdin:"
    )
    assert nothing_but(tmp_path, "in.csv", "tenants.yaml", "file.csv", "pipe.csv")


def test_a_key_that_comes_after_the_header_was_written_is_reported(predict: Predict, tmp_path: Path) -> None:
    rows = ['{"text": "房间很好"}'] * CHUNK_ROWS + ['{"text": "很差", "late": 1}', '{"text": "很差", "version": 1}']
    (tmp_path / "in.jsonl").write_text("\n".join(rows), "utf-8")
    assert predict("--file", "in.jsonl", "--out", "out.csv") == 2
    *_, late, version = read_csv(tmp_path / "out.csv")
    assert late["error"] == (
        f"in.jsonl:{CHUNK_ROWS + 1}: the row has a `late`, which none of the first {CHUNK_ROWS} rows has. "
        "Name --out .jsonl, where each row keeps its own columns"
    )
    assert version["error"]
    assert predict.err[0] == f"out.csv: {CHUNK_ROWS} of {CHUNK_ROWS + 2} rows answered"
    assert predict("--file", "in.jsonl", "--out", "out.jsonl") == 2
    *_, late, version = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert (late["late"], late["predicted_label"]) == ("1", "负面")
    assert version["error"].endswith("Give it another name: ours is called so")
    assert version["version"] == "1"


def test_a_pipe_that_turns_out_to_be_no_utf8_leaves_no_answers(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "text\n" + "房间很好，前台很差\n" * 10_000
    lines_of(long.encode() + "很好\n".encode("gbk"), monkeypatch)
    monkeypatch.setattr(Classifier, "answer", lambda self, texts, tenants, pairs: [RESULT] * len(texts))
    assert predict("--file", "-", "--out", "out.csv") == 2
    assert len(predict.err) == 1
    assert predict.err[0].startswith("stdin: not UTF-8 at byte 280005 (line 10002): the file mixes encodings")
    assert nothing_but(tmp_path)


RESULT = Result("很好", Answer("正面", 0.9, {"负面": 0.1, "正面": 0.9}), "hotel@v1", False)


def start(folder: Path, *words: object, **streams: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "lingyu", "predict", *map(str, words)], cwd=folder, **streams)


def test_ctrl_c_in_the_middle_of_a_pipe_leaves_no_half_file(place: Workplace, tmp_path: Path) -> None:
    words = ("--map", "who", "--file", "-", "--out", "out.csv")
    with start(tmp_path, *words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"who,text\n" + "hotel,房间很好\n".encode() * 20_000)
        process.stdin.flush()
        for _ in range(600):
            if list(tmp_path.glob(".releasing-*")):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert b"Traceback" not in process.stderr.read()
    assert nothing_but(tmp_path)


def test_a_reader_that_has_seen_enough_ends_it_quietly(place: Workplace, tmp_path: Path) -> None:
    write_csv(tmp_path / "in.csv", ["who", "text"], *(["hotel", "房间很好"] for _ in range(3 * CHUNK_ROWS)))
    words = ("--map", "who", "--file", "in.csv")
    with start(tmp_path, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().decode().startswith("正面\t")
        process.stdout.close()
        said = process.stderr.read()
        assert b"Error" not in said
        assert b"Exception" not in said
        assert process.wait(timeout=60) == 0


def resident_kib(process: "subprocess.Popen[bytes]") -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.mark.slow
def test_memory_at_row_100000_of_a_pipe_is_that_at_row_10000(place: Workplace, tmp_path: Path) -> None:
    """Sampled as each of these rows is answered; 32 tenants of two adapters, texts of every length."""
    tenants = {f"t{n}": "hotel" if n % 2 else "shop" for n in range(32)}
    (tmp_path / "tenants.yaml").write_text(f"tenants: {json.dumps(tenants)}", "utf-8")
    texts = reviews(place)
    words = (*MAP, "--file", "-", "--json")
    sampled: dict[int, int] = {}
    with start(tmp_path, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        stdin = process.stdin

        def write() -> None:
            with stdin:
                stdin.write(b"who,text\n")
                for n in range(100_000):
                    stdin.write(f't{n % 32},"{texts[n % len(texts)] * (n % 7 + 1)}"\n'.encode())

        writer = threading.Thread(target=write)
        writer.start()
        for number, line in enumerate(process.stdout, 1):
            assert b'"label"' in line
            if number in (10_000, 100_000):
                sampled[number] = resident_kib(process)
        writer.join()
        assert process.wait(timeout=60) == 0
    assert number == 100_000
    assert sampled[100_000] <= 1.1 * sampled[10_000], sampled


# A pipe, and a person


def lines_of(content: bytes, monkeypatch: pytest.MonkeyPatch, *, is_person: bool = False) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(stdin, "isatty", lambda: is_person, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)


@pytest.mark.parametrize("words", [(), ("--file", "-", "--out", "out.csv")])
def test_a_closed_stdin_is_told_in_a_line(
    words: tuple[str, ...], predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python starts under `<&-`
    assert predict(*words) == 2
    assert predict.err == ["stdin: is closed. Send rows to it, or name a file"]
    assert nothing_but(tmp_path)


def test_lines_of_a_pipe_are_answered_and_bad_ones_reported_by_number(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "\ufeff房间很好\r\n\n".encode() + "服务很差\n".encode("gbk") + "前台很差\x00".encode()
    lines_of(content, monkeypatch)
    assert predict() == 2
    assert [line.split("\t")[::2] for line in predict.out] == [["正面", "房间很好"], ["负面", "前台很差 "]]
    assert predict.err == [
        "line 2: the text is empty. Give it at least one character",
        "line 3: not UTF-8. Convert it first: iconv -f gb18030 -t utf-8",
        "2 of 4 lines could not be answered",
    ]


def test_lines_of_a_pipe_as_json(predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    lines_of("房间很好\n".encode() + b"\xff\n" + "很好".encode() * 50_000, monkeypatch)
    assert predict("--json") == 2
    first, second, third, total = predict.json()
    assert list(first) == list(third) == KEYS
    assert (second["error"]["where"], second["text"]) == ("line 2", "\ufffd")
    assert third["truncated"] is True
    assert total["error"]["what"] == "1 of 3 lines could not be answered"


def test_an_empty_pipe_is_no_failure(predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    lines_of(b"", monkeypatch)
    assert predict() == 0
    assert predict.out == []


def test_a_person_is_asked_and_may_press_enter(predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    lines_of("\n房间很好\n".encode(), monkeypatch, is_person=True)
    assert predict() == 0
    assert predict.err[0] == "Type a text and press Enter; Ctrl-D ends."
    assert predict.out[0].startswith("正面\t")


def test_a_line_is_answered_before_the_next_one_is_written(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """stdin and stdout are pipes with a thread at their other ends, which stops asking after a minute of silence."""
    (stdin, asking), (answers, stdout) = os.pipe(), os.pipe()
    answered: list[tuple[str, str]] = []

    def ask() -> None:
        with open(asking, "wb") as questions, open(answers, "rb") as lines:
            for text in ("房间很好", "服务很差", "早餐很好"):
                questions.write(f"{text}\n".encode())
                questions.flush()
                if not select.select([lines], [], [], 60)[0]:
                    return
                answer = json.loads(lines.readline())
                answered.append((answer["text"], answer["label"]))
            questions.close()
            assert lines.read() == b"", "nothing is said but the answers"
            answered.append(("", "end"))

    asker = threading.Thread(target=ask)
    with open(stdin, encoding="utf-8") as questions, open(stdout, "w", encoding="utf-8") as lines:
        monkeypatch.setattr(sys, "stdin", questions)
        monkeypatch.setattr(sys, "stdout", lines)
        asker.start()
        assert main(["predict", "--adapter", "hotel", "--json"]) == 0
    asker.join()
    assert answered == [("房间很好", "正面"), ("服务很差", "负面"), ("早餐很好", "正面"), ("", "end")]
