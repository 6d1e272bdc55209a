"""The main job by its real commands: trained, killed, resumed, stopped, on two processes, on a full disk."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .conftest import Workplace, make_workplace
from .running import launch, launch_two, wait_for_step

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


def start(place: Workplace, repo: Path, *arguments: str) -> subprocess.Popen[str]:
    return launch(repo / "train_lora.py", place.recipe, place.folder, *arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, repo: Path) -> Workplace:
    """A run that nothing disturbed."""
    place = make_workplace(tmp_path_factory.mktemp("trained") / "work", tiny_base)
    process = start(place, repo)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "published tiny@v1" in out
    return place


def test_a_run_leaves_a_version_that_is_whole(trained: Workplace, run_command: RunCommand) -> None:
    shown = run_command("lingyu", "adapters", "show", "tiny", "--json", cwd=trained.folder)
    assert shown.returncode == 0, shown.stderr
    metrics = json.loads((trained.folder / "adapters/tiny/v1/metrics.json").read_text("utf-8"))
    assert metrics["test"]["accuracy"]["value"] > 0.9, "好 and 差 were not learnt"
    assert metrics["alarms"] == []
    files = {file.name for file in (trained.folder / "adapters/tiny/v1").iterdir()}
    assert files == {
        "README.md", "adapter_config.json", "adapter_model.safetensors", "answers.safetensors", "audit.json",
        "confusion.png", "curves.png", "hashes.safetensors", "lingyu.json", "metrics.json", "recipe.yaml",
    }  # fmt: skip


def test_predict_answers_by_it(trained: Workplace, run_command: RunCommand) -> None:
    said = run_command("lingyu", "predict", "--adapter", "tiny", "--json", "房间很好", "服务很差", cwd=trained.folder)
    assert said.returncode == 0, said.stderr
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert [answer["label"] for answer in answers] == ["正面", "负面"]
    assert list(answers[0]) == ["text", "label", "probability", "probabilities", "version", "truncated"]
    assert answers[0]["version"] == "tiny@v1"


def test_a_run_killed_at_a_random_step_ends_with_the_same_bytes(
    trained: Workplace, workplace: Workplace, repo: Path
) -> None:
    step = random.randint(11, 85)
    print(f"killed at step {step}")
    process = start(workplace, repo)
    wait_for_step(workplace.folder, step)
    process.kill()
    process.communicate()
    audited = (workplace.runs()[0] / "audit.json").read_bytes()
    resumed = start(workplace, repo, "--resume")
    _, err = resumed.communicate(timeout=180)
    assert resumed.returncode == 0, err
    assert "after step 0" not in err, "it began anew"
    assert workplace.adapter_bytes() == trained.adapter_bytes()
    assert (workplace.runs()[0] / "audit.json").read_bytes() == audited, "the data was audited anew"
    rows = [
        [json.loads(line) for line in (place.runs()[0] / "metrics.jsonl").read_text("utf-8").splitlines()]
        for place in (workplace, trained)
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_and_the_command_that_goes_on(
    number: signal.Signals, status: int, trained: Workplace, workplace: Workplace, repo: Path
) -> None:
    process = start(workplace, repo)
    wait_for_step(workplace.folder, 23)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    last = err.strip().splitlines()[-1]
    assert "is saved. Go on with: accelerate launch train_lora.py" in last
    arguments = last.partition("train_lora.py ")[2].split()
    command = [sys.executable, str(repo / "train_lora.py"), *arguments]
    resumed = subprocess.run(command, cwd=workplace.folder, capture_output=True, text=True, timeout=180)
    assert resumed.returncode == 0, resumed.stderr
    assert workplace.adapter_bytes() == trained.adapter_bytes()


def test_the_launchers_end_by_sigterm_leaves_a_checkpoint(trained: Workplace, workplace: Workplace, repo: Path) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "-q", str(repo / "train_lora.py")]
    launcher = subprocess.Popen(
        [*command, str(workplace.recipe)], cwd=workplace.folder, stderr=subprocess.PIPE, text=True
    )
    wait_for_step(workplace.folder, 23)
    launcher.terminate()
    _, err = launcher.communicate(timeout=60)  # the training holds the pipe until it has ended
    assert "is saved. Go on with: accelerate launch train_lora.py" in err
    resumed = start(workplace, repo, "--resume")
    _, err = resumed.communicate(timeout=180)
    assert resumed.returncode == 0, err
    assert workplace.adapter_bytes() == trained.adapter_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ["lora.init_lora_weights=pissa_niter_4"],
        ["train.gradient_accumulation_steps=3"],
        ["lora.use_dora=true"],
        ["train.fgm_epsilon=0.5"],
        ["data.augment={max_copies: 2}"],
        ["train.eval_strategy=epoch", "train.eval_steps=null"],
    ],
    ids=lambda settings: settings[0],
)
def test_every_way_to_train_survives_a_kill_and_two_signals(
    settings: list[str], workplace: Workplace, tmp_path: Path, tiny_base: Path, repo: Path
) -> None:
    undisturbed = make_workplace(tmp_path / "undisturbed", tiny_base)
    process = start(undisturbed, repo, *settings)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    stops = ((signal.SIGKILL, 11, 25), (signal.SIGINT, 30, 45), (signal.SIGTERM, 50, 65))
    for number, earliest, latest in stops:
        step = random.randint(earliest, latest)
        print(f"{number.name} at step {step}")
        process = start(workplace, repo, *settings, *([] if number == signal.SIGKILL else ["--resume"]))
        wait_for_step(workplace.folder, step)
        process.send_signal(number)
        process.communicate()
    resumed = start(workplace, repo, *settings, "--resume")
    _, err = resumed.communicate(timeout=180)
    assert resumed.returncode == 0, err
    assert workplace.adapter_bytes() == undisturbed.adapter_bytes()


def test_two_processes_train_what_one_does(workplace: Workplace, tmp_path: Path, tiny_base: Path, repo: Path) -> None:
    config_file = workplace.folder / "bases/tiny/config.json"
    config = json.loads(config_file.read_text())
    no_dropout = config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    other = make_workplace(tmp_path / "other", tiny_base)
    for place in (workplace, other):
        (place.folder / "bases/tiny/config.json").write_text(json.dumps(no_dropout))
    settings = ["train.max_steps=20", "train.bf16=false", "train.load_best_model_at_end=false"]
    settings += ["train.early_stopping_patience=null"]
    one = start(workplace, repo, *settings)
    _, err = one.communicate(timeout=120)
    assert one.returncode == 0, err
    launch_two(repo, "train_lora.py", other.recipe, other.folder, *settings)
    weights = [load_file(place.folder / "adapters/tiny/v1/adapter_model.safetensors") for place in (workplace, other)]
    assert weights[0].keys() == weights[1].keys()
    largest = max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0])
    assert largest < 1e-4
    moved = max(float(tensor.abs().max()) for name, tensor in weights[0].items() if ".lora_B." in name)
    assert moved > 1e-2, "B starts at zero: it has to have moved for the comparison to mean anything"


def test_one_process_where_two_were_asked_for_is_one_line(workplace: Workplace, repo: Path) -> None:
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-q"),
            *(str(repo / "train_lora.py"), str(workplace.recipe)),
        ],
        cwd=workplace.folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert launched.returncode != 0
    assert "several processes were asked for, but the launcher started one" in launched.stderr
    assert not (workplace.folder / "adapters").exists()


def test_a_full_disk_is_one_line_and_keeps_the_last_whole_checkpoint(workplace: Workplace, repo: Path) -> None:
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
        "from lingyu.cli.train import main; sys.exit(main())"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(workplace.recipe)],
        cwd=workplace.folder,
        env={**os.environ, "HF_DATASETS_CACHE": str(workplace.folder / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 2, process.stderr
    assert "Traceback" not in process.stderr
    assert "--resume" in process.stderr.strip().splitlines()[-1]
    assert not (workplace.folder / "adapters").exists()
    resumed = start(workplace, repo, "--resume")
    _, err = resumed.communicate(timeout=180)
    assert resumed.returncode == 0, err


def test_nothing_leaves_the_machine(trained: Workplace) -> None:
    """What is published names no path and holds no text of the data."""
    published = trained.folder / "adapters/tiny/v1"
    for file in published.iterdir():
        content = file.read_bytes()
        assert str(trained.folder).encode() not in content, file
        assert "房间早餐".encode() not in content, file
    assert torch.isfinite(load_file(published / "answers.safetensors")["logits"]).all()
