"""What lingyu 0.1 wrote is read by every later one: a tiny base, a store on it, and what that answered then."""

import json
import shutil
from pathlib import Path

import pytest

from lingyu import Lingyu
from lingyu.tasks import Result

REPO = Path(__file__).parents[2]
WRITTEN = REPO / "tests" / "written_by_0_1"
ANSWERS = [json.loads(line) for line in (WRITTEN / "answers.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy, as whoever kept it has it: the store, and its base beside it."""
    return Path(shutil.copytree(WRITTEN, tmp_path / "kept"))


def test_a_store_of_old_verifies_whole(place, run_command):
    verified = run_command("lingyu", "verify", "adapters", cwd=place)
    assert verified.returncode == 0, verified.stderr
    assert "reviews@v1" in verified.stdout
    assert "reviews@v2" in verified.stdout


@pytest.mark.parametrize("version", ["reviews@v1", "reviews@v2"])  # plain LoRA; DoRA with other text steps
def test_old_adapters_answer_as_they_did(place, version):
    then = [answer for answer in ANSWERS if answer["version"] == version]
    now = Lingyu.load(place / "adapters").classify([answer["text"] for answer in then], version)
    for before, after in zip(then, now, strict=True):
        assert isinstance(after, Result)
        assert (after.label, after.version, after.truncated) == (before["label"], version, before["truncated"])
        assert after.probabilities == pytest.approx(before["probabilities"], abs=1e-5)
        assert list(after.as_json()) == list(before)


def test_an_old_adapter_merges(place, run_command):
    merged = run_command("python", REPO / "merge.py", "adapters/reviews/v1", "--out", "merged", cwd=place)
    assert merged.returncode == 0, merged.stderr
    assert run_command("lingyu", "verify", "merged", cwd=place).returncode == 0
