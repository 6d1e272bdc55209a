"""`lingyu chain` by its real command: from raw text to a measured adapter, skipped, changed, stopped, killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lingyu.chain import Done, read_chain, run_chain
from lingyu.cli import main
from lingyu.errors import LingyuError

from .conftest import Workplace, make_workplace

RunCommand = Callable[..., subprocess.CompletedProcess[str]]

SHORT = """\
name: short
stages:
  - name: corpus
    corpus: {sources: [raw], to: data/corpus/hotel, exclude: [tiny.yaml], licence: CC0-1.0}
  - name: adapter
    recipe: tiny.yaml
    set: {train.max_steps: 4, train.eval_steps: 2}
"""
DAPT = """\
name: dapt-tiny
base: ./bases/tiny
dapt: {corpus: [data/corpus/hotel], segmenter: characters, head_warmup_steps: 0, exclude: [tiny.yaml], held_out: 0.1}
train: {max_steps: 40, tokens_per_batch: 256, max_length: 32, eval_steps: 5, logging_steps: 1}
publish: {to: bases/dapt}
"""
WHOLE = """\
name: whole
stages:
  - name: corpus
    corpus: {sources: [raw], to: data/corpus/hotel, exclude: [tiny.yaml]}
  - name: dapt
    recipe: dapt.yaml
  - name: adapter
    recipe: tiny.yaml
    set: {base: ./bases/dapt}
  - name: test
    evaluate: {adapter: tiny, recipe: tiny.yaml}
"""


def with_chains(place: Workplace) -> Workplace:
    draw = random.Random(3)
    lines = [
        "".join(draw.choices("房间早餐服务前台物流书酒店干净热情满意失望推荐", k=draw.randint(8, 30)))
        for _ in range(300)
    ]
    (place.folder / "raw").mkdir()
    (place.folder / "raw/hotel.txt").write_text("\n".join(lines) + "\n", "utf-8")
    for name, text in (("short", SHORT), ("dapt", DAPT), ("whole", WHOLE)):
        (place.folder / f"{name}.yaml").write_text(text, "utf-8")
    return place


@pytest.fixture
def place(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(workplace.folder)
    return with_chains(workplace)


def call(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """(the lines of stdout, stderr) of a call in this process; its stages have their own."""
    status = main(["chain", *words])
    out, err = capfd.readouterr()
    assert status == 0, err
    return out.splitlines(), err


def test_a_second_call_skips_and_a_third_runs_what_a_change_reaches(
    place: Workplace, capfd: pytest.CaptureFixture[str]
) -> None:
    (corpus, adapter), err = call(capfd, "short.yaml")
    assert corpus.startswith("corpus: ran in ")
    assert adapter.endswith("s, tiny@v1")
    assert "stage 1 of 2, corpus, runs: it has not run yet" in err
    assert "published tiny@v1" in err, "what a stage says is seen"
    assert call(capfd, "short.yaml") == (
        [
            "corpus: skipped (nothing changed), data/corpus/hotel",
            "adapter: skipped (nothing changed), tiny@v1",
        ],
        "",
    )
    raw = place.folder / "raw/hotel.txt"
    raw.write_text(raw.read_text("utf-8") + "物流很快，包装也好\n", "utf-8")
    lines, _ = call(capfd, "short.yaml", "--dry-run")
    assert lines == ["corpus: would run: raw has changed", "adapter: would be skipped (nothing changed)"]
    out, _ = call(capfd, "short.yaml", "--json")
    stages = json.loads("\n".join(out))["stages"]
    assert [(stage["outcome"], stage["why"]) for stage in stages] == [("ran", ["raw has changed"]), ("skipped", [])]
    assert place.folder.joinpath("adapters/tiny/v1").is_dir()
    assert not place.folder.joinpath("adapters/tiny/v2").exists()


def test_recipes_may_be_edited_while_an_earlier_stage_runs(place: Workplace) -> None:
    """Each stage is known by what its process reads: the recipe at its own beginning, not at that of the chain."""

    def stages() -> Iterator[Done]:
        return run_chain(read_chain(Path("short.yaml")), lambda *_: None)

    before = place.recipe.read_text("utf-8")
    running = stages()
    assert next(running).output == "data/corpus/hotel"
    place.recipe.write_text(before.replace("lora: {r: 4}", "lora: {r: 2}"), "utf-8")
    assert [(done.outcome, done.output) for done in running] == [("ran", "tiny@v1")]
    recipe = (place.folder / "adapters/tiny/v1/recipe.yaml").read_text("utf-8")
    assert "r: 2" in recipe
    assert [done.outcome for done in stages()] == ["skipped", "skipped"]
    place.recipe.write_text(before, "utf-8")
    _, done = stages()
    assert (done.outcome, done.why, done.output) == ("ran", ("lora.r was 2, is 4",), "tiny@v2")


def test_a_chain_whose_stages_change_while_it_runs_stops_before_the_next(place: Workplace) -> None:
    file = place.folder / "short.yaml"
    running = run_chain(read_chain(file), lambda *_: None)
    next(running)
    file.write_text(SHORT.replace("name: adapter", "name: adaptor"), "utf-8")
    with pytest.raises(LingyuError, match="its stages have changed since it was started"):
        next(running)
    assert not (place.folder / "adapters").exists()


def test_a_folder_that_the_chain_did_not_make_is_not_replaced(
    place: Workplace, capfd: pytest.CaptureFixture[str]
) -> None:
    source, corpus = place.folder / "raw/hotel.txt", place.folder / "data/corpus/hotel"
    assert main(["data", "corpus", str(source), "--out", str(corpus)]) == 0
    before = (corpus / "corpus.json").read_bytes()
    assert main(["chain", "short.yaml"]) == 2
    *_, theirs, ours = capfd.readouterr().err.splitlines()
    assert "the corpus is there already" in theirs
    assert "stage corpus ended with status 2" in ours
    assert "Go on there with: lingyu chain short.yaml" in ours
    assert (corpus / "corpus.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("short.yaml", "--from", "adaptor"), "Did you mean adapter?"),
        (("short.yaml", "--launch", ""), "--launch: is empty"),
        (("tiny.yaml",), "train_lora.py tiny.yaml"),
        (("nowhere.yaml",), "nowhere.yaml"),
    ],
)
def test_a_wrong_call_is_one_line_before_anything_runs(
    words: tuple[str, ...], message: str, place: Workplace, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["chain", *words]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line
    assert not place.folder.joinpath("runs").exists()


# ---- the whole way, and disturbed


def start(place: Workplace, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lingyu", "chain", *words]
    env = {**os.environ, "WANDB_MODE": "offline"}  # transformers tells of it on stdout, which is for answers
    return subprocess.Popen(
        command, cwd=place.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(place: Workplace, *words: str) -> list[str]:
    process = start(place, *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.splitlines()


def wait_for_step(place: Workplace, recipe: str, step: int) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        for file in place.folder.glob(f"runs/{recipe}/*/metrics.jsonl"):
            lines = file.read_text("utf-8").splitlines()
            if lines and json.loads(lines[-1])["step"] >= step:
                return
        time.sleep(0.005)
    pytest.fail(f"step {step} of {recipe} was not reached")


def weights(place: Workplace) -> tuple[bytes, bytes]:
    base = place.folder / "bases/dapt/model.safetensors"
    return base.read_bytes(), place.adapter_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workplace:
    place = with_chains(make_workplace(tmp_path_factory.mktemp("chained") / "work", tiny_base))
    lines = finished(place, "whole.yaml")
    assert [line.partition(" ran in ")[0] for line in lines[:4]] == ["corpus:", "dapt:", "adapter:", "test:"]
    assert "TF-IDF" in lines[4]
    return place


@pytest.mark.slow
def test_one_command_takes_raw_text_to_a_measured_adapter_on_the_new_base(undisturbed: Workplace) -> None:
    folder = undisturbed.folder
    manifest = json.loads((folder / "adapters/tiny/v1/lingyu.json").read_text("utf-8"))
    assert manifest["base"]["id"] == "./bases/dapt"
    measured = json.loads((folder / "runs/whole/test.json").read_text("utf-8"))
    says = json.loads((folder / "adapters/tiny/v1/metrics.json").read_text("utf-8"))
    assert measured["adapter"] == "tiny@v1"
    assert measured["metrics"]["test"] == says["test"]
    again = finished(undisturbed, "whole.yaml")
    assert [line for line in again if "skipped (nothing changed)" in line] == again[:4]


def stop(process: subprocess.Popen[str], number: signal.Signals, status: int) -> None:
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    assert err.splitlines()[-1].endswith("Go on with: lingyu chain whole.yaml")


def kill(process: subprocess.Popen[str]) -> None:
    """The chain alone; what it started hears of it."""
    process.kill()
    process.communicate(timeout=120)  # the stage's process holds the pipes until it has ended


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        lambda process: stop(process, signal.SIGINT, 130),
        lambda process: stop(process, signal.SIGTERM, 143),
        kill,
    ],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_a_chain_that_was_ended_goes_on_there_and_comes_to_the_same_bytes(
    end: Callable[[subprocess.Popen[str]], Any], undisturbed: Workplace, place: Workplace
) -> None:
    for recipe in ("dapt-tiny", "tiny"):
        process = start(place, "whole.yaml")
        wait_for_step(place, recipe, random.randint(8, 30))
        end(process)
    lines = finished(place, "whole.yaml")
    assert lines[0].startswith("corpus: skipped")
    assert lines[1].startswith("dapt: skipped")
    assert lines[2].startswith("adapter: went on and ended")
    assert weights(place) == weights(undisturbed)
    assert len(list(place.folder.glob("runs/dapt-tiny/*/run.json"))) == 1
    assert len(place.runs()) == 1


@pytest.mark.slow
def test_what_ended_while_nobody_wrote_it_down_is_not_done_again(place: Workplace) -> None:
    finished(place, "whole.yaml")
    file = place.folder / "runs/whole/chain.json"
    state = json.loads(file.read_text("utf-8"))
    for name in ("dapt", "adapter"):  # as a call that was killed at the very end of that stage leaves it
        entry = state["stages"][name]
        recipe = {"dapt": "dapt-tiny", "adapter": "tiny"}[name]
        assert (place.folder / "runs" / recipe).is_dir()
        started = {"inputs": entry["inputs"], "found": None, "runs": [], "replaces": False}
        state["stages"][name] = {"inputs": None, "output": None, "started": started}
    file.write_text(json.dumps(state), "utf-8")
    lines = finished(place, "whole.yaml")
    assert lines[1] == "dapt: had ended already, bases/dapt"
    assert lines[2] == "adapter: had ended already, tiny@v1"
    assert finished(place, "whole.yaml")[1] == "dapt: skipped (nothing changed), bases/dapt"


@pytest.mark.slow
def test_a_changed_corpus_replaces_the_chain_s_own_base_and_everything_after_it(place: Workplace) -> None:
    finished(place, "whole.yaml")
    before = weights(place)[0]
    raw = place.folder / "raw/hotel.txt"
    text = raw.read_text("utf-8")
    raw.write_text(text + text.splitlines()[0] + "\n", "utf-8")  # a repeat, which the corpus leaves out
    lines = finished(place, "whole.yaml")
    assert lines[0].startswith("corpus: ran")
    assert lines[1].startswith("dapt: skipped"), "the corpus that came out is the same"
    raw.write_text(text + "前台很热情，酒店满意，推荐\n" * 3, "utf-8")
    lines = finished(place, "whole.yaml")
    assert [" ran in " in line for line in lines[:4]] == [True] * 4
    assert weights(place)[0] != before
    assert lines[2].endswith("tiny@v2")
    lines = finished(place, "whole.yaml", "--from", "adapter")
    assert lines[:2] == ["corpus: passed over, data/corpus/hotel", "dapt: passed over, bases/dapt"]
    assert lines[2].endswith("tiny@v3")


@pytest.mark.slow
def test_a_base_that_someone_else_put_there_stays(place: Workplace, tiny_base: Path) -> None:
    theirs = place.folder / "bases/dapt"
    (place.folder / "bases/tiny").rename(theirs)
    os.symlink(theirs, place.folder / "bases/tiny")
    before = (theirs / "model.safetensors").read_bytes()
    for _ in range(2):
        process = start(place, "whole.yaml")
        _, err = process.communicate(timeout=120)
        assert process.returncode == 2, err
        assert "stage dapt ended with status 2" in err.splitlines()[-1]
        assert (theirs / "model.safetensors").read_bytes() == before


@pytest.mark.slow
def test_a_launcher_starts_what_trains(place: Workplace) -> None:
    launch = f"{sys.executable} -m accelerate.commands.launch -q"
    lines = finished(place, "short.yaml", "--launch", launch)
    assert lines[1].endswith("tiny@v1")
