"""dapt.py by its real command: a base made, killed, resumed, stopped, on two processes; one line for what is wrong."""

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

from lingyu.bases import find_base
from lingyu.cli import main as lingyu
from lingyu.cli.dapt import main as dapt
from lingyu.training import read_metrics

from ..dapt.workplace import PretrainingPlace, make_place
from .running import last_line, launch, launch_two, wait_for_step

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


def start(place: PretrainingPlace, repo: Path, *arguments: str) -> subprocess.Popen[str]:
    return launch(repo / "dapt.py", place.recipe, place.folder, *arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> PretrainingPlace:
    """A run that nothing disturbed."""
    place = make_place(tmp_path_factory.mktemp("trained") / "work", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        assert dapt([str(place.recipe)]) == 0
    return place


@pytest.fixture
def place(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> PretrainingPlace:
    """One of our own, where we are."""
    made = make_place(tmp_path / "work", tiny_base)
    monkeypatch.chdir(made.folder)
    return made


# What a run leaves


def test_a_run_leaves_a_base_that_is_whole(trained: PretrainingPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained.folder)
    assert {file.name for file in trained.base.iterdir()} == {
        "README.md", "config.json", "curves.png", "hashes.safetensors", "lineage.json", "metrics.json",
        "model.safetensors", "recipe.yaml", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
    }  # fmt: skip
    base, parent = find_base("bases/hotel"), find_base("bases/tiny")
    assert [ancestor.weights_fingerprint for ancestor in base.lineage] == [
        base.weights_fingerprint,
        parent.weights_fingerprint,
    ]
    assert base.lineage[0].parent == parent.weights_fingerprint
    assert base.tokenizer_fingerprint == parent.tokenizer_fingerprint
    hashes = base.corpus_hashes
    assert 150 < len(hashes) <= 200
    assert np.all(hashes[1:] > hashes[:-1])


def test_it_learnt_what_the_texts_have_in_common(trained: PretrainingPlace) -> None:
    metrics = json.loads((trained.base / "metrics.json").read_text("utf-8"))
    assert metrics["held_out"]["loss_difference"]["high"] < 0
    assert metrics["held_out"]["after"]["accuracy"]["value"] > metrics["held_out"]["before"]["accuracy"]["value"]
    assert metrics["general"]["masked_tokens"] > 20


def test_nothing_of_it_is_random_but_a_classifier(trained: PretrainingPlace) -> None:
    _, masked = AutoModelForMaskedLM.from_pretrained(trained.base, output_loading_info=True)
    assert not masked["missing_keys"]
    _, classifying = AutoModelForSequenceClassification.from_pretrained(trained.base, output_loading_info=True)
    assert set(classifying["missing_keys"]) == {"classifier.weight", "classifier.bias"}


def test_nothing_leaves_the_machine(trained: PretrainingPlace) -> None:
    """What is published names no path and holds no text of the corpus."""
    text = (trained.folder / "reviews.txt").read_text("utf-8").splitlines()[0][:10]
    for file in trained.base.iterdir():
        content = file.read_bytes()
        assert str(trained.folder).encode() not in content, file
        assert text.encode() not in content, file


def test_a_next_stage_adds_up_hours_texts_and_ancestors(
    trained: PretrainingPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained.folder)
    overrides = ["base=bases/hotel", "dapt.corpus=[general.txt]", "dapt.general=[]", "publish.to=bases/second"]
    monkeypatch.setenv("WANDB_MODE", "offline")
    overrides += ["dapt.mode=lora", "lora.r=4", "report_to=[wandb]"]
    assert dapt([str(trained.recipe), *overrides, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["base"] == "bases/second"
    assert document["weights_fingerprint"] == find_base("bases/second").weights_fingerprint
    assert 1 <= document["best_step"] <= document["steps"] == 16
    assert document["tokens"] > 1000
    assert document["seconds"] == pytest.approx(document["hours"] * 3600, abs=0.3)
    assert len(list(Path("runs").glob("tiny/*/wandb/offline-run-*"))) == 1
    lineage = json.loads(Path("bases/second/lineage.json").read_text("utf-8"))
    assert [ancestor["id"] for ancestor in lineage["lineage"]] == ["bases/second", "bases/hotel", "./bases/tiny"]
    assert [stage["mode"] for stage in lineage["stages"]] == ["full", "lora"]
    assert lineage["hours"] == pytest.approx(sum(stage["hours"] for stage in lineage["stages"]), abs=1e-3)
    first, second = (find_base(f"bases/{name}").corpus_hashes for name in ("hotel", "second"))
    assert set(first) < set(second)
    card = Path("bases/second/README.md").read_text("utf-8")
    assert "general.txt" in card
    assert "reviews.txt" in card
    assert lingyu(["base", "show", "bases/second"]) == 0
    shown = capsys.readouterr().out
    assert "made from  bases/hotel weights " in shown
    assert "stage 2    tiny: lora, mlm, " in shown


def flip_a_bit_of_the_head(folder: Path) -> None:
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    content[8 + length + header["cls.predictions.bias"]["data_offsets"][0]] ^= 1
    file.write_bytes(content)


def change_a_hash(folder: Path) -> None:
    file = folder / "hashes.safetensors"
    content = bytearray(file.read_bytes())
    content[-8] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil_it", "says"),
    [
        (flip_a_bit_of_the_head, "model.safetensors: has SHA-256 "),
        (change_a_hash, "hashes.safetensors: has SHA-256 "),
        (lambda folder: (folder / "metrics.json").write_text("{}"), "metrics.json: has 2 bytes, but "),
        (lambda folder: (folder / "more.txt").write_text(""), "more.txt: is not listed in lineage.json"),
        (lambda folder: (folder / "README.md").unlink(), "'README.md' is listed in lineage.json but missing"),
    ],
)
def test_a_base_of_which_a_file_was_changed_is_not_verified(
    spoil_it: Callable[[Path], object],
    says: str,
    trained: PretrainingPlace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained.base, tmp_path / "moved")
    spoil_it(tmp_path / "moved")
    assert lingyu(["verify", str(tmp_path / "moved")]) == 1
    assert says in last_line(capsys)


def test_a_base_that_was_moved_is_verified_by_the_name_it_was_made_under(
    trained: PretrainingPlace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained.base, tmp_path / "moved")
    assert lingyu(["verify", str(tmp_path / "moved")]) == 0
    said = capsys.readouterr().out
    assert "  10 files, as its lineage.json lists them\n" in said
    assert "  lineage: bases/hotel <- ./bases/tiny\n" in said


# Stopped and resumed


def test_a_run_that_is_killed_ends_with_the_same_bytes(
    trained: PretrainingPlace, place: PretrainingPlace, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within its second epoch, whose order and masks are others than the first one's."""
    killed = start(place, repo)
    wait_for_step(place.folder, 10)
    killed.kill()
    killed.communicate()
    assert not place.base.exists()
    before = (place.runs()[0] / "before.safetensors").read_bytes()
    assert dapt([str(place.recipe), "--resume"]) == 0
    said = capsys.readouterr()
    assert "after checkpoint-8" in said.err, "it began anew"
    assert (place.runs()[0] / "before.safetensors").read_bytes() == before
    assert "kept step 16 of 16, the lowest loss on held-out text; 9,039 tokens in " in said.out
    assert said.out.endswith("next: train an adapter on it: accelerate launch train_lora.py RECIPE base=bases/hotel\n")
    assert place.weights() == trained.weights()
    rows = [read_metrics(at.runs()[0] / "metrics.jsonl") for at in (place, trained)]
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_a_run_that_is_stopped_and_then_killed_ends_with_the_same_bytes(
    trained: PretrainingPlace, place: PretrainingPlace, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = start(place, repo)
    wait_for_step(place.folder, 5)
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, err
    last = err.strip().splitlines()[-1]
    assert "is saved. Go on with: accelerate launch dapt.py runs/tiny/" in last
    recipe, *rest = last.partition("dapt.py ")[2].split()

    killed = start(place, repo, "--resume")
    wait_for_step(place.folder, 10)
    killed.kill()
    killed.communicate()
    assert not place.base.exists()

    assert dapt([recipe, *rest]) == 0
    assert "after checkpoint-" in capsys.readouterr().err, "it began anew"
    assert place.weights() == trained.weights()
    rows = [read_metrics(at.runs()[0] / "metrics.jsonl") for at in (place, trained)]
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_a_run_that_was_killed_before_it_published_publishes_without_training_again(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dapt([str(place.recipe), "train.max_steps=4"]) == 0
    weights = place.weights()
    run = place.runs()[0]
    state = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(state | {"version": None}))
    place.base.rename(place.folder / "away")
    capsys.readouterr()
    assert dapt([str(place.recipe), "train.max_steps=4", "--resume"]) == 0
    assert "step 1/4" not in capsys.readouterr().err
    assert place.weights() == weights


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        "train.gradient_accumulation_steps=3",
        "dapt.objective=[mlm,word_order,sentence_order]",
        "dapt.mode=lora",
        "dapt={mode: scratch, head_warmup_steps: 200}",
        "dapt.mode=distil",
    ],
)
def test_every_way_to_pretrain_survives_two_kills(
    setting: str, place: PretrainingPlace, tmp_path: Path, tiny_base: Path, repo: Path
) -> None:
    undisturbed = make_place(tmp_path / "undisturbed", tiny_base)
    process = start(undisturbed, repo, setting)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    for kill, step in enumerate((6, 11)):
        process = start(place, repo, setting, *(["--resume"] if kill else []))
        wait_for_step(place.folder, step)
        process.kill()
        process.communicate()
    assert dapt([str(place.recipe), setting, "--resume"]) == 0
    assert place.weights() == undisturbed.weights()


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["dapt.mode=full", "dapt.objective=[mlm,sentence_order]", "dapt.mode=distil"])
def test_two_processes_train_what_one_does(
    setting: str, place: PretrainingPlace, tmp_path: Path, tiny_base: Path, repo: Path
) -> None:
    settings = ["train.bf16=false", "train.dropout=0", setting]
    other = make_place(tmp_path / "other", tiny_base)
    assert dapt([str(place.recipe), *settings]) == 0
    launch_two(repo, "dapt.py", other.recipe, other.folder, *settings)
    one, both, before = (
        load_file(at / "model.safetensors") for at in (place.base, other.base, place.folder / "bases/tiny")
    )
    assert one.keys() == both.keys()
    assert max(float(np.abs(one[name] - both[name]).max()) for name in one) < 1e-4
    moved = "bert.encoder.layer.0.attention.self.query.weight"
    assert float(np.abs(one[moved] - before[moved]).max()) > 1e-3, "nothing moved, so the comparison means nothing"


# What is wrong is one line, and nothing is lost


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["base=./bases/tinny"], "./bases/tinny: no such folder. Did you mean bases/tiny?"),
        (["dapt.corpus=[empty.txt]"], "empty.txt: an empty corpus. Set dapt.corpus to files that hold text"),
        (["dapt.corpus=[binary.txt]"], "binary.txt:1: a NUL byte: this is no text file"),
        (["dapt.corpus=[nowhere.txt]"], "nowhere.txt: no such file or folder"),
        (["train.max_length=64", "base=./bases/short"], "train.max_length is 64, but the base reads 32 tokens at most"),
        (["publish.to=bases/short"], "bases/short: exists already. Name another in publish.to"),
        (["publish.to=bases/tiny"], "publish.to: the base itself"),
        (["publish.to=data", "publish.replace=true"], "data: is no base, so it is not replaced"),
        (["base=./bases/vocabulary"], "its tokenizer has"),
        (["train.max_length=4"], "train.max_length"),
        (["--resume"], "there is no unfinished run to resume"),
        (["--resume", "yesterday"], "yesterday: there is no such run"),
        (["--resume", "publish.to=bases/e"], "--resume took publish.to=bases/e for the name of a run"),
        (["--resume", "--dry-run"], "--dry-run goes on with no run. Leave out --resume"),
    ],
)
def test_bad_input_is_one_line_and_starts_no_run(
    overrides: list[str], says: str, place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(place.folder)
    assert dapt([str(place.recipe), *overrides]) == 2
    line = last_line(capsys)
    assert says in line
    assert not list(place.folder.glob("runs/tiny/*/checkpoints/*"))
    assert not place.base.exists()


def test_a_run_that_is_not_there_is_told_before_a_corpus_is_read(place: PretrainingPlace) -> None:
    assert dapt([str(place.recipe), "--resume", "yesterday"]) == 2
    assert not list(place.folder.glob("runs/.encoded/*"))


def spoil(folder: Path) -> None:
    (folder / "empty.txt").write_text("")
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 4)
    (folder / "data").mkdir()
    for name, change in (("short", {"max_position_embeddings": 32}), ("vocabulary", {"vocab_size": 20})):
        base = folder / "bases" / name
        base.mkdir()
        for file in (folder / "bases/tiny").iterdir():
            (base / file.name).write_bytes(file.read_bytes())
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps(config | change))


@pytest.mark.slow
def test_a_base_is_replaced_only_when_that_is_asked_for(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [str(place.recipe), "train.max_steps=4"]
    assert dapt(settings) == 0
    before = place.weights()
    assert dapt([*settings, "train.seed=1"]) == 2
    assert "bases/hotel: exists already" in last_line(capsys)
    assert place.weights() == before
    assert dapt([*settings, "train.seed=1", "publish.replace=true"]) == 0
    assert place.weights() != before
    assert sorted(entry.name for entry in place.base.parent.iterdir()) == ["hotel", "tiny"]


def test_a_dry_run_says_what_there_is_and_trains_nothing(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dapt([str(place.recipe), "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "read 200 = train 180 + held out 20" in said
    assert "trainable params" in said
    assert not list(place.folder.glob("runs/tiny/*"))


def test_texts_of_a_test_set_stop_a_run_or_are_left_out(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (place.folder / "reviews.txt").read_text("utf-8").splitlines(keepends=True)
    (place.folder / "test.txt").write_text("".join(lines[:3]), "utf-8")
    words = [str(place.recipe), "dapt.exclude=[test.txt]", "--dry-run"]
    assert dapt(words) == 1
    assert "reviews.txt: 3 texts of the test set test.txt stand in the corpus" in last_line(capsys)
    assert dapt([*words, "dapt.drop_test_texts=true"]) == 0
    assert "left out for the test set test.txt: 3 texts\nread 200 = train 177 + held out 20 + test texts 3\n" in (
        capsys.readouterr().err
    )


def test_a_recipe_that_resume_took_for_a_run_is_one_line(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dapt(["--resume", "tiny.yaml"]) == 2
    assert last_line(capsys).startswith("--resume took tiny.yaml for the name of a run")


def test_a_start_says_what_is_not_by_default_and_what_the_command_line_said(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dapt(["tiny.yaml", "train.seed=42", "--dry-run"]) == 0
    recipe = capsys.readouterr().err.partition("\n\n")[0].splitlines()
    assert recipe[0] == "name: tiny"
    assert "train.seed: 42  (from the command line)" in recipe
    assert recipe[-1] == "the rest is by default; all of it: lingyu check --resolved tiny.yaml"
    assert len(recipe) == 16
    assert dapt(["tiny.yaml", "train.seed=42", "--dry-run", "--overrides-from", "the chain"]) == 0
    assert "train.seed: 42  (from the chain)\n" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_step_is_one_line(
    number: signal.Signals,
    status: int,
    place: PretrainingPlace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lingyu.dapt.training.make_learner", lambda *_: signal.raise_signal(number))
    assert dapt([str(place.recipe)]) == status
    assert last_line(capsys) == "stopped before the first step; nothing was saved"
    monkeypatch.undo()
    monkeypatch.chdir(place.folder)
    monkeypatch.setattr("lingyu.dapt.training._measure", lambda *_: signal.raise_signal(number))
    assert dapt([str(place.recipe)]) == status
    assert last_line(capsys).startswith(
        "stopped before the first step was saved. Go on with: accelerate launch dapt.py "
    )


def test_a_run_that_diverges_stops_and_publishes_nothing(
    place: PretrainingPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dapt([str(place.recipe), "train.learning_rate=1e9", "train.bf16=false"]) == 1
    assert "training has diverged" in last_line(capsys)
    assert not place.base.exists()
