"""`lingyu data overlap` says who has trained on whose test, plainly, or as one JSON document."""

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.errors import LingyuError
from lingyu.store import Store


def run(*arguments: object):
    return CliRunner().invoke(data, ["overlap", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hotel.csv").write_text("review\n房间很大\n服务不错\n早餐一般\n", "utf-8")
    (tmp_path / "shop.csv").write_text("text\n房间很大\n服务，不错！\n物流很快\n书很旧\n", "utf-8")
    (tmp_path / "films.csv").write_text("text\n不好看\n", "utf-8")
    return tmp_path


TEXTS = ("--text", "text", "--text", "review")


def test_the_worst_pair_comes_first_and_what_was_compared_last(tables) -> None:
    assert run("hotel.csv", "shop.csv", "films.csv", *TEXTS).output.splitlines() == [
        "hotel.csv: 2 of 3 rows (66.7%) stand in shop.csv, 1 of them word for word; "
        "2 distinct texts in both (1 word for word)",
        "compared: 3 collections, 8 rows",
    ]


def test_nothing_overlaps_is_said_plainly(tables) -> None:
    (line,) = run("films.csv", "shop.csv").output.splitlines()
    assert line.startswith("nothing overlaps: ")
    assert line.endswith("(2 collections, 5 rows)")


def test_json_has_every_pair_and_no_text(tables) -> None:
    shown = run("hotel.csv", "shop.csv", *TEXTS, "--json").output
    document = json.loads(shown)
    assert [collection["rows"] for collection in document["collections"]] == [3, 4]
    assert document["notes"] == []
    assert [(pair["part"]["name"], pair["same"], pair["exact"]) for pair in document["pairs"]] == [
        ("hotel.csv", {"rows": 2, "texts": 2}, {"rows": 1, "texts": 1}),
        ("shop.csv", {"rows": 2, "texts": 2}, {"rows": 1, "texts": 1}),
    ]
    assert "房间" not in shown


def test_the_usual_store_is_taken_where_there_is_one(repo, monkeypatch) -> None:
    monkeypatch.chdir(repo)
    document = json.loads(run("--json").output)
    shipped = {Store("adapters").open(name).reference for name in ("hotel", "ecommerce")}
    assert shipped <= {collection["name"] for collection in document["collections"]}


def test_nothing_to_compare_is_an_error(tables) -> None:
    with pytest.raises(LingyuError, match="nothing to compare"):
        run()


def test_a_wrong_encoding_is_told_by_the_option_that_mends_it(tables) -> None:
    (tables / "gbk.csv").write_bytes("text\n房间很大，服务不错\n".encode("gbk"))
    with pytest.raises(LingyuError, match="Add --encoding gb18030"):
        run("gbk.csv")
    assert "there is nothing to compare with gbk.csv" in run("gbk.csv", "--encoding", "gb18030").output


def test_help_has_an_example() -> None:
    assert "lingyu data overlap recipes/" in CliRunner().invoke(data, ["overlap", "--help"]).output


def test_the_script_does_the_same(repo, tables, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["overlap.py", "hotel.csv", "shop.csv", *TEXTS])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(repo / "data_tools/overlap.py"), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("hotel.csv: 2 of 3 rows")
