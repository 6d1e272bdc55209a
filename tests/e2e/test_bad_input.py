"""Wrong input to training and predicting: one line that says what, where, what next; nothing half-written."""

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from lingyu.cli import main as lingyu
from lingyu.cli.train import main as train_lora
from lingyu.training.runs import mark_complete

from .conftest import Workplace, write_reviews
from .running import last_line


@pytest.fixture
def place(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(workplace.folder)
    return workplace


def rewrite(file: Path, *rows: str, encoding: str = "utf-8") -> None:
    file.write_text("label,review\n" + "".join(f"{row}\n" for row in rows), encoding)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.train=data/review.csv", "Did you mean"),
        ("data.text=reviews", "Did you mean `review`"),
        ("data.labels={0: 负面, 2: 正面}", "is outside data.labels"),
        ("base=./bases/tinny", "Did you mean"),
        ("train.max_length=65", "64 tokens at most"),
        ("lora.target_modules=[q_proj]", "matches no layer"),
        ("train.fp16=true", "needs a GPU"),
        ("train.learning_rat=1", "learning_rate"),
        ("publish.to=data/reviews.csv", "data/reviews.csv"),
    ],
)
def test_a_wrong_value_is_one_line(
    override: str, says: str, place: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["train.max_steps=2", "train.eval_steps=2"] if override.startswith("publish") else []
    assert train_lora([str(place.recipe), override, *extra]) == 2
    assert says in last_line(capsys)
    assert not (place.folder / "adapters").exists()


def test_a_gbk_file_is_told_its_encoding(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    data = place.folder / "data/reviews.csv"
    data.write_bytes(data.read_text("utf-8").encode("gbk"))
    assert train_lora([str(place.recipe)]) == 2
    assert "data.encoding: gb18030" in last_line(capsys)
    assert train_lora([str(place.recipe), "data.encoding=gb18030", "--dry-run"]) == 0


def test_one_class_only_is_refused(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(place.folder / "data/reviews.csv", *(f"1,很好{'好' * i}" for i in range(50)))
    assert train_lora([str(place.recipe)]) == 2
    assert "a classifier needs two" in last_line(capsys)


def test_empty_and_endless_texts_are_counted(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    with (place.folder / "data/reviews.csv").open("a", encoding="utf-8") as file:
        file.write(f"1,\n0,   \n1,{'好' * 100_000}\n")
    assert train_lora([str(place.recipe), "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "empty 2" in said
    assert "over 32 tokens 1" in said or "over 32 tokens 0" in said  # it may be the test's


def test_a_base_that_is_a_pickle_only_is_refused(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    base = place.folder / "bases/tiny"
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    assert train_lora([str(place.recipe)]) == 2
    assert "pickle" in last_line(capsys)


def test_nan_stops_the_run(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_lora([str(place.recipe), "train.learning_rate=1e9", "train.max_grad_norm=1e9"]) == 1
    assert "diverged" in last_line(capsys)
    assert not (place.folder / "adapters").exists()


def forget_publishing(place: Workplace) -> None:
    """Put a run back to where it had trained and not yet published."""
    shutil.rmtree(place.folder / "adapters")
    file = place.runs()[0] / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": None}))


class TestResume:
    @pytest.fixture
    def unfinished(self, place: Workplace, capsys: pytest.CaptureFixture[str]) -> Workplace:
        """A run that was killed behind its last checkpoint."""
        assert train_lora([str(place.recipe), "train.max_steps=20"]) == 0
        forget_publishing(place)
        shutil.rmtree(place.runs()[0] / "adapter")
        capsys.readouterr()
        return place

    def test_a_changed_recipe_is_named(self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "lora.r=8", "--resume"]) == 2
        assert "lora.r" in last_line(capsys)

    def test_changed_rows_are_named(self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        write_reviews(unfinished.folder / "data/reviews.csv", rows=200)
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 2
        assert "the training rows" in last_line(capsys)

    def test_a_corrupt_checkpoint_is_named(self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        file = unfinished.runs()[0] / "checkpoints/checkpoint-20/optimizer.pt"
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content)
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 2
        line = last_line(capsys)
        assert "corrupt" in line
        assert "checkpoint-20" in line
        shutil.rmtree(file.parent)
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 0

    def test_a_best_checkpoint_that_is_gone_is_named(
        self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        checkpoints = unfinished.runs()[0] / "checkpoints"
        state_file = checkpoints / "checkpoint-20/trainer_state.json"
        state = json.loads(state_file.read_text()) | {"best_global_step": 10}
        state_file.write_text(json.dumps(state))
        mark_complete(state_file.parent)
        shutil.rmtree(checkpoints / "checkpoint-10", ignore_errors=True)
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 2
        assert "checkpoint-10: this checkpoint, the best on dev so far, is gone" in last_line(capsys)

    def test_what_was_trained_but_not_published_is_published(
        self, place: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert train_lora([str(place.recipe), "train.max_steps=20"]) == 0
        trained = place.adapter_bytes()
        forget_publishing(place)
        capsys.readouterr()
        assert train_lora([str(place.recipe), "train.max_steps=20", "--resume"]) == 0
        assert "step 10/20" not in capsys.readouterr().err, "it trained again"
        assert place.adapter_bytes() == trained

    def test_a_run_that_another_process_works_on_is_left_alone(
        self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with FileLock(unfinished.runs()[0] / ".lock"):
            assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 2
        assert "another process works on this run" in last_line(capsys)

    def test_a_half_written_checkpoint_is_passed_over(self, unfinished: Workplace) -> None:
        (unfinished.runs()[0] / "checkpoints/checkpoint-20/complete.json").unlink()
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 0

    def test_a_finished_run_is_not_resumed(self, unfinished: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 0
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume"]) == 2
        assert "no unfinished run" in last_line(capsys)
        run = unfinished.runs()[0].name
        assert train_lora([str(unfinished.recipe), "train.max_steps=20", "--resume", run]) == 2
        assert "has finished" in last_line(capsys)

    def test_a_run_that_is_not_there_is_one_line(self, place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
        assert train_lora([str(place.recipe), "--resume", "20260101"]) == 2
        assert "no such run" in last_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--adapter", "../tiny", "好"], "../tiny"),
        (["--adapter", "tinny", "好"], "no such store"),
        (["--adaptor", "tiny", "好"], "--adapter"),
        (["--adapter", "tiny", "--out", "x.csv", "好"], "--out needs --file"),
        (["--adapter", "tiny", "--threshold", "2", "好"], "--threshold"),
    ],
)
def test_wrong_arguments_to_predict_are_one_line(
    arguments: list[str], says: str, place: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lingyu(["predict", *arguments]) == 2
    assert says in last_line(capsys)


def test_errors_are_json_where_json_was_asked_for(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_lora([str(place.recipe), "base=./bases/tinny", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "./bases/tinny"
