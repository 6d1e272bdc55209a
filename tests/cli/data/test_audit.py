"""`lingyu data audit`: the verdict first, a report in JSON, a page, and a status for CI."""

import json

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.data import Audit
from lingyu.errors import LingyuError

GOOD = ("房间很干净", "服务热情", "早餐丰富", "位置方便", "非常满意")
BAD = ("又脏又旧", "非常失望", "早餐单调", "位置偏僻", "服务冷淡")
CLEAN = [*((text, "1") for text in GOOD), *((text, "0") for text in BAD)]
LEAKY = [("房间很干净！", "1"), ("又脏又旧", "1")]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, rows in (("train", CLEAN), ("test", LEAKY), ("other", [("新的", "1"), ("别的", "0")])):
        written(tmp_path / f"{name}.csv", rows)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(data, ["audit", *arguments], catch_exceptions=False, standalone_mode=False)


def written(path, rows, header="text,label"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", "utf-8")


def test_the_verdict_comes_first(files):
    shown = run("--train", "train.csv", "--test", "test.csv").output
    assert shown.startswith("STOP: ")
    assert "2 of 2 rows of test stand in train (1 exactly, 1 of them with another label)" in " ".join(shown.split())
    assert run("--train", "train.csv").output.startswith("OK: ")


def test_json_alone_is_one_document_on_stdout(files):
    audit = Audit.model_validate_json(run("--train", "train.csv", "--test", "test.csv", "--json").stdout)
    assert audit.crossings[0].rows.same == 2
    assert audit.settings.label == "label"


def test_what_is_to_be_done_next_names_the_files_that_were_written(files):
    shown = run("--train", "train.csv", "--test", "test.csv", "--json", "a.json", "--html", "a.html").output
    assert shown.splitlines()[-3:] == [
        "Next: look at the worst samples on the page a.html. To mend the rows:",
        "lingyu data fix propose a.json --out fixes.csv",
        "written: a.json, a.html",
    ]


def test_json_and_html_go_to_files_and_are_not_replaced_unasked(files):
    asked = ("--train", "train.csv", "--json", "report.json", "--html", "report.html")
    assert run(*asked).output.splitlines()[-1] == "written: report.json, report.html"
    assert Audit.model_validate_json((files / "report.json").read_bytes()).grade == "ok"
    assert (files / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(LingyuError, match=r"report\.json: --json: this is there already"):
        run(*asked)
    run(*asked, "--force")
    run("--train", "train.csv", "--json", "./report.json", "--html", "./report.html", "--force")
    assert sorted(path.name for path in files.iterdir()) == [
        "other.csv",
        "report.html",
        "report.json",
        "test.csv",
        "train.csv",
    ]


def test_fail_on_ends_with_status_1_after_the_report_is_written(files):
    asked = ("--train", "train.csv", "--test", "test.csv", "--fail-on", "leakage,conflicts")
    with pytest.raises(LingyuError, match="rows found: leakage 2") as caught:
        run(*asked, "--json", "report.json")
    assert caught.value.status == 1
    assert (files / "report.json").is_file()
    run("--train", "train.csv", "--test", "other.csv", "--fail-on", "leakage,conflicts")


def test_fail_on_a_check_that_could_not_run_says_what_it_lacks(files):
    written(files / "unlabelled.csv", [("新的",), ("别的",)], header="text")
    for arguments, lacks in (
        (("train.csv", "--fail-on", "leakage"), "leakage could not be checked: there is one part only"),
        (("unlabelled.csv", "--fail-on", "conflicts,labels"), "conflicts could not be checked: no labels were given"),
        (("train.csv", "--fail-on", "noise"), "noise could not be checked: not judged: a model of words is right on"),
        (("train.csv", "--fail-on", "overlap,duplicates"), "overlap could not be checked: compared with no other"),
    ):
        with pytest.raises(LingyuError) as caught:
            run("--train", *arguments)
        assert lacks in str(caught.value)
        assert caught.value.status == 2


@pytest.mark.parametrize("report", [("--json", "-"), ()])
def test_a_closed_pipe_keeps_the_status_of_the_gate(files, run_command, report):
    written(files / "twice.csv", [("好" * 90_000, "1")] * 2)
    command = " ".join(("lingyu data audit --train twice.csv --fail-on duplicates", *report))
    done = run_command("bash", "-c", f"{command} | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}", cwd=files)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("--fail-on: rows found: duplicates 1")
    assert "BrokenPipe" not in done.stderr


def test_fail_on_with_json_on_stdout_is_still_one_document(files, run_command):
    asked = ("--train", "train.csv", "--test", "test.csv", "--fail-on", "leakage", "--json")
    done = run_command("lingyu", "data", "audit", *asked, cwd=files)
    assert done.returncode == 1, done.stderr
    assert Audit.model_validate(json.loads(done.stdout), strict=False).grade == "stop"
    assert done.stderr.startswith("--fail-on: rows found: leakage 2")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--train", "train.csv", "--fail-on", "leekage"), "leekage: no such check. Did you mean leakage?"),
        (("--train", "train.csv", "--clean", "htlm"), "htlm: no such step. Did you mean html?"),
        (
            ("--train", "train.csv", "--text", "txt"),
            "no column `txt` (--text); it has text, label. Did you mean `text`?",
        ),
        (("--test", "test.csv"), "--train is missing"),
        ((), "no rows are named"),
        (("--train", "train.csv", "--max-length", "8"), "Add --base embedded"),
        (("--json", "train.csv"), "--json is written as .json"),
        (("--train", "train.csv", "--label", "text"), "--label: `text` is the column of the text"),
        (("--train", "train.csv", "--test", "./train.csv"), "./train.csv: test is the same file as train"),
        (("--train", "train.csv", "--html", "no/such.html"), "no: --html: no such folder"),
        (("--train", "train.csv", "--against", "none.csv"), "none.csv: no such file"),
        (("data/工单.csv", "--text", "内容"), "data/工单.csv: this is a table, where a recipe stands"),
        (("train.xlsx",), "A table goes after --train: --train train.xlsx"),
        (("recipe.yaml", "--text", "review"), "--text is what the recipe says. Override it: data.text=review"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_next(files, arguments, says):
    with pytest.raises(LingyuError) as caught:
        run(*arguments)
    assert says in str(caught.value)
    assert caught.value.status == 2


def test_a_column_of_texts_is_no_column_of_labels(files):
    for rows in ([("好", "长" * 101)], [("好", str(number)) for number in range(1_001)]):
        written(files / "texts.csv", rows, header="text,note")
        with pytest.raises(LingyuError, match=r"`note` \(--label\): these look like texts, not labels") as caught:
            run("--train", "texts.csv", "--label", "note")
        assert "长" not in str(caught.value)


def test_texts_in_a_column_called_label_are_no_labels(files):
    written(files / "texts.csv", [("很长的一条评论",)], header="label")
    assert "很长的一条评论" not in run("--train", "texts.csv", "--text", "label", "--json").stdout


def test_a_file_in_another_encoding_is_read_by_option(files):
    (files / "gbk.csv").write_bytes((files / "train.csv").read_text("utf-8").encode("gb18030"))
    with pytest.raises(LingyuError, match="Add --encoding gb18030"):
        run("--train", "gbk.csv")
    assert run("--train", "gbk.csv", "--encoding", "gb18030").output.startswith("OK: ")


def test_a_recipe_stands_in_for_the_files(files, tiny_base):
    (files / "base").symlink_to(tiny_base)
    (files / "recipe.yaml").write_text(
        "name: hotel\nbase: ./base\ntask: single_label\n"
        "data: {train: train.csv, dev: other.csv, test: test.csv, labels: {0: 负面, 1: 正面}}\n"
        "train: {max_length: 32}\n",
        "utf-8",
    )
    audit = Audit.model_validate_json(run("recipe.yaml", "--json").stdout)
    assert [part.name for part in audit.parts] == ["train", "dev", "test"]
    assert audit.parts[0].labels == {"正面": 5, "负面": 5}
    assert (audit.settings.base, audit.settings.max_length) == ("./base", 32)
    assert audit.settings.labels == {"0": "负面", "1": "正面"}
    written(files / "new.csv", [("又一条", "1")])
    overridden = Audit.model_validate_json(run("recipe.yaml", "data.test=new.csv", "--json").stdout)
    assert next(it for it in overridden.crossings if it.part == "test" and it.other == "train").rows.same == 0


def test_help_has_examples(files):
    assert "lingyu data audit recipes/hotel.yaml" in run("--help").output


def test_the_script_is_the_same_command(files, repo, run_command):
    done = run_command("python", repo / "data_tools" / "audit.py", "--train", files / "train.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK: ")
