"""A folder as a user of dapt.py has it: a small base, raw text of a domain and of none, a recipe."""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

RECIPE = """\
name: tiny
base: ./bases/tiny
dapt:
  corpus: [reviews.txt]
  general: [general.txt]
  segmenter: characters
  held_out: 0.1
  head_warmup_steps: 4
train:
  learning_rate: 5e-3
  max_steps: 16
  tokens_per_batch: 640
  max_length: 48
  eval_steps: 4
  logging_steps: 1
publish: {to: bases/hotel}
"""

_WORDS = (
    *("房间", "很", "干净", "下次", "还来", "早餐", "很好", "服务", "态度", "便宜"),
    *("物流", "快", "酒店", "前台", "热情", "满意", "不", "失望", "推荐", "好评"),
)


@dataclass(frozen=True)
class PretrainingPlace:
    folder: Path
    recipe: Path

    @property
    def base(self) -> Path:
        return self.folder / "bases" / "hotel"

    def weights(self) -> bytes:
        return (self.base / "model.safetensors").read_bytes()

    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs" / "tiny").iterdir())


def make_place(folder: Path, base: Path) -> PretrainingPlace:
    (folder / "bases").mkdir(parents=True)
    shutil.copytree(base, folder / "bases" / "tiny")
    (folder / "reviews.txt").write_text(_lines(200, seed=3), "utf-8")
    (folder / "general.txt").write_text(_lines(40, seed=4), "utf-8")
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE, "utf-8")
    return PretrainingPlace(folder, recipe)


def _lines(texts: int, seed: int) -> str:
    """Texts of a few clauses, in which characters follow one another as in words."""
    draw = random.Random(seed)
    clauses = [
        ["".join(draw.choices(_WORDS, k=draw.randint(2, 5))) for _ in range(draw.randint(1, 4))] for _ in range(texts)
    ]
    return "".join("，".join(parts) + "。\n" for parts in clauses)
