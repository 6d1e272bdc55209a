"""What a run writes down: its own metrics.jsonl, which reports read, and W&B as a mirror of it.

A tracker that fails never stops a run, and never asks a question: without a key W&B runs offline.
"""

import configparser
import contextlib
import json
import logging
import math
import netrc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lingyu.data import in_one_go
from lingyu.errors import LingyuError, missing_extra
from lingyu.recipe import FIGURES

_LOG = logging.getLogger("lingyu.records")


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl: {"step", "epoch", "loss", ...} and {"step", "epoch", "dev": {...}}.

    A last line without an end is none: a process was killed, or the disk was full, while it was written. Raises
    LingyuError for any other line that is no row.
    """
    if not file.is_file():
        return []
    *lines, _ = file.read_bytes().split(b"\n")
    return [_row(line, f"{file}:{number}") for number, line in enumerate(lines, 1)]


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or "step" not in row:
        raise LingyuError("is no row of metrics", where=where, next="Remove that line")
    return row


def forget_after(file: Path, step: int) -> None:
    """Drop the rows after a step: a resumed run writes them again."""
    rows = [row for row in read_metrics(file) if row["step"] <= step]
    with in_one_go(file) as staged:
        staged.path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def as_row(logs: Mapping[str, float], step: int, epoch: float | None) -> dict[str, Any] | None:
    """A row of metrics.jsonl for what Trainer logs; None for its closing summary."""
    row: dict[str, Any] = {"step": step, "epoch": round(epoch or 0.0, 4)}
    if "loss" in logs:
        return row | {key: logs[key] for key in ("loss", "grad_norm", "learning_rate") if key in logs}
    dev = {key.removeprefix("eval_"): value for key, value in logs.items() if key in _DEV_KEYS}
    return row | {"dev": dev} if dev else None


_DEV_KEYS = frozenset(f"eval_{figure}" for figure in FIGURES)


class MetricsFile(TrainerCallback):  # type: ignore[misc]
    """Appends every logged row to metrics.jsonl, and stops on a loss or gradient that is not a number."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        row = as_row(logs or {}, state.global_step, state.epoch)
        if row is None:
            return
        stop_on_nan(row, is_loss_scaled=args.fp16)
        if state.is_world_process_zero:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


def stop_on_nan(row: Mapping[str, Any], *, is_loss_scaled: bool = False) -> None:
    """Raises LingyuError where training has diverged, or the base itself gives no number.

    Nothing after that is worth its time, nothing is published. is_loss_scaled: float16 finds its scale by gradients
    that overflow; those steps are left out, and the run is well.
    """
    values = {"loss": row.get("loss"), "dev loss": row.get("dev", {}).get("loss")}
    if not is_loss_scaled:
        values["grad_norm"] = row.get("grad_norm")
    why, first = "training has diverged", "Lower train.learning_rate"
    if row["step"] == 0:
        why, first = "so the base gives it", "Look at the base: lingyu verify BASE"
    for name, value in values.items():
        if value is not None and not math.isfinite(value):
            raise LingyuError(
                f"{name} is {value} at step {row['step']}: {why}",
                next=f"{first}, or set train.bf16=false and train.fp16=false",
                status=1,
            )


def wandb_has_key() -> bool:
    """Whether W&B can log in without asking: by the environment, or by the netrc entry of its server."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    try:
        # not authenticators(), which gives the file's `default` entry, a login for anywhere, to a server without one
        entry = netrc.netrc(_netrc_file()).hosts.get(_wandb_host())
    except (OSError, ValueError, netrc.NetrcParseError):
        return False
    return entry is not None and bool(entry[2])


def _netrc_file() -> Path:
    if os.environ.get("NETRC"):
        return Path(os.environ["NETRC"]).expanduser()
    return next(
        (file for name in (".netrc", "_netrc") if (file := Path.home() / name).exists()), Path.home() / ".netrc"
    )


def _wandb_host() -> str:
    """The server's name, and port where it has one: of WANDB_BASE_URL, `wandb login --host`, or the public one."""
    settings = configparser.ConfigParser(interpolation=None)
    folder = os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb"
    with contextlib.suppress(OSError, ValueError, configparser.Error):
        settings.read(Path(folder).expanduser() / "settings", "utf-8")
    saved = settings.get("default", "base_url", fallback="https://api.wandb.ai")
    return urlsplit(os.environ.get("WANDB_BASE_URL") or saved).netloc


WandbMode = Literal["online", "offline", "disabled", "shared"]


def wandb_mode() -> WandbMode:
    """WANDB_MODE where it is set, else online; but offline for whoever is not logged in: never a question."""
    asked = os.environ.get("WANDB_MODE")
    if asked == "disabled":
        return "disabled"
    if asked in ("offline", "dryrun") or not wandb_has_key():
        return "offline"
    return "shared" if asked == "shared" else "online"


class Tracker:
    """A W&B run, or nothing with the same methods. Use `tracker_for`."""

    def __init__(self, run: Any = None) -> None:
        self.run = run
        self.failures: set[str] = set()

    def log(self, row: Mapping[str, Any]) -> None:
        flat = {key: value for key, value in row.items() if key not in ("step", "dev")}
        flat |= {f"dev/{key}": value for key, value in row.get("dev", {}).items()}
        self._try(lambda run: run.log(flat, step=row["step"]))

    def summary(self, values: Mapping[str, Any]) -> None:
        self._try(lambda run: run.summary.update(dict(values)))

    def artifact(self, name: str, folder: Path, metadata: Mapping[str, Any]) -> None:
        """The adapter's files as an artifact of type `adapter`; our store keeps the copy that counts."""

        def log_artifact(run: Any) -> None:
            import wandb

            artifact = wandb.Artifact(name, type="adapter", metadata=dict(metadata))
            artifact.add_dir(str(folder))
            run.log_artifact(artifact)

        self._try(log_artifact)

    def finish(self, exit_code: int = 0) -> None:
        self._try(lambda run: run.finish(exit_code=exit_code))

    def _try(self, call: Any) -> None:
        if self.run is None:
            return
        try:
            call(self.run)
        except Exception as error:  # whatever a tracker does, the run goes on
            failure = f"{type(error).__name__}: {error}"
            if failure not in self.failures:  # said once, not at every step
                _LOG.warning("W&B: %s", failure)
            self.failures.add(failure)


def require_tracker(report_to: Iterable[str]) -> None:
    """Raises LingyuError where wandb is asked for and not installed."""
    if "wandb" in report_to:
        try:
            import wandb  # noqa: F401
        except ImportError:
            raise missing_extra("wandb", "wandb") from None


def tracker_for(
    report_to: Iterable[str],
    *,
    group: str,
    job_type: str,
    name: str,
    tags: Iterable[str],
    config: Mapping[str, Any],
    folder: Path,
) -> Tracker:
    """Start what report_to asks for; see require_tracker."""
    if "wandb" not in report_to:
        return Tracker()
    import wandb

    if not os.environ.get("WANDB_MODE"):
        os.environ.pop("WANDB_MODE", None)  # set but empty, it is a fault to wandb
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "lingyu",
            group=group,
            job_type=job_type,
            name=name,
            tags=list(dict.fromkeys(tag[:64] for tag in tags if tag)),  # 1 to 64 characters each, or it stops
            config=dict(config),
            dir=str(folder),
            mode=wandb_mode(),
            settings=wandb.Settings(silent=True, console="off"),
        )
    except Exception as error:  # the same: a tracker that fails never stops a run
        _LOG.warning("W&B could not start: %s: %s", type(error).__name__, error)
        return Tracker()
    return Tracker(run)


class TrackerCallback(TrainerCallback):  # type: ignore[misc]
    """Mirrors every row of metrics.jsonl to the tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        row = as_row(logs or {}, state.global_step, state.epoch)
        if row is not None and state.is_world_process_zero:
            self.tracker.log(row)
