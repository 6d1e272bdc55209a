"""lingyu predict with adapters of every task, and of two texts: on the command line, from a file, from a pipe."""

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lingyu.cli import main
from lingyu.cli.predict_file import CHUNK_ROWS

from ..serving.every_task import ADAPTERS, store_of_every_task
from ..serving.test_answering import assert_same
from .tables import read_csv

MISSING = (
    "restaurant@v1 reads two texts, and here is one. "
    "Give the second one too: --pair TEXT, --pair-column COLUMN, or text_pairs=[...] in Python"
)
SURPLUS = (
    "hotel@v1 reads one text, and here are two. "
    "Leave out --pair or --pair-column, or text_pairs in Python; or leave this row's cell of it empty"
)


@pytest.fixture
def predict(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """predict(*words) -> status, lines of stdout, lines of stderr; in an empty folder with the store in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapters").symlink_to(store_of_every_task(tiny_base))
    capsys.readouterr()  # what transformers says while the store is made

    def run(*words: str) -> tuple[int, list[str], list[str]]:
        status = main(["predict", *words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out.splitlines(), said.err.splitlines()

    return run


def typed(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_task_has_its_line_and_its_json(name: str, predict) -> None:
    pair = ["--pair", "服务"] if ADAPTERS[name].text_pair else []
    status, (line,), err = predict("--adapter", name, "房间很好", *pair)
    assert (status, err) == (0, [])
    assert line.split("\t")[-1 - bool(pair) :] == ["房间很好", *pair[1:]]
    status, (answered,), _ = predict("--adapter", name, "--json", "房间很好", *pair)
    answer = json.loads(answered)
    assert status == 0
    assert answer["version"] == f"{name}@v1"
    assert answer.get("text_pair") == (pair[1] if pair else None)
    assert line.startswith({"price": f"{answer.get('value', 0):.3f}", "replies": f"{answer.get('score', 0):+.3f}"}.get(
        name, str(answer.get("label", "")))
    )  # fmt: skip


def test_entities_are_named_beside_the_text(predict) -> None:
    _, (line,), _ = predict("--adapter", "slots", "房间很好，前台很差")
    _, (answered,), _ = predict("--adapter", "slots", "--json", "房间很好，前台很差")
    entities = json.loads(answered)["entities"]
    assert entities
    assert line.endswith("\t房间很好，前台很差")
    assert line.split("\t")[0] == ", ".join(
        f"{each['label']} {each['text']} {each['start']}:{each['end']} {each['probability']:.3f}" for each in entities
    )
    assert list(entities[0]) == ["start", "end", "label", "text", "probability"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--adapter", "restaurant", "房间很好"), MISSING),
        (("--adapter", "hotel", "房间很好", "--pair", "服务"), SURPLUS),
        (("--adapter", "restaurant"), MISSING),
        (("--adapter", "hotel", "--pair", "服务"), SURPLUS),
        (("--adapter", "restaurant", "--file", "in.csv"), MISSING),
        (("--adapter", "hotel", "--file", "in.csv", "--pair-column", "aspect"), SURPLUS),
        (
            ("--adapter", "stars", "--threshold", "0.5", "好"),
            "stars@v1 is for the task ordinal, whose answers have no ",
        ),
        (("--adapter", "restaurant", "--file", "in.csv", "--pair", "x"), "--pair and --file exclude each other"),
        (("--adapter", "restaurant", "--pair-column", "x", "好"), "--pair-column needs --file"),
        (
            ("--adapter", "restaurant", "好", "差", "中", "--pair", "x", "--pair", "y"),
            "3 TEXTs but 2 --pair. Give one a",
        ),
        (("--adapter", "restaurant", "--pair", "x", "--pair", "y"), "--pair is given 2 times, without a TEXT. Give"),
        (("--adapter", "restaurant", "--file", "in.csv", "--pair-column", "aspekt"), "in.csv: no column `aspekt`"),
    ],
)
def test_one_text_too_few_or_too_many_is_one_line(words: tuple[str, ...], says: str, predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,aspect\n好,服务\n", "utf-8")
    status, out, err = predict(*words)
    assert (status, out) == (2, [])
    assert len(err) == 1
    assert err[0].startswith(says)


@pytest.mark.parametrize(
    ("texts", "pairs", "rows"),
    [
        (["房间", "前台"], ["服务"], ["房间\t服务", "前台\t服务"]),
        (["房间", "前台"], ["服务", "早餐"], ["房间\t服务", "前台\t早餐"]),
        (["房间"], ["服务", "早餐"], ["房间\t服务", "房间\t早餐"]),
    ],
)
def test_second_texts_are_as_many_as_texts_or_one_of_the_two_stands_for_all(
    texts: list[str], pairs: list[str], rows: list[str], predict
) -> None:
    said = [word for pair in pairs for word in ("--pair", pair)]
    status, out, err = predict("--adapter", "restaurant", *texts, *said)
    assert (status, err) == (0, [])
    assert [line.split("\t", 2)[2] for line in out] == rows


def test_lines_of_a_pipe_are_read_beside_the_second_text(predict, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("房间很好\n前台很差\n", monkeypatch)
    status, out, _ = predict("--adapter", "restaurant", "--pair", "服务")
    assert status == 0
    assert [line.split("\t")[2:] for line in out] == [["房间很好", "服务"], ["前台很差", "服务"]]


COLUMNS = {
    "hotel": ["predicted_label", "probability"],
    "aspects": ["predicted_labels"],
    "slots": ["entities"],
    "stars": ["predicted_label", "probability", "expected"],
    "price": ["value"],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_file_gains_the_columns_of_the_task_even_where_no_row_is_answered(name: str, predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,n\n房间很好,1\n", "utf-8")
    (tmp_path / "empty.csv").write_text('text,n\n" ",1\n', "utf-8")
    assert predict("--adapter", name, "--file", "in.csv", "--out", "out.csv")[0] == 0
    assert predict("--adapter", name, "--file", "empty.csv", "--out", "none.csv")[0] == 2
    (answered,), (failed,) = read_csv(tmp_path / "out.csv"), read_csv(tmp_path / "none.csv")
    assert list(answered) == list(failed) == ["text", "n", *COLUMNS[name], "version", "truncated", "error"]
    assert answered["version"] == f"{name}@v1"
    assert failed["error"].startswith("empty.csv:2: the text is empty")


def test_a_column_of_second_texts_is_read_beside_the_first(predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,aspect\n房间很好,服务\n房间很好,住前台\n房间很好, \n", "utf-8")
    words = ("--adapter", "restaurant", "--file", "in.csv", "--pair-column", "aspect")
    assert predict(*words, "--out", "out.csv")[0] == 2
    one, two, missing = read_csv(tmp_path / "out.csv")
    assert one["probability"] != two["probability"]
    assert missing["error"] == f"in.csv:4: {MISSING}"
    _, out, err = predict(*words)
    assert [line.split("\t")[2:] for line in out] == [["房间很好", "服务"], ["房间很好", "住前台"]]
    assert err[0] == f"in.csv:4: {MISSING}"


MIXED = """who,text,aspect
hotel,房间很好,
restaurant,房间很好,服务
slots,房间很好,
price,好,
hotel,好,服务
"""


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_of_many_tasks_gains_the_columns_of_all(ending: str, predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(MIXED, "utf-8")
    status, _, err = predict("--map", "who", "--file", "in.csv", "--pair-column", "aspect", "--out", f"out.{ending}")
    assert status == 2
    assert err[0] == f"out.{ending}: 4 of 5 rows answered"
    if ending == "csv":
        rows = read_csv(tmp_path / "out.csv")
        answers = ["predicted_label", "probability", "entities", "value"]
        assert list(rows[0]) == ["who", "text", "aspect", *answers, "version", "truncated", "error"]
        filled = [[name for name in answers if row[name]] for row in rows]
        assert filled == [answers[:2], answers[:2], ["entities"], ["value"], []]
    else:
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        answers = ["predicted_label", "probability", "entities", "value"]
        assert {tuple(row) for row in rows} == {("who", "text", "aspect", *answers, "version", "truncated", "error")}
        assert (rows[2]["predicted_label"], rows[2]["value"]) == (None, None)
        assert isinstance(rows[2]["entities"], list)
        assert isinstance(rows[3]["value"], float)
    assert rows[4]["error"] == f"in.csv:6: {SURPLUS}"


def test_a_task_that_comes_after_the_header_was_written_is_reported(predict, tmp_path: Path) -> None:
    lines = ["who,text", *["hotel,房间很好"] * CHUNK_ROWS, "price,房间很好"]
    (tmp_path / "in.csv").write_text("\n".join(lines), "utf-8")
    assert predict("--map", "who", "--file", "in.csv", "--out", "out.csv")[0] == 2
    *_, late = read_csv(tmp_path / "out.csv")
    assert late["error"] == (
        f"in.csv:{CHUNK_ROWS + 2}: the answer has a `value`, which those to the first {CHUNK_ROWS} rows have not. "
        "Name --out .jsonl, where each row keeps its own columns"
    )
    assert predict("--map", "who", "--file", "in.csv", "--out", "out.jsonl")[0] == 0


def test_a_late_answer_takes_no_column_of_the_file(predict, tmp_path: Path) -> None:
    rows = [{"who": "hotel", "text": "房间很好"}] * CHUNK_ROWS + [
        {"who": "price", "text": "房间很好", "value": "theirs"}
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    assert predict("--map", "who", "--file", "in.jsonl", "--out", "out.jsonl")[0] == 2
    late = json.loads((tmp_path / "out.jsonl").read_text("utf-8").splitlines()[-1])
    assert late["value"] == "theirs"
    assert late["error"].startswith(f"in.jsonl:{CHUNK_ROWS + 1}: the row has a `value`, as the answer to it has")


LISTS = [
    {"who": "slots", "text": ["房", "间", "很", "好"], "reply": "", "n": [1, {"a": None}]},
    {"who": "replies", "text": ["有货吗", " ", "有的亲"], "reply": ["好的", "谢谢"], "n": 1},
    {"who": "aspects", "text": "味道很好", "reply": "", "n": 1},
    {"who": "hotel", "text": ["房间"], "reply": "", "n": 1},
    {"who": "restaurant", "text": "房间", "reply": ["服务"], "n": 1},
    {"who": "slots", "text": [["房", "间"]], "reply": "", "n": 1},
    {"who": "nobody", "text": ["房"], "reply": "", "n": 1},
]
JOINED = [["--adapter", "slots", "房间很好"], ["--adapter", "replies", "有货吗|有的亲", "--pair", "好的|谢谢"]]
FAULTS = [
    "in.jsonl:4: `text` is a list, and single_label reads a text. Write it as one string",
    "in.jsonl:5: `reply` is a list, and single_label reads a text. Write it as one string",
    "in.jsonl:6: `text` is a list with another list in it, where texts belong. Write it as a list of texts",
    "in.jsonl:7: adapters: no adapter named `nobody`. There are: " + ", ".join(sorted(ADAPTERS)),
]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_lists_are_read_as_their_tasks_read_them_or_are_faults(ending: str, predict, tmp_path: Path) -> None:
    rows = LISTS if ending == "jsonl" else LISTS[:2]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    if ending == "parquet":
        replies = [[], rows[1]["reply"]]
        columns = {"who": [row["who"] for row in rows], "text": [row["text"] for row in rows], "reply": replies}
        pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    words = ("--map", "who", "--file", f"in.{ending}", "--pair-column", "reply", "--out", "out.jsonl")
    assert predict(*words)[0] == (2 if ending == "jsonl" else 0)
    answered = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    entities, score = (json.loads(predict("--json", *words)[1][0]) for words in JOINED)
    assert_same(answered[0]["entities"], entities["entities"])
    assert answered[1]["score"] == pytest.approx(score["score"], abs=1e-5)
    assert (entities["text"], score["text"]) == ("房间很好", "有货吗|有的亲")
    assert answered[0]["text"] == ["房", "间", "很", "好"], "lists stay lists"
    if ending == "jsonl":
        assert isinstance(answered[2]["predicted_labels"], list)
        assert [row["error"] for row in answered[3:]] == FAULTS


def test_a_list_in_a_csv_file_is_json_both_ways(predict, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('who,text\nslots,"[""房"", ""间""]"\naspects,[1]\nhotel,[1]\n', "utf-8")
    assert predict("--map", "who", "--file", "in.csv", "--out", "out.csv")[0] == 0
    slots, aspects, _ = read_csv(tmp_path / "out.csv")
    assert [entity["text"] for entity in json.loads(slots["entities"])]
    assert all(entity["text"] in "房间" for entity in json.loads(slots["entities"]))
    assert isinstance(json.loads(aspects["predicted_labels"]), list)
