"""`lingyu export` as a user types it, and the three lines that ask what it wrote."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lingyu import Lingyu

from ..release.ready_adapters import publish, write_base

RunCommand = Callable[..., subprocess.CompletedProcess[str]]

THREE_LINES = """
from lingyu import Graph
graph = Graph.load("graphs/hotel")
print(graph.classify(["房间很干净，下次还来"])[0].label)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, an adapter in a store, and a file of reviews."""
    place = tmp_path_factory.mktemp("export")
    publish(write_base(place / "bases" / "tiny", "bert"), place / "adapters")
    with (place / "reviews.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = [
            ["review", "stars"],
            *([text, 5] for text in ("房间很干净，下次还来", "早餐差", "服务态度好", "贵" * 90)),
        ]
        csv.writer(stream).writerows(rows)
    return place


@pytest.fixture(scope="module")
def exported(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lingyu", "export", "hotel", "--to", "openvino", "--int8", "--out", "graphs/hotel"]
    return subprocess.run(
        [*command, "--texts", "reviews.csv", "--column", "review", "--json"],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("WANDB_")},  # accelerate tells
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_it_says_one_json_document_and_nothing_else(exported: subprocess.CompletedProcess[str]) -> None:
    assert exported.returncode == 0, exported.stderr
    assert exported.stderr == "", "exporters print a lot"
    said = json.loads(exported.stdout)
    assert (said["folder"], said["adapter"], said["runtime"]) == ("graphs/hotel", "hotel@v1", "openvino")
    assert said["precision"] == "int8"
    gate = said["gate"]
    assert (gate["source"], gate["texts"]) == ("texts that were given", 4)
    assert gate["float32"]["largest_difference"] < 1e-4 < gate["int8"]["largest_difference"]
    assert gate["int8"]["changed_labels"] == 0
    sizes = [said["measured"][name]["size_bytes"] for name in ("torch", "float32", "int8")]
    assert sizes[2] < sizes[1]
    assert all(measured["texts_per_s"] > 0 for measured in said["measured"].values())
    assert said["timed_texts"] == 4


def test_the_folder_holds_what_a_user_needs_and_nothing_half_written(
    exported: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert exported.returncode == 0, exported.stderr
    assert [entry.name for entry in (folder / "graphs").iterdir()] == ["hotel"]
    assert {entry.name for entry in (folder / "graphs" / "hotel").iterdir()} == {
        "README.md", "graph.json", "openvino_model.bin", "openvino_model.xml", "tokenizer.json", "vocab.txt",
    }  # fmt: skip


def test_verify_tells_what_the_weights_in_int8_change(
    exported: subprocess.CompletedProcess[str], folder: Path, run_command: RunCommand
) -> None:
    difference = json.loads(exported.stdout)["gate"]["int8"]["largest_difference"]
    said = run_command("lingyu", "verify", "graphs/hotel", cwd=folder)
    assert said.returncode == 0, said.stderr
    assert f"as int8: logits differ by at most {difference:.1g}, 0 labels changed" in said.stdout
    assert "before it was made int8, against the adapter in torch on 4 texts" in said.stdout
    assert "it answers on this machine as where it was made" in said.stdout


def test_three_lines_classify_raw_text(
    exported: subprocess.CompletedProcess[str], folder: Path, run_command: RunCommand
) -> None:
    assert exported.returncode == 0, exported.stderr
    asked = run_command("python", "-c", THREE_LINES, cwd=folder)
    assert asked.returncode == 0, asked.stderr
    answer = Lingyu.load(folder / "adapters").classify(["房间很干净，下次还来"], "hotel")[0]
    assert asked.stdout.strip() == answer.label  # by torch
    page = (folder / "graphs" / "hotel" / "README.md").read_text("utf-8")
    assert "from lingyu import Graph" in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hotel", "--to", "onnx", "--out", "adapters"), "adapters: exists already, and is never written over"),
        (("hotl", "--to", "onnx", "--out", "graphs/new"), "no adapter named `hotl`. Did you mean `hotel`?"),
        (("hotel", "--to", "onxx", "--out", "graphs/new"), "'onxx' is not one of 'onnx', 'openvino'"),
        (("hotel", "--out", "graphs/new"), "Missing option '--to'"),
        (("hotel", "--to", "onnx", "--out", "graphs/new", "--texts", "review.csv"), "review.csv: no such file"),
        (("hotel", "--to", "onnx", "--out", "graphs/new", "--texts", "reviews.csv"), "review"),
    ],
)
def test_wrong_words_are_one_line_before_torch_is_waited_for(
    words: tuple[str, ...], says: str, folder: Path, run_command: RunCommand
) -> None:
    script = (
        "import sys; from lingyu.cli import main; status = main(sys.argv[1:]); "
        "sys.exit('torch' in sys.modules or status)"
    )
    said = run_command("python", "-c", script, "export", *words, cwd=folder, timeout_s=60)
    assert said.returncode == 2
    assert says in said.stderr
    assert said.stderr.count("\n") == 1
    assert not (folder / "graphs" / "new").exists()


def test_help_shows_an_example(run_command: RunCommand) -> None:
    said = run_command("lingyu", "export", "--help")
    assert said.returncode == 0
    assert "lingyu export hotel --to onnx --out graphs/hotel" in said.stdout
