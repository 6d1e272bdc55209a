"""What is left of a run whose model is no adapter."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lingyu.bases import find_base
from lingyu.data import load_splits
from lingyu.evaluation import Answers
from lingyu.lora.publishing import Record
from lingyu.lora.results import WholeModelResult
from lingyu.recipe import Recipe
from lingyu.store import ANSWERS, HASHES, METRICS, read_answers
from lingyu.training.runs import Inputs, Run


@pytest.fixture
def record(tmp_path: Path) -> Record:
    rows = "".join(f"第{number}间房,{number % 2}\n" for number in range(30))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}", "utf-8")
    data = {"train": str(tmp_path / "rows.csv"), "labels": {"0": "负面", "1": "正面"}}
    recipe = Recipe.model_validate({"name": "a", "task": "single_label", "method": "full", "data": data})
    splits = load_splits(recipe.data, recipe.task)
    logits = np.eye(2, dtype=np.float32)[splits.test.labels]
    answers = Answers(logits, splits.test.labels, splits.leaked)
    return Record(recipe, find_base("embedded"), splits, [], None, None, answers, {"test": {}}, {"curves.png": b"PNG"})


def test_the_figures_of_a_model_trained_whole_are_there_as_a_whole_or_not_at_all(
    tmp_path: Path, record: Record
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run = Run(folder, Inputs("w", "t", "train", "dev", 1, "float32"))
    first = Answers(record.answers.logits[1:], record.answers.targets[1:], record.answers.leaked[1:])
    with pytest.raises(AssertionError):  # in the middle of it, as of a process that is killed there
        WholeModelResult().publish(replace(record, answers=first), run)
    assert not any(file.is_file() for file in folder.iterdir()), "metrics.json is there, and the answers are not"
    WholeModelResult().publish(record, run)  # as the resumed run does
    assert {file.name for file in folder.iterdir()} == {METRICS, HASHES, ANSWERS, "curves.png", "run.json"}
    assert len(read_answers(folder / ANSWERS).labels) == record.splits.test.rows
    assert json.loads((folder / "run.json").read_text("utf-8"))["version"] == "model"
