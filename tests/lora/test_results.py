"""What is left of a run: an adapter as it began and as it was trained, or a whole model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lingyu.bases import find_base
from lingyu.data import load_splits
from lingyu.evaluation import Answers
from lingyu.lora import load_adapter
from lingyu.lora.attaching import attach_lora
from lingyu.lora.publishing import Record
from lingyu.lora.results import AdapterResult, WholeModelResult
from lingyu.lora.saving import require_same_answers
from lingyu.recipe import Recipe
from lingyu.store import ADAPTER_CONFIG, ANSWERS, HASHES, METRICS, read_answers
from lingyu.training.runs import Inputs, Run

LABELS = ("负面", "正面")
INPUTS = Inputs("w", "t", "train", "dev", 1, "float32")


def recipe_of(train: Path, **more: object) -> Recipe:
    data = {"train": str(train), "labels": dict(enumerate(LABELS))}
    return Recipe.model_validate({"name": "a", "task": "single_label", "data": data, **more})


@pytest.fixture
def record(tmp_path: Path) -> Record:
    rows = "".join(f"第{number}间房,{number % 2}\n" for number in range(30))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}", "utf-8")
    recipe = recipe_of(tmp_path / "rows.csv", method="full")
    splits = load_splits(recipe.data, recipe.task)
    logits = np.eye(2, dtype=np.float32)[splits.test.labels]
    answers = Answers(logits, splits.test.labels, splits.leaked)
    return Record(recipe, find_base("embedded"), splits, [], None, None, answers, {"test": {}}, {"curves.png": b"PNG"})


def test_the_figures_of_a_model_trained_whole_are_there_as_a_whole_or_not_at_all(
    tmp_path: Path, record: Record
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run = Run(folder, INPUTS)
    first = Answers(record.answers.logits[1:], record.answers.targets[1:], record.answers.leaked[1:])
    with pytest.raises(AssertionError):  # in the middle of it, as of a process that is killed there
        WholeModelResult().publish(replace(record, answers=first), run)
    assert not any(file.is_file() for file in folder.iterdir()), "metrics.json is there, and the answers are not"
    WholeModelResult().publish(record, run)  # as the resumed run does
    assert {file.name for file in folder.iterdir()} == {METRICS, HASHES, ANSWERS, "curves.png", "run.json"}
    assert len(read_answers(folder / ANSWERS).labels) == record.splits.test.rows
    assert json.loads((folder / "run.json").read_text("utf-8"))["version"] == "model"


def test_an_adapter_that_began_by_changing_its_base_is_saved_by_how_its_run_first_began(
    tmp_path: Path, tiny_base: Path
) -> None:
    """A run that goes on begins with other numbers of a random SVD, which its checkpoint then replaces."""
    base, run, result = find_base(str(tiny_base)), Run(tmp_path, INPUTS), AdapterResult()
    recipe = recipe_of(tmp_path / "rows.csv", lora={"r": 4, "init_lora_weights": "pissa_niter_4"})
    model, gone_on = (attach_lora(base.load_classifier(LABELS, seed=1), base, recipe.lora) for _ in range(2))
    result.begin(model, recipe, run)
    move(model)
    move(gone_on)
    result.begin(gone_on, recipe, run)
    result.save(model, base, recipe, run, tmp_path / "adapter")
    rows = base.encode(["房间很干净", "服务差"], 64)
    saved = load_adapter(base, LABELS, tmp_path / "adapter", seed=9)
    assert require_same_answers(model.eval(), saved, rows, 0) < 1e-5


def test_of_an_adapter_that_leaves_its_base_as_it_is_no_beginning_is_kept(tmp_path: Path, tiny_base: Path) -> None:
    base, run, result = find_base(str(tiny_base)), Run(tmp_path, INPUTS), AdapterResult()
    recipe = recipe_of(tmp_path / "rows.csv", lora={"r": 4})
    model = attach_lora(base.load_classifier(LABELS), base, recipe.lora)
    result.begin(model, recipe, run)
    assert list(tmp_path.iterdir()) == []
    result.save(model, base, recipe, run, tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / ADAPTER_CONFIG).read_text("utf-8"))["r"] == 4


def move(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
