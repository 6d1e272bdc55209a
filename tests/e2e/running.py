"""Commands that train, in processes of their own, waiting for a step of theirs, and what was said last."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest


def launch(script: Path, recipe: Path, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), str(recipe), *arguments]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def launch_two(repo: Path, script: str, recipe: Path, folder: Path, *arguments: str) -> None:
    """On two processes without a GPU, to its end, which has to be a good one."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.launch"),
            *("--config_file", str(repo / "recipes/accelerate/two_cpu.yaml"), "--main_process_port", "0"),
            *(str(repo / script), str(recipe), *arguments),
        ],
        cwd=folder,
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert "processes 2" in done.stderr


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Of what a command in this process said on stderr."""
    return capsys.readouterr().err.strip().splitlines()[-1]


def wait_for_step(folder: Path, step: int, timeout_s: float = 90) -> None:
    """Until a run of the recipe `tiny` has written down the step."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for file in folder.glob("runs/tiny/*/metrics.jsonl"):
            lines = file.read_text("utf-8").splitlines()
            if lines and json.loads(lines[-1])["step"] >= step:
                return
        time.sleep(0.002)
    pytest.fail(f"step {step} was not reached in {timeout_s} s")
