"""Texts from the command line, a file, a pipe or a person: every one is answered or reported, in its order."""

import csv
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lingyu import Lingyu
from lingyu.cli import main
from lingyu.cli.classifier import Classifier

from ..e2e.conftest import Workplace
from ..serving.trained import reviews, trained

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
    """predict(*words) runs `lingyu predict --adapter hotel`; what it said stands in out and err."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object, adapter: str = "hotel") -> int:
        status = main(["predict", "--adapter", adapter, *map(str, words)])
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


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


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
    for time in range(3):
        assert predict("--file", f"{time}.csv", "--out", f"{time + 1}.csv") == 0
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
        (["--file", "in.csv", "--out", "out.jsonl"], "out.jsonl: --out is written as csv. Name it out.csv"),
        (["--file", "in.csv", "--out", "."], ".: --out is a folder. Name a file in it"),
        (["--file", "in.csv", "--out", "no/out.csv"], "no/out.csv: no such file or folder. "),
        (["--file", "in.csv", "--out", "in.csv/out.csv"], "in.csv/out.csv: not a folder. "),
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
    write_csv(tmp_path / "in.csv", ["text"], *(["房间很好"] for _ in range(300)))
    (tmp_path / "out.csv").write_text("from before")
    answer, asked = Classifier.answer, []

    def answer_once(self: Classifier, texts: list[str]) -> object:
        asked.append(len(texts))
        if len(asked) > 1:
            raise KeyboardInterrupt
        return answer(self, texts)

    monkeypatch.setattr(Classifier, "answer", answer_once)
    assert predict("--file", "in.csv", "--out", "out.csv") == 130
    assert asked == [256, 44]
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
    assert any("300/300" in line for line in predict.err), "the bar counts the rows"
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


# A pipe, and a person


def lines_of(content: bytes, monkeypatch: pytest.MonkeyPatch, *, is_person: bool = False) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(stdin, "isatty", lambda: is_person, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)


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


def test_a_line_is_answered_before_the_next_one_is_written(place: Workplace, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lingyu", "predict", "--adapter", "hotel", "--json"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin
        assert process.stdout
        for text, label in (("房间很好", "正面"), ("服务很差", "负面"), ("早餐很好", "正面")):
            process.stdin.write(f"{text}\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert (answer["text"], answer["label"]) == (text, label)
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.wait(timeout=60) == 0
