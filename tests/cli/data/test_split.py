"""`lingyu data split` prints counts that add up, or one JSON document."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.errors import LingyuError


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"第{n}间房{'很好' * (n % 2 + 1)}住了{n * 7}晚,{n % 2},{n // 4}" for n in range(100)]
    Path("reviews.csv").write_text("\n".join(["review,stars,customer", *rows, ",1,x"]) + "\n", encoding="utf-8")
    return ["reviews.csv", "--out", "reviews", "--text", "review", "--label", "stars"]


def run(*arguments):
    return CliRunner().invoke(data, ["split", *arguments], catch_exceptions=False, standalone_mode=False)


def test_split_prints_counts_and_where_the_files_lie(reviews):
    lines = run(*reviews).output.splitlines()
    assert lines[:2] == ["kept 100 of 101 rows    empty 1", "train 80    dev 10    test 10"]
    assert lines[-1] == "written: reviews: train.csv, dev.csv, test.csv, split.json"
    assert run(*reviews).output.splitlines()[-1].startswith("already there: reviews")


def test_json_is_the_manifest_in_one_document(reviews):
    document = json.loads(run(*reviews, "--json", "--group", "customer", "--seed", "7").output)
    assert document["folder"] == "reviews"
    assert document["split"] == json.loads(Path("reviews/split.json").read_text(encoding="utf-8"))
    assert document["split"]["settings"]["group"] == "customer"


def test_steps_before_comparing_can_be_named_and_a_mistyped_one_is_told(reviews):
    assert json.loads(run(*reviews, "--clean", "", "--json").output)["split"]["settings"]["clean"] == []
    with pytest.raises(LingyuError, match="Did you mean html"):
        run(*reviews, "--clean", "htlm", "--force")


def test_a_second_text_can_be_named(reviews):
    document = json.loads(run(*reviews, "--text-pair", "customer", "--json").output)
    assert document["split"]["settings"]["text_pair"] == "customer"


def test_an_encoding_that_does_not_fit_names_the_option(reviews):
    Path("reviews.csv").write_bytes(Path("reviews.csv").read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(LingyuError, match="Add --encoding gb18030"):
        run(*reviews)
    assert run(*reviews, "--encoding", "gb18030").output.startswith("kept 100 of 101 rows")


def test_help_has_an_example():
    shown = CliRunner().invoke(data, ["split", "--help"]).output
    assert "Example:" in shown
    assert "lingyu data split data/hotel.csv --out data/hotel" in shown


def test_the_script_splits_too_and_a_refusal_is_status_2(repo, reviews, tmp_path, run_command):
    script = repo / "data_tools" / "split.py"
    done = run_command("python", script, *reviews, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train 80    dev 10    test 10" in done.stdout
    refused = run_command("python", script, *reviews, "--seed", "1", "--json", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--force" in json.loads(refused.stdout)["error"]["next"]
