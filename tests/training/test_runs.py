"""A run's folder: made, found again, and refused where it is no longer what it was."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.folders import HIDDEN
from lingyu.recipe import Recipe, load_recipe
from lingyu.training import Inputs, Run, find_or_start, find_run, require_same_inputs, start_run
from lingyu.training.runs import mark_complete

INPUTS = Inputs(
    base_weights="a" * 64, base_tokenizer="b" * 64, train="c", dev="d", num_processes=1, precision="float32"
)


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.model_validate(
        {"name": "hotel", "task": "single_label", "data": {"train": "hotel.csv", "labels": {"0": "负面", "1": "正面"}}}
    )


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def started(recipe: Recipe, runs: Path, name: str) -> Run:
    """A run that was started at another time: its name says when."""
    run = start_run(recipe, INPUTS, runs)
    return replace(run, folder=run.folder.rename(run.folder.with_name(name)))


def checkpoint(run: Run, step: int, *, best: int | None = None) -> Path:
    folder = run.checkpoints / f"checkpoint-{step}"
    folder.mkdir()
    (folder / "trainer_state.json").write_text(json.dumps({"best_global_step": best}))
    (folder / "adapter_model.safetensors").write_bytes(bytes([step]) * 100)
    mark_complete(folder)
    return folder


# Starting and finding


def test_a_run_has_a_folder_named_by_its_time_with_its_resolved_recipe(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    assert run.folder.parent == runs / "hotel"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", run.folder.name)
    assert load_recipe(run.folder / "recipe.yaml") == recipe
    assert json.loads((run.folder / "run.json").read_text())["inputs"]["train"] == "c"
    assert run.checkpoints.is_dir()
    assert not run.is_finished
    assert run.last_checkpoint is None


def test_runs_of_one_second_do_not_meet(recipe: Recipe, runs: Path) -> None:
    assert len({start_run(recipe, INPUTS, runs).folder for _ in range(8)}) == 8


def test_the_newest_unfinished_run_is_found(recipe: Recipe, runs: Path) -> None:
    started(recipe, runs, "20260101-000000-aaaa")
    newest = started(recipe, runs, "20260102-000000-aaaa")
    started(recipe, runs, "20260103-000000-aaaa").finished("v1")
    assert find_run(recipe, None, runs) == newest
    newest.finished("v2")
    assert find_run(recipe, None, runs).folder.name == "20260101-000000-aaaa"


def test_a_run_is_named_by_its_folder_or_its_name(recipe: Recipe, runs: Path) -> None:
    older = started(recipe, runs, "20260101-000000-aaaa")
    started(recipe, runs, "20260102-000000-aaaa")
    assert find_run(recipe, "20260101-000000-aaaa", runs) == older
    assert find_run(recipe, str(older.folder), runs) == older


@pytest.mark.parametrize(
    ("which", "says"),
    [
        (None, "runs/hotel: there is no unfinished run to resume. Leave out --resume to start afresh"),
        ("20260101-000000-aaab", "Did you mean"),
        ("yesterday", "yesterday: there is no such run. Runs lie in"),
    ],
)
def test_a_run_that_is_not_there_is_one_line(which: str | None, says: str, recipe: Recipe, runs: Path) -> None:
    started(recipe, runs, "20260101-000000-aaaa").finished("v1")
    with pytest.raises(LingyuError) as caught:
        find_run(recipe, which, runs)
    assert says in str(caught.value)


def test_a_finished_run_is_not_found_again(recipe: Recipe, runs: Path) -> None:
    run = started(recipe, runs, "20260101-000000-aaaa").finished("v3")
    assert run.is_finished
    with pytest.raises(LingyuError, match="has finished as v3"):
        find_run(recipe, run.folder.name, runs)


def test_a_recipe_that_has_changed_is_refused_naming_the_keys(recipe: Recipe, runs: Path) -> None:
    start_run(recipe, INPUTS, runs)
    train = recipe.train.model_copy(update={"learning_rate": 0.5})
    changed = recipe.model_copy(update={"train": train, "report_to": ("wandb",)})
    with pytest.raises(LingyuError, match=r"the recipe has changed: .*learning_rate") as caught:
        find_run(changed, None, runs)
    assert "report_to" not in caught.value.what
    assert "lora" not in caught.value.what


def test_what_changes_no_weight_may_change_and_counts_from_then_on(
    recipe: Recipe, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs.parent)
    run = start_run(recipe, INPUTS)
    card = recipe.card.model_copy(update={"license": "MIT"})
    changed = recipe.model_copy(update={"card": card, "report_to": ("wandb",)})
    assert find_or_start(changed, INPUTS, True, None) == run
    assert load_recipe(run.folder / "recipe.yaml") == changed
    with run.held(), pytest.raises(LingyuError, match="another process works on this run"):
        find_or_start(recipe, INPUTS, True, None)
    assert load_recipe(run.folder / "recipe.yaml") == changed


def test_other_inputs_are_refused_with_both_sides(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    require_same_inputs(run, INPUTS)
    with pytest.raises(LingyuError) as caught:
        require_same_inputs(run, replace(INPUTS, base_weights="f" * 64, num_processes=2))
    assert "the base's weights (was aaaaaaaaaaaa, is ffffffffffff)" in caught.value.what
    assert "the number of processes (was 1, is 2)" in caught.value.what
    assert "tokenizer" not in caught.value.what


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": null, "inputs": {"train": "c"}}', "\x00\x00"])
def test_a_broken_run_json_is_one_line(content: str, recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    (run.folder / "run.json").write_text(content)
    for which in (None, run.folder.name):
        with pytest.raises(LingyuError, match=r"run\.json: is not"):
            find_run(recipe, which, runs)


def test_only_one_process_works_on_a_run(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    with run.held(), pytest.raises(LingyuError, match="another process works on this run"), run.held():
        pass
    with run.held():
        pass


# Checkpoints


def test_the_newest_whole_checkpoint_is_taken_by_its_number(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    checkpoint(run, 90)
    newest = checkpoint(run, 100, best=90)
    (checkpoint(run, 110) / "complete.json").unlink()
    assert run.last_checkpoint == newest


def test_half_a_mark_that_a_killed_process_left_is_no_file_of_a_checkpoint(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    folder = checkpoint(run, 10)
    (folder / "complete.json").unlink()
    (folder / f"{HIDDEN}0123").mkdir()
    (folder / f"{HIDDEN}0123" / "written.json").write_text("{")
    mark_complete(folder)
    assert run.last_checkpoint == folder
    assert sorted(file.name for file in folder.iterdir()) == [
        "adapter_model.safetensors",
        "complete.json",
        "trainer_state.json",
    ]


def changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("spoil", [changed, os.remove, lambda file: file.write_bytes(b"")])
def test_a_checkpoint_that_has_changed_is_refused(spoil: Callable[[Path], object], recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    checkpoint(run, 10)
    spoil(checkpoint(run, 20) / "adapter_model.safetensors")
    with pytest.raises(LingyuError, match=r"checkpoint-20: this checkpoint is corrupt: adapter_model\.safetensors"):
        _ = run.last_checkpoint


def test_the_best_checkpoint_so_far_must_be_whole_too(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    changed(checkpoint(run, 10) / "adapter_model.safetensors")
    checkpoint(run, 20, best=10)
    with pytest.raises(LingyuError, match="checkpoint-10"):
        _ = run.last_checkpoint


def test_a_best_checkpoint_that_is_gone_is_one_line(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    shutil.rmtree(checkpoint(run, 10))
    checkpoint(run, 20, best=10)
    with pytest.raises(LingyuError, match="checkpoint-10: this checkpoint, the best on dev so far, is gone"):
        _ = run.last_checkpoint


def test_a_checkpoint_that_someone_put_aside_is_not_the_newest(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    newest = checkpoint(run, 20)
    shutil.copytree(newest, newest.with_name("checkpoint-20-good"))
    assert run.last_checkpoint == newest


def test_a_mark_that_is_no_mark_is_one_line(recipe: Recipe, runs: Path) -> None:
    run = start_run(recipe, INPUTS, runs)
    (checkpoint(run, 10) / "complete.json").write_text("{")
    with pytest.raises(LingyuError, match=r"complete\.json: is not JSON"):
        _ = run.last_checkpoint
