"""What a run writes down: its own metrics.jsonl, which reports read, and W&B as a mirror of it.

A tracker that fails never stops a run, and never asks a question: without a key W&B runs offline.
"""

import json
import logging
import netrc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lingyu.errors import LingyuError, missing_extra

_LOG = logging.getLogger("lingyu.records")


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl: {"step", "epoch", "loss", ...} and {"step", "epoch", "dev": {...}}."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def forget_after(file: Path, step: int) -> None:
    """Drop the rows after a step: a resumed run writes them again."""
    rows = [row for row in read_metrics(file) if row["step"] <= step]
    temporary = file.with_name(f".{file.name}")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    temporary.replace(file)


def as_row(logs: Mapping[str, float], step: int, epoch: float | None) -> dict[str, Any] | None:
    """A row of metrics.jsonl for what Trainer logs; None for its closing summary."""
    row: dict[str, Any] = {"step": step, "epoch": round(epoch or 0.0, 4)}
    if "loss" in logs:
        return row | {key: logs[key] for key in ("loss", "grad_norm", "learning_rate") if key in logs}
    dev = {key.removeprefix("eval_"): value for key, value in logs.items() if key in _DEV_KEYS}
    return row | {"dev": dev} if dev else None


_DEV_KEYS = ("eval_loss", "eval_accuracy", "eval_macro_f1")


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
        stop_on_nan(row)
        if state.is_world_process_zero:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


def stop_on_nan(row: Mapping[str, Any]) -> None:
    """Raises LingyuError where training has diverged: nothing after that is worth its time, nothing is published."""
    for key in ("loss", "grad_norm"):
        value = row.get(key)
        if value is not None and not abs(float(value)) < float("inf"):
            raise LingyuError(
                f"{key} is {value} at step {row['step']}: training has diverged",
                next="Lower train.learning_rate, or set train.bf16=false and train.fp16=false",
                status=1,
            )


def wandb_has_key() -> bool:
    """Whether W&B can log in without asking: by WANDB_API_KEY, or by a netrc entry for its host."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def wandb_mode() -> str:
    """WANDB_MODE where it is set; else online with a key and offline without: never a question."""
    return os.environ.get("WANDB_MODE") or ("online" if wandb_has_key() else "offline")


class Tracker:
    """A W&B run, or nothing with the same methods. Use `tracker_for`."""

    def __init__(self, run: Any = None) -> None:
        self.run = run

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
        self._try(lambda run: run.finish(exit_code=exit_code, quiet=True))

    def _try(self, call: Any) -> None:
        if self.run is None:
            return
        try:
            call(self.run)
        except Exception as error:  # whatever a tracker does, the run goes on
            _LOG.warning("W&B: %s: %s", type(error).__name__, error)


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
    """Start what report_to asks for. Raises LingyuError only where wandb is asked for and not installed."""
    if "wandb" not in report_to:
        return Tracker()
    try:
        import wandb
    except ImportError:
        raise missing_extra("wandb", "wandb") from None
    try:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "lingyu"),
            group=group,
            job_type=job_type,
            name=name,
            tags=[tag[:64] for tag in tags],
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
