"""What a run writes down: its own metrics.jsonl, and W&B as a mirror that never asks, never stops it."""

import json
import math
import os
import pty
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

import lingyu.lora.training
from lingyu.cli.doctor import wandb_login
from lingyu.cli.train import main as train_lora
from lingyu.errors import LingyuError
from lingyu.recipe import load_recipe
from lingyu.training import MetricsFile, Tracker, forget_after, read_metrics, wandb_has_key, wandb_mode
from lingyu.training.records import as_row, stop_on_nan

from ..e2e.conftest import Workplace, make_workplace

KEY = "k" * 40
TRAIN = {"loss": 0.5, "grad_norm": 1.5, "learning_rate": 1e-3, "epoch": 0.12345}
DEV = {"eval_loss": 0.25, "eval_accuracy": 0.9, "eval_macro_f1": 0.8, "eval_runtime": 3.0, "epoch": 1.0}

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


# metrics.jsonl


def test_a_logged_step_and_a_measurement_of_dev_are_rows_and_the_summary_is_none() -> None:
    assert as_row(TRAIN, 3, 0.12345) == {
        "step": 3,
        "epoch": 0.1235,
        "loss": 0.5,
        "grad_norm": 1.5,
        "learning_rate": 1e-3,
    }
    assert as_row(DEV, 10, 1.0) == {"step": 10, "epoch": 1.0, "dev": {"loss": 0.25, "accuracy": 0.9, "macro_f1": 0.8}}
    assert as_row({"train_runtime": 9.0, "train_loss": 0.4}, 10, 1.0) is None


def logged(file: Path, *logs: Mapping[str, float], first: bool = True, fp16: bool = False) -> None:
    """As Trainer logs, a step each."""
    for step, log in enumerate(logs, 1):
        state = TrainerState(global_step=step, epoch=step / 10, is_world_process_zero=first)
        MetricsFile(file).on_log(SimpleNamespace(fp16=fp16), state, TrainerControl(), logs=log)


def test_rows_are_appended_by_the_first_process_only(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    logged(file, TRAIN, first=False)
    assert read_metrics(file) == []
    logged(file, TRAIN, DEV, {"train_runtime": 1.0})
    rows = read_metrics(file)
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[1]["dev"]["macro_f1"] == 0.8


def test_rows_after_a_step_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    logged(file, TRAIN, DEV, TRAIN, DEV)
    kept = file.read_bytes().splitlines(keepends=True)[:2]
    forget_after(file, 2)
    assert file.read_bytes() == b"".join(kept)
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.jsonl"]
    forget_after(file, 0)
    assert read_metrics(file) == []


def test_a_row_cut_short_by_a_kill_is_none_and_gone_after_a_resume(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    logged(file, TRAIN, TRAIN)
    whole = file.read_bytes()
    for cut in range(len(whole) // 2 + 1, len(whole)):
        file.write_bytes(whole[:cut])
        assert [row["step"] for row in read_metrics(file)] == [1]
    forget_after(file, 5)
    assert file.read_bytes() == whole[: len(whole) // 2]


@pytest.mark.parametrize("line", [b"{", b"[1]", b"3", b'{"loss": 1}', b"\xff", b""])
def test_a_line_that_is_no_row_is_named(line: bytes, tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    logged(file, TRAIN)
    file.write_bytes(file.read_bytes() + line + b"\n")
    logged(file, TRAIN)
    with pytest.raises(LingyuError, match=r"metrics.jsonl:2: is no row of metrics"):
        read_metrics(file)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ({**TRAIN, "loss": math.nan}, "loss is nan at step 1"),
        ({**TRAIN, "loss": math.inf}, "loss is inf at step 1"),
        ({**TRAIN, "grad_norm": math.nan}, "grad_norm is nan at step 1"),
        ({**DEV, "eval_loss": math.nan}, "dev loss is nan at step 1"),
    ],
)
def test_what_is_no_number_stops_the_run_with_status_1(log: dict[str, float], says: str, tmp_path: Path) -> None:
    with pytest.raises(LingyuError, match=says) as caught:
        logged(tmp_path / "metrics.jsonl", log)
    assert caught.value.status == 1
    assert "train.learning_rate" in (caught.value.next or "")
    assert not (tmp_path / "metrics.jsonl").exists()


def test_under_float16_a_gradient_that_overflows_is_the_search_for_a_scale(tmp_path: Path) -> None:
    logged(tmp_path / "metrics.jsonl", {**TRAIN, "grad_norm": math.inf}, fp16=True)
    with pytest.raises(LingyuError):
        stop_on_nan({"step": 1, "loss": math.nan}, is_loss_scaled=True)


def test_before_the_first_step_it_is_the_base_that_gives_no_number() -> None:
    with pytest.raises(LingyuError, match="dev loss is nan at step 0: so the base gives it"):
        stop_on_nan({"step": 0, "dev": {"loss": math.nan}})


# Whether W&B would ask


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, and no mode set."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_MODE")
    return tmp_path


def netrc(file: Path, entry: str) -> None:
    file.write_text(f"{entry}\n  login user\n  password {KEY}\n")


def test_without_a_login_runs_are_offline(home: Path) -> None:
    assert not wandb_has_key()
    assert wandb_mode() == "offline"


@pytest.mark.parametrize("variable", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_a_login_in_the_environment_is_one_unless_it_is_empty(
    variable: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "")
    assert wandb_mode() == "offline"
    monkeypatch.setenv(variable, KEY)
    assert wandb_mode() == "online"


def test_the_login_of_netrc_counts_for_its_own_server_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc(home / ".netrc", "machine api.wandb.ai")
    assert wandb_has_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example:8080/")
    assert not wandb_has_key()
    netrc(home / ".netrc", "machine wandb.example:8080")
    assert wandb_has_key()


def test_a_default_entry_is_a_login_for_anything_and_none_for_wandb(home: Path) -> None:
    netrc(home / ".netrc", "default")
    assert not wandb_has_key()


def test_netrc_is_where_the_variable_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc(home / "elsewhere", "machine api.wandb.ai")
    assert not wandb_has_key()
    monkeypatch.setenv("NETRC", "~/elsewhere")
    assert wandb_has_key()
    monkeypatch.setenv("NETRC", str(home / "gone"))
    netrc(home / ".netrc", "machine api.wandb.ai")
    assert not wandb_has_key()


@pytest.mark.parametrize("content", [b"machine api.wandb.ai login user", b"\xff\xfe", b"machine", b"nonsense"])
def test_a_netrc_that_can_not_be_read_is_none(content: bytes, home: Path) -> None:
    (home / ".netrc").write_bytes(content)
    assert not wandb_has_key()


def test_a_netrc_that_others_may_read_is_read_as_wandb_reads_it(home: Path) -> None:
    netrc(home / ".netrc", "machine api.wandb.ai")
    (home / ".netrc").chmod(0o644)
    assert wandb_has_key()


def test_a_server_of_ones_own_is_the_one_that_wandb_login_wrote_down(home: Path) -> None:
    netrc(home / ".netrc", "machine api.wandb.ai")
    (home / ".config/wandb").mkdir(parents=True)
    settings = home / ".config/wandb/settings"
    settings.write_text("[default]\nbase_url = https://wandb.example\n")
    assert not wandb_has_key(), "wandb would ask for the key of that server"
    netrc(home / ".netrc", "machine wandb.example")
    assert wandb_has_key()
    settings.write_text("no settings at all")
    assert not wandb_has_key()


@pytest.mark.parametrize(
    ("asked", "without_login", "with_login"),
    [
        ("", "offline", "online"),
        ("online", "offline", "online"),
        ("shared", "offline", "shared"),
        ("offline", "offline", "offline"),
        ("dryrun", "offline", "offline"),
        ("disabled", "disabled", "disabled"),
    ],
)
def test_the_mode_that_is_set_is_taken_where_nothing_has_to_be_asked(
    asked: str, without_login: str, with_login: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", asked)
    assert wandb_mode() == without_login
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_mode() == with_login


@pytest.mark.parametrize(
    ("asked", "state", "says"),
    [
        ("", "good", "offline, not logged in; `wandb login` sends runs"),
        ("offline", "good", "offline (WANDB_MODE), not logged in"),
        ("dryrun", "good", "offline (WANDB_MODE), not logged in"),
        ("online", "note", "offline, not logged in, although WANDB_MODE=online"),
    ],
)
def test_the_doctor_says_the_same(
    asked: str, state: str, says: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", asked)
    check = wandb_login()
    assert check.state == state
    assert check.detail.startswith(says)


# A real run on a terminal


@dataclass(frozen=True)
class Recorded:
    """A run with `report_to: [wandb]` by someone who never logged in. said: what stood on the terminal."""

    place: Workplace
    status: int
    said: str

    @property
    def run(self) -> Path:
        return self.place.runs()[0]

    def records(self, what: str) -> list[Any]:
        (file,) = self.run.glob("wandb/offline-run-*/run-*.wandb")
        return [getattr(record, what) for record in wandb_records(file) if record.WhichOneof("record_type") == what]


def wandb_records(file: Path) -> Iterator[Any]:
    """The records of a .wandb file: LevelDB's log format behind 7 bytes; a record is a protobuf message.

    Blocks of 32 KiB hold pieces: crc32 (4 bytes), size (2), kind (1: whole, 2 3 4: first, middle, last).
    """
    from wandb.proto import wandb_internal_pb2

    data, at, message = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        _, size, kind = struct.unpack_from("<IHB", data, at) if left >= 7 else (0, 0, 0)
        if kind == 0:  # the rest of the block is filling
            at += left
            continue
        if at + 7 + size > len(data):  # still being written
            return
        message += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(message)
            message = b""
            yield record


def as_dict(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def on_a_terminal(
    command: Sequence[str], folder: Path, *, until: str | None = None, timeout_s: float = 120
) -> tuple[int, str]:
    """(status, what it said) of a command whose stdin, stdout and stderr are a terminal, where nobody types.

    until: end it once it says this.
    """
    ours, theirs = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name != "WANDB_MODE"}
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + timeout_s
    while time.monotonic() < deadline and not (until and until in said.decode("utf-8", "replace")):
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            said += os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
    else:
        process.kill()
    status = process.wait(timeout=30)
    os.close(ours)
    return status, said.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, repo: Path) -> Recorded:
    pytest.importorskip("wandb")
    place = make_workplace(tmp_path_factory.mktemp("recorded") / "work", tiny_base)
    command = [sys.executable, str(repo / "train_lora.py"), str(place.recipe), "report_to=[wandb]"]
    return Recorded(place, *on_a_terminal([*command, "train.max_steps=20"], place.folder))


def test_it_runs_through_and_asks_nothing(recorded: Recorded) -> None:
    assert recorded.status == 0, recorded.said
    assert "published tiny@v1" in recorded.said
    assert "choice" not in recorded.said
    assert "W&B" not in recorded.said, "a warning"


def test_on_that_terminal_wandb_itself_would_ask(tmp_path: Path) -> None:
    """Without this the test above proves nothing."""
    pytest.importorskip("wandb")
    script = "import wandb; wandb.init(mode='online', project='x', dir='.')"
    _, said = on_a_terminal([sys.executable, "-c", script], tmp_path, until="Enter your choice", timeout_s=60)
    assert "Enter your choice" in said


def test_the_run_stands_where_it_is_looked_for(recorded: Recorded) -> None:
    run = recorded.records("run")[0]
    assert (run.project, run.run_group, run.job_type) == ("lingyu", "tiny", "train")
    assert run.display_name == "tiny-tiny-r4-s42"
    assert set(run.tags) == {"tiny", "single_label"}


def test_its_config_is_the_resolved_recipe(recorded: Recorded) -> None:
    config = as_dict(recorded.records("run")[0].config.update)
    config.pop("_wandb", None)
    assert config == load_recipe(recorded.run / "recipe.yaml").model_dump(mode="json")
    assert config["train"]["max_steps"] == 20
    assert config["lora"]["r"] == 4


def test_its_history_is_metrics_jsonl(recorded: Recorded) -> None:
    history = [as_dict(record.item) for record in recorded.records("history")]
    rows = read_metrics(recorded.run / "metrics.jsonl")
    assert [row["step"] for row in rows if "dev" in row] == [10, 20]
    for row in rows:
        (there,) = (entry for entry in history if entry["_step"] == row["step"])
        ours = {key: value for key, value in row.items() if key not in ("step", "dev")}
        ours |= {f"dev/{key}": value for key, value in row.get("dev", {}).items()}
        assert {key: there[key] for key in ours} == pytest.approx(ours)
    assert {"dev/macro_f1", "dev/accuracy", "dev/loss", "loss"} <= history[-1].keys()


def test_its_summary_has_the_test_and_its_end_is_written(recorded: Recorded) -> None:
    metrics = json.loads((recorded.place.folder / "adapters/tiny/v1/metrics.json").read_text("utf-8"))
    summary: dict[str, Any] = {}
    for record in recorded.records("summary"):
        summary |= as_dict(record.update)
    assert summary["test/macro_f1"] == metrics["test"]["macro_f1"]["value"]
    assert [record.exit_code for record in recorded.records("exit")] == [0]


def test_the_adapter_is_an_artifact(recorded: Recorded) -> None:
    (artifact,) = recorded.records("artifact")
    assert (artifact.name, artifact.type) == ("tiny-adapter", "adapter")
    assert json.loads(artifact.metadata) == {"version": "v1"}
    version = recorded.place.folder / "adapters/tiny/v1"
    assert {entry.path for entry in artifact.manifest.contents} == {file.name for file in version.iterdir()}


# No W&B, or one that fails


def test_without_wandb_none_trains_and_wandb_is_one_line(
    tmp_path: Path, tiny_base: Path, run_command: RunCommand
) -> None:
    place = make_workplace(tmp_path / "work", tiny_base)
    script = """
import sys
sys.modules["wandb"] = None  # any import of it fails from here on
from lingyu.cli.train import main
settings = [sys.argv[1], "train.max_steps=2", "train.eval_steps=2"]
print(main([*settings, "report_to=none"]), main([*settings, "report_to=[wandb]"]))
"""
    done = run_command(sys.executable, "-c", script, place.recipe, cwd=place.folder)
    assert done.stdout.splitlines()[-1] == "0 2", done.stderr
    line = done.stderr.splitlines()[-1]
    assert line == "this needs the package wandb. Install it with: pip install 'lingyu[wandb]'"
    assert [entry.name for entry in (place.folder / "adapters/tiny").glob("v*")] == ["v1"]


class Broken:
    """A W&B run of which every call fails."""

    def __getattr__(self, name: str) -> object:
        raise ConnectionError("the server has gone")


def test_a_tracker_that_fails_does_not_stop_the_run_and_is_said_once(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = make_workplace(tmp_path / "work", tiny_base)
    monkeypatch.chdir(place.folder)
    monkeypatch.setattr(lingyu.lora.training, "tracker_for", lambda *_, **__: Tracker(Broken()))
    assert train_lora([str(place.recipe), "train.max_steps=10"]) == 0
    assert (place.folder / "adapters/tiny/v1/lingyu.json").is_file()
    assert [record.getMessage() for record in caplog.records if record.name == "lingyu.records"] == [
        "W&B: ConnectionError: the server has gone"
    ]


def test_a_tracker_that_does_not_start_does_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wandb = pytest.importorskip("wandb")

    def init(**_: object) -> None:
        raise wandb.errors.UsageError("no server")

    monkeypatch.setattr(wandb, "init", init)
    tracker = lingyu.lora.training.tracker_for(
        ["wandb"], group="g", job_type="train", name="n", tags=["t"], config={}, folder=tmp_path
    )
    tracker.log({"step": 1, "loss": 1.0})
    tracker.finish()
    assert "W&B could not start: UsageError: no server" in caplog.text


def test_an_empty_mode_and_an_empty_tag_do_not_cost_the_record(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "")
    tracker = lingyu.lora.training.tracker_for(
        ["wandb"], group="g", job_type="train", name="n", tags=["", "t", "t"], config={}, folder=home
    )
    assert tracker.run is not None
    tracker.log({"step": 1, "loss": 1.0})
    tracker.finish()
    assert not tracker.failures
    (file,) = home.glob("wandb/offline-run-*/run-*.wandb")
    deadline = time.monotonic() + 30  # wandb's own process may still be writing it down
    while not (runs := [record.run for record in wandb_records(file) if record.HasField("run")]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert list(runs[0].tags) == ["t"]
