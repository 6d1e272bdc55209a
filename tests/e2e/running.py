"""Commands that train, in processes of their own, and waiting for a step of theirs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest


def launch(script: Path, recipe: Path, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), str(recipe), *arguments]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


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
