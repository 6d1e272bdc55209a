"""A step's loss however it is cut; a base without a head; what training writes down."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lingyu.bases import find_base
from lingyu.cli.dapt import main as dapt
from lingyu.dapt.batches.batches import BatchPiece, PackedTexts
from lingyu.dapt.batches.composing import Composer
from lingyu.dapt.corpus.encoded import encode_texts
from lingyu.dapt.corpus.segmenters import segmenter_for
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.trainer import Stopwatch, step_loss
from lingyu.recipe import Dapt, load_pretraining
from lingyu.training import read_metrics

from .workplace import PretrainingPlace, make_place

Place = Callable[[Path], PretrainingPlace]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    def made(base: Path) -> PretrainingPlace:
        there = make_place(tmp_path / "work", base)
        monkeypatch.chdir(there.folder)
        return there

    return made


@pytest.mark.parametrize("objective", [("mlm",), ("mlm", "word_order", "sentence_order")])
def test_the_parts_of_a_step_add_up_to_the_loss_of_the_whole(objective: tuple[str, ...], tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    settings = Dapt.model_validate({"corpus": ["x"], "objective": list(objective)})
    texts = encode_texts(
        ["房间很干净。下次还来。早餐很好。", "酒店前台热情！服务好！", "不满意", "物流很快。书很好。", "推荐"],
        base.tokenizer,
        segmenter_for("characters", None),
        40,
    )
    model = load_pretrainer(base, seed=1, sentence_order="sentence_order" in objective, dropout=0.0).model.eval()
    composer = Composer.from_recipe(settings, base.tokenizer, base.config.vocab_size, seed=2)
    packed = PackedTexts(texts, composer)

    def loss_of(pieces: list[list[int]]) -> float:
        batches = [packed[BatchPiece(0, np.array(rows, dtype=np.int64), 60, 3)] for rows in pieces]
        masked = torch.tensor(sum(len(batch["labels"]) for batch in batches))
        with torch.inference_mode():
            return sum(float(step_loss(settings, model(**batch), batch, masked)) for batch in batches)

    whole = loss_of([[0, 1, 2, 3, 4]])
    assert np.isfinite(whole)
    assert loss_of([[4, 0], [2], [], [3, 1]]) == pytest.approx(whole, rel=1e-5)


def test_a_new_head_learns_alone_before_anything_else_moves(
    place: Place, tiny_base_with_pooler: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base_with_pooler)
    stay = ["train.load_best_model_at_end=false", "train.save_total_limit=9"]
    assert dapt([str(there.recipe), *stay]) == 0
    assert "the base has no masked-LM head: a new one learns alone for 4 steps" in capsys.readouterr().err
    before = load_file(there.folder / "bases/tiny/model.safetensors")
    checkpoints = there.runs()[0] / "checkpoints"
    early, late = (load_file(checkpoints / f"checkpoint-{step}" / "model.safetensors") for step in (4, 8))
    for name, tensor in before.items():
        assert early[f"encoder.{name}"].tobytes() == tensor.tobytes(), name
    moved = "encoder.layer.0.attention.self.query.weight"
    assert np.abs(late[f"encoder.{moved}"] - before[moved]).max() > 1e-4
    assert np.abs(early["head.dense.weight"] - late["head.dense.weight"]).max() > 1e-4
    assert "means with a random one" in (there.base / "README.md").read_text("utf-8")


def test_a_base_with_a_head_learns_as_a_whole_from_the_start(
    place: Place, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base)
    assert dapt([str(there.recipe), "train.max_steps=6", "train.warmup_ratio=0"]) == 0
    assert "learns alone" not in capsys.readouterr().err
    rows = read_metrics(there.runs()[0] / "metrics.jsonl")
    assert [row["step"] for row in rows if "dev" in row] == [4, 6], "the end is measured too"
    before, after = (load_file(folder / "model.safetensors") for folder in (there.folder / "bases/tiny", there.base))
    moved = "bert.encoder.layer.0.attention.self.query.weight"
    assert np.abs(after[moved] - before[moved]).max() > 1e-4


def test_the_checkpoint_that_is_best_on_held_out_text_is_published(place: Place, tiny_base: Path) -> None:
    there = place(tiny_base)
    worse_later = ["train.learning_rate=0.3", "train.early_stopping_patience=1", "train.bf16=false"]
    assert dapt([str(there.recipe), *worse_later]) == 0
    (run,) = there.runs()
    held_out = {row["step"]: row["dev"]["loss"] for row in read_metrics(run / "metrics.jsonl") if "dev" in row}
    stage = json.loads((there.base / "lineage.json").read_text("utf-8"))["stages"][-1]
    assert stage["best_step"] == min(held_out, key=held_out.__getitem__)
    assert stage["steps"] == max(held_out)
    assert stage["measured"]["held_out"]["after"]["loss"] == pytest.approx(min(held_out.values()), rel=1e-4)


def test_hours_go_on_where_a_checkpoint_left_them() -> None:
    watch = Stopwatch()
    watch.before = 3600.0
    state = watch.state()
    resumed = Stopwatch(**state["args"])
    for name, value in state["attributes"].items():
        setattr(resumed, name, value)
    assert 3600.0 <= resumed.seconds < 3700.0


def test_the_run_keeps_the_recipe_that_it_was_started_with(place: Place, tiny_base: Path) -> None:
    there = place(tiny_base)
    assert dapt([str(there.recipe), "train.max_steps=4", "train.seed=7"]) == 0
    (run,) = there.runs()
    kept = load_pretraining(run / "recipe.yaml")
    assert (kept.train.max_steps, kept.train.seed) == (4, 7)
    assert load_pretraining(there.base / "recipe.yaml") == kept
    assert json.loads((run / "run.json").read_text())["version"] == "bases/hotel"
