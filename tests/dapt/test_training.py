"""A step's loss however it is cut; a base without a head; what training writes down."""

import contextlib
import errno
import io
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from lingyu.bases import Base, find_base
from lingyu.cli.dapt import main as dapt
from lingyu.dapt import training
from lingyu.dapt.batches.batches import BatchPiece, PackedTexts, TextBatches
from lingyu.dapt.batches.composing import CHOOSING, Composer
from lingyu.dapt.corpus.encoded import encode_batch
from lingyu.dapt.corpus.segmenters import segmenter_for
from lingyu.dapt.curves import draw_curves
from lingyu.dapt.job import no_progress, prepare
from lingyu.dapt.lineage import stages_of
from lingyu.dapt.measuring import measure_masked, verdict
from lingyu.dapt.model.distiller import Distiller
from lingyu.dapt.model.learner import make_learner
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.dapt.model.saving import save_base
from lingyu.dapt.trainer import Stopwatch, arguments_of, step_loss
from lingyu.errors import LingyuError
from lingyu.recipe import Dapt, PretrainingRecipe, load_pretraining
from lingyu.training import Run, read_metrics

from .workplace import PretrainingPlace, make_place

Place = Callable[[Path], PretrainingPlace]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    def made(base: Path) -> PretrainingPlace:
        there = make_place(tmp_path / "work", base)
        monkeypatch.chdir(there.folder)
        return there

    return made


@pytest.mark.parametrize(
    ("objective", "mode"), [("mlm", "full"), ("mlm word_order sentence_order", "full"), ("mlm", "distil")]
)
def test_the_parts_of_a_step_add_up_to_the_loss_of_the_whole(objective: str, mode: str, tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    shape = {"shape": {"num_hidden_layers": 2}} if mode == "distil" else {}
    recipe = PretrainingRecipe.model_validate(
        {
            "name": "tiny",
            "dapt": {"corpus": ["x"], "objective": objective.split(), "mode": mode, **shape},
            "train": {"dropout": 0.0},
            "publish": {"to": "bases/hotel"},
        }
    )
    texts = encode_batch(
        ["房间很干净。下次还来。早餐很好。", "酒店前台热情！服务好！", "不满意", "物流很快。书很好。", "推荐"],
        base.tokenizer,
        segmenter_for("characters", None),
        40,
    ).texts
    model = make_learner(recipe, base, base).model.eval()
    if isinstance(model, Distiller):  # else the student is its teacher, and there is no loss to add up
        torch.nn.init.normal_(model.student.encoder.embeddings.word_embeddings.weight)
    composer = Composer.from_recipe(recipe.dapt, base.tokenizer, base.config.vocab_size, seed=2)
    packed = PackedTexts(texts, composer)

    def loss_of(pieces: list[list[int]]) -> float:
        batches = [packed[BatchPiece(0, np.array(rows, dtype=np.int64), 60, 3)] for rows in pieces]
        masked = torch.tensor(sum(len(batch["labels"]) for batch in batches))
        with torch.inference_mode():
            return sum(float(step_loss(recipe.dapt, model(**arguments_of(batch)), batch, masked)) for batch in batches)

    whole = loss_of([[0, 1, 2, 3, 4]])
    assert np.isfinite(whole)
    assert loss_of([[4, 0], [2], [], [3, 1]]) == pytest.approx(whole, rel=1e-5)


def test_a_step_that_is_cut_into_pieces_trains_what_a_whole_one_does(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["train.bf16=false", "train.dropout=0", "train.max_steps=3", "dapt.objective=[mlm,sentence_order]"]
    trained = []
    for pieces in (1, 3):
        there = make_place(tmp_path / f"in-{pieces}", tiny_base)
        monkeypatch.chdir(there.folder)
        assert dapt([str(there.recipe), *settings, f"train.gradient_accumulation_steps={pieces}"]) == 0
        trained.append(load_file(there.base / "model.safetensors"))
    whole, cut = trained
    assert max(float(np.abs(whole[name] - cut[name]).max()) for name in whole) < 1e-4
    before = load_file(there.folder / "bases/tiny/model.safetensors")[f"bert.{MOVED}"]
    assert float(np.abs(whole[f"bert.{MOVED}"] - before).max()) > 1e-3, "nothing moved, so there is nothing to compare"


def test_a_new_head_learns_alone_before_anything_else_moves(
    place: Place, tiny_base_with_pooler: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base_with_pooler)
    stay = ["train.load_best_model_at_end=false", "train.save_total_limit=9", "train.max_steps=10"]
    assert dapt([str(there.recipe), *stay]) == 0
    assert "the base has no masked-LM head: a new one learns alone for 4 steps" in capsys.readouterr().err
    before = load_file(there.folder / "bases/tiny/model.safetensors")
    early, late = (weights_of(there, step) for step in (4, 8))
    for name, tensor in before.items():
        assert early[f"encoder.{name}"].tobytes() == tensor.tobytes(), name
    assert np.abs(late[f"encoder.{MOVED}"] - before[MOVED]).max() > 1e-4
    assert np.abs(early["head.dense.weight"] - late["head.dense.weight"]).max() > 1e-4
    card = (there.base / "README.md").read_text("utf-8")
    assert "means with a random one" in card
    assert "Before is a start that knew no word" in card
    rows = read_metrics(there.runs()[0] / "metrics.jsonl")
    assert [row["step"] for row in rows if "dev" in row] == [0, 4, 8, 10], "the start and the end are measured too"


UNTIL_IT_GETS_WORSE = (
    *("train.learning_rate=1.0", "train.early_stopping_patience=1", "train.bf16=false", "train.seed=7"),
    *("train.save_total_limit=9", "publish.dtype=float32"),
    *("card.license=MIT", "card.source=某点评网站", "card.data_license=CC-BY-4.0"),
)


@pytest.fixture(scope="module")
def stopped_early(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> PretrainingPlace:
    """A run that nothing disturbed, which ends before its last step; the best of its checkpoints is not the last."""
    there = make_place(tmp_path_factory.mktemp("stopped") / "work", tiny_base)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as said:
        patch.chdir(there.folder)
        assert dapt([str(there.recipe), *UNTIL_IT_GETS_WORSE]) == 0
    assert "learns alone" not in said.getvalue()
    return there


def weights_of(place: PretrainingPlace, step: int) -> dict[str, np.ndarray]:
    return load_file(place.runs()[0] / "checkpoints" / f"checkpoint-{step}" / "model.safetensors")


MOVED = "encoder.layer.0.attention.self.query.weight"


def test_a_base_with_a_head_learns_as_a_whole_from_the_start(stopped_early: PretrainingPlace) -> None:
    before = load_file(stopped_early.folder / "bases/tiny/model.safetensors")
    assert np.abs(weights_of(stopped_early, 4)[f"encoder.{MOVED}"] - before[f"bert.{MOVED}"]).max() > 1e-4
    assert "knew no word" not in (stopped_early.base / "README.md").read_text("utf-8")


def test_the_curve_begins_at_what_the_base_knows_by_the_masks_that_choose_a_checkpoint(
    stopped_early: PretrainingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stopped_early.folder)
    (run,) = stopped_early.runs()
    job = prepare(load_pretraining(run / "recipe.yaml"), no_progress, resume=True)
    base = make_learner(job.recipe, job.start, job.parent).pretrainer
    knows = measure_masked(base, job.corpus.held_out, job.measuring, masks=CHOOSING)
    start = next(row for row in read_metrics(run / "metrics.jsonl") if "dev" in row)
    assert start["step"] == 0
    assert start["dev"] == pytest.approx({"loss": knows.loss, "accuracy": knows.accuracy}, rel=1e-5)


def test_the_checkpoint_that_is_best_on_held_out_text_is_published(stopped_early: PretrainingPlace) -> None:
    (run,) = stopped_early.runs()
    measured = (row for row in read_metrics(run / "metrics.jsonl") if "dev" in row)
    held_out = {row["step"]: row["dev"]["loss"] for row in measured if row["step"]}  # the start is no checkpoint
    best = min(held_out, key=held_out.__getitem__)
    stage = json.loads((stopped_early.base / "lineage.json").read_text("utf-8"))["stages"][-1]
    assert best < max(held_out) < 16, "there is nothing to choose, or it did not stop early"
    assert (stage["best_step"], stage["steps"]) == (best, max(held_out))
    published = load_file(stopped_early.base / "model.safetensors")[f"bert.{MOVED}"]
    assert np.array_equal(published, weights_of(stopped_early, best)[f"encoder.{MOVED}"])
    reported = stage["measured"]["held_out"]["after"]["loss"]
    assert reported == pytest.approx(held_out[best], rel=0.3)
    assert reported != pytest.approx(held_out[best], rel=1e-5), "chosen and reported by the same masks"


def test_wherever_a_run_is_interrupted_it_ends_as_one_that_was_not(
    stopped_early: PretrainingPlace, place: Place, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base)
    command = [str(there.recipe), *UNTIL_IT_GETS_WORSE]

    def interrupted(where: object, name: str, *resume: str, step: int | None = None) -> None:
        def stop(*given: Any, **_: object) -> None:
            if step is None or given[2].global_step == step:
                raise LingyuError("interrupted")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, name, stop, raising=False)
            if step is not None:
                patch.setattr(Stopwatch, "seconds", 3600.0)
            assert dapt([*command, *resume]) == 2
        assert "interrupted" in capsys.readouterr().err

    interrupted(Stopwatch, "on_step_end", step=2)  # before the first checkpoint
    interrupted(Stopwatch, "on_step_end", "--resume", step=6)
    interrupted(training, "_save_with_proof", "--resume")
    (there.runs()[0] / "trained.json").unlink()
    interrupted(Run, "finished", "--resume")
    assert there.weights() == stopped_early.weights()
    weights = there.base / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert dapt([*command, "--resume"]) == 0
    assert weights.stat().st_mtime_ns == written, "published anew"
    assert json.loads((there.runs()[0] / "run.json").read_text())["version"] == "bases/hotel"
    mine, theirs = (
        json.loads((at.base / "lineage.json").read_text("utf-8"))["stages"][-1] for at in (there, stopped_early)
    )
    same = ("steps", "best_step", "tokens", "measured", "settings")
    assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}
    assert 1.0 <= mine["hours"] < 1.1, "an hour before the first interruption"
    rows = [read_metrics(at.runs()[0] / "metrics.jsonl") for at in (there, stopped_early)]
    assert rows[0] == rows[1]


def test_tokens_are_counted_step_by_step(stopped_early: PretrainingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stopped_early.folder)
    recipe = load_pretraining(stopped_early.base / "recipe.yaml")
    job = prepare(recipe, no_progress, resume=True)
    sizes = [piece.batch_tokens for epoch in range(2) for (piece,) in epoch_of(job.batches, epoch)]
    for steps in (0, 3, job.steps_per_epoch, job.steps_per_epoch + 2):
        assert job.tokens_of(steps) == sum(sizes[:steps])
    stage = json.loads((stopped_early.base / "lineage.json").read_text("utf-8"))["stages"][-1]
    assert stage["tokens"] == job.tokens_of(stage["steps"])


def epoch_of(batches: TextBatches, epoch: int) -> list[list[BatchPiece]]:
    batches.set_epoch(epoch)
    return list(batches)


def test_a_base_that_does_not_know_what_was_trained_is_not_published(
    place: Place, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base)
    command = [str(there.recipe), "train.max_steps=1"]

    def save_another(model: Pretrainer, base: Base, folder: Path, dtype: str) -> None:
        save_base(load_pretrainer(base, seed=0, sentence_order=False, dropout=None).model, base, folder, dtype)
        file = folder / "model.safetensors"
        save_file({name: -tensor for name, tensor in load_file(file).items()}, file)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_base", save_another)
        assert dapt(command) == 1
    assert "the saved base is not the trained model: its loss is " in capsys.readouterr().err
    assert not there.base.exists()
    assert dapt([*command, "--resume"]) == 0
    assert "training had ended with step 1" in capsys.readouterr().err
    assert there.base.is_dir()


def test_a_disk_that_is_full_after_training_says_how_to_go_on_without_training_again(
    place: Place, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base)
    command = [str(there.recipe), "train.max_steps=1"]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_base", full)
        assert dapt(command) == 2
    (run,) = there.runs()
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"{run.relative_to(there.folder)}/base: the disk is full. " in said
    program, recipe, *resume = said.partition("go on with accelerate launch ")[2].split()
    assert program == "dapt.py"
    assert dapt([recipe, *resume]) == 0
    assert "training had ended with step 1" in capsys.readouterr().err


def test_what_an_encoder_from_scratch_learnt_is_called_no_gain(place: Place, tiny_base: Path) -> None:
    there = place(tiny_base)
    shape = "{vocab_size: 900, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64}"
    of_dapt = "corpus: [reviews.txt], segmenter: characters, held_out: 0.1, head_warmup_steps: 200"
    assert dapt([str(there.recipe), f"dapt={{mode: scratch, {of_dapt}, shape: {shape}}}", "train.max_steps=1"]) == 0
    card = (there.base / "README.md").read_text("utf-8")
    assert "Before means the untrained start." in card
    assert "Before is a start that knew no word, so this is no gain of a trained encoder." in card


def test_a_students_curve_does_not_begin_at_what_its_teacher_knows(place: Place, tiny_base: Path) -> None:
    there = place(tiny_base)
    distil = ["dapt.mode=distil", "dapt.shape.num_hidden_layers=1", "train.max_steps=1"]
    assert dapt([str(there.recipe), *distil]) == 0
    (run,) = there.runs()
    general = json.loads((there.base / "metrics.json").read_text("utf-8"))["general"]
    assert (there.base / "curves.png").read_bytes() == draw_curves(
        read_metrics(run / "metrics.jsonl"), {"after": general["after"]}, best_step=1
    )
    assert "Before is the teacher" in (there.base / "README.md").read_text("utf-8")


def test_a_damaged_parent_is_found_before_training(
    place: Place, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = place(tiny_base)
    for file, content, says in (
        ("hashes.safetensors", b"cut", "holds no hashes that can be read"),
        ("lineage.json", b"{", "can't be read"),
    ):
        (there.folder / "bases/tiny" / file).write_bytes(content)
        assert dapt([str(there.recipe)]) == 2
        assert says in capsys.readouterr().err
        assert not list(there.folder.glob("runs/tiny/*"))
        (there.folder / "bases/tiny" / file).unlink()


def test_the_run_and_the_base_keep_the_recipe_that_they_came_from(stopped_early: PretrainingPlace) -> None:
    (run,) = stopped_early.runs()
    kept = load_pretraining(run / "recipe.yaml")
    assert (kept.train.learning_rate, kept.train.seed) == (1.0, 7)
    assert load_pretraining(stopped_early.base / "recipe.yaml") == kept
    assert json.loads((run / "run.json").read_text())["version"] == "bases/hotel"
    settings = json.loads((stopped_early.base / "lineage.json").read_text("utf-8"))["stages"][-1]["settings"]
    assert settings["train"]["learning_rate"] == 1.0
    assert settings["dapt"]["held_out"] == 0.1
    assert "lora" not in settings


def test_the_base_says_what_made_it(stopped_early: PretrainingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stopped_early.folder)
    base, parent = find_base("bases/hotel"), find_base("./bases/tiny")
    (stage,), settings = stages_of(base), Dapt(corpus=("x",))
    assert (stage.name, stage.mode, stage.objective, stage.seed) == ("tiny", "full", ("mlm",), 7)
    assert stage.masking == {"mlm_probability": settings.mlm_probability, "max_ngram": settings.max_ngram}
    assert stage.parent == base.lineage[0].parent == parent.weights_fingerprint
    assert (base.lineage[0].id, base.lineage[0].note) == ("bases/hotel", "full, mlm, on reviews.txt")
    assert [source.name for source in stage.corpus.sources] == ["reviews.txt"]
    assert stage.packages["torch"] == version("torch")
    metrics = json.loads((base.folder / "metrics.json").read_text("utf-8"))
    assert stage.measured == metrics
    card = (base.folder / "README.md").read_text("utf-8")
    for said in ("license: MIT", "某点评网站", "CC-BY-4.0", "# bases/hotel", "made from ./bases/tiny", "curves.png"):
        assert said in card, said
    assert verdict(metrics)[0].partition(" [")[0] in card
