"""A folder as a user has it: a small base, labelled rows, a recipe. Everything below is made by real commands."""

import csv
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

RECIPE = """\
name: tiny
base: ./bases/tiny
task: single_label
data:
  train: data/reviews.csv
  text: review
  label: label
  labels: {0: 负面, 1: 正面}
lora: {r: 4}
train:
  learning_rate: 5e-3
  num_train_epochs: 16
  tokens_per_batch: 256
  max_length: 32
  eval_strategy: steps
  eval_steps: 10
  logging_steps: 1
  early_stopping_patience: 6
"""


@dataclass(frozen=True)
class Workplace:
    folder: Path
    recipe: Path

    def adapter_bytes(self, version: str = "v1") -> bytes:
        return (self.folder / "adapters" / "tiny" / version / "adapter_model.safetensors").read_bytes()

    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs" / "tiny").iterdir())


def write_reviews(file: Path, rows: int = 300) -> None:
    """Reviews that a head can learn: 好 or 差 decides, among words that say nothing."""
    draw = random.Random(5)
    words = "房间早餐服务前台物流书酒店"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", "review"])
        for _ in range(rows):
            label = draw.randint(0, 1)
            said = [*draw.sample(words, draw.randint(2, 9)), "很好" if label else "很差"]
            draw.shuffle(said)
            writer.writerow([label, "".join(said)])


def make_workplace(folder: Path, base: Path) -> Workplace:
    (folder / "bases").mkdir(parents=True)
    (folder / "data").mkdir()
    shutil.copytree(base, folder / "bases" / "tiny")
    write_reviews(folder / "data" / "reviews.csv")
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE, "utf-8")
    return Workplace(folder, recipe)


@pytest.fixture
def workplace(tmp_path: Path, tiny_base: Path) -> Workplace:
    return make_workplace(tmp_path / "work", tiny_base)
