"""Every family of bases, all the way: recipe, training, a mixed batch in a new process, one model, a graph.

The bases are tiny and random, in the files that each family's publishers ship. Beside the adapter that is trained
stands another of another rank and number of labels; one `lingyu predict` answers rows of both, and of all families, in
turn. What every row has to equal is its adapter alone in plain PEFT, read by no line of lingyu.
"""

import contextlib
import csv
import functools
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from lingyu.bases import auto_target_modules, find_base
from lingyu.cli.train import main as train_lora
from lingyu.release import Graph, export_graph, merge
from lingyu.release.graphs.folder import RuntimeName
from lingyu.store import Store, Version

from ..serving.random_adapters import Kind, publish
from ..tiny_families import SHIPPED, write_family
from .conftest import write_reviews

COMMON = ("BERT", "ELECTRA", "DeBERTa-v2")
EXACT, RUNTIME = 1e-5, 1e-4  # of a probability in our own mixed batch; of a logit in another runtime
TEXTS = ("酒店房间很干净，下次还来", "早餐差", "前台服务态度不好" * 3, "wifi 2 好", "物流快，书便宜", "贵！")

RECIPE = """\
name: {name}
base: ./bases/{slug}
task: single_label
data:
  train: data/reviews.csv
  text: review
  label: label
  labels: {{0: 负面, 1: 正面}}
lora: {{r: 4, lora_alpha: 16}}
train: {{learning_rate: 2e-2, max_steps: 3, tokens_per_batch: 512, max_length: 32, logging_steps: 1}}
"""


@dataclass(frozen=True)
class Walked:
    """A folder in which an adapter of each of some families was trained, and both were asked in another process.

    answers: by family, of each of its rows (adapter, text, probabilities).
    """

    folder: Path
    answers: dict[str, list[tuple[str, str, list[float]]]]

    def version(self, adapter: str) -> Version:
        return Store(self.folder / "adapters").open(adapter)


def slug_of(family: str) -> str:
    return family.lower().replace(" ", "").replace(".", "")


def adapters_of(family: str) -> tuple[str, str]:
    """The one that is trained, and its company."""
    return slug_of(family), f"{slug_of(family)}-company"


@pytest.fixture(scope="module")
def folder_of_walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@functools.cache
def walk(folder: Path, families: tuple[str, ...], layers: int) -> Walked:
    """Bases, recipes and two published adapters of each of the families; then one command in a new process."""
    (folder / "data").mkdir(parents=True)
    write_reviews(folder / "data/reviews.csv", rows=60)
    for family in families:
        base = write_family(folder / "bases" / slug_of(family), family, layers=layers)
        trained, company = adapters_of(family)
        recipe = folder / f"{trained}.yaml"
        recipe.write_text(RECIPE.format(name=trained, slug=slug_of(family)), "utf-8")
        train(folder, recipe)
        publish(folder / "adapters", company, base, company_on(base))
    return Walked(folder, answered_in_a_new_process(folder, families))


def company_on(folder: Path) -> Kind:
    """As if trained: every layer that LoRA may go to has some, and every tensor of it is felt."""
    base = find_base(str(folder))
    targets = auto_target_modules(base.load_classifier(("0", "1")).model, base.family)
    return Kind(seed=5, labels=("差", "中", "好"), r=2, use_rslora=True, target_modules=tuple(targets))


def train(folder: Path, recipe: Path) -> None:
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = train_lora([recipe.name])
    assert status == 0, said.getvalue()


def answered_in_a_new_process(folder: Path, families: Sequence[str]) -> dict[str, list[tuple[str, str, list[float]]]]:
    """By `lingyu predict --map`: rows of the adapters of all families in turn, two of a family side by side."""
    asked = [(family, adapter, text) for text in TEXTS for family in families for adapter in adapters_of(family)]
    tenants = "".join(f"  {name}: {name}\n" for name in dict.fromkeys(adapter for _, adapter, _ in asked))
    (folder / "adapters/tenants.yaml").write_text(f"tenants:\n{tenants}", "utf-8")
    with (folder / "asked.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["tenant", "text"], *(row[1:] for row in asked)])
    program = "import sys; from lingyu.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "predict", "--map", "tenant", "--file", "asked.csv", "--json"]
    said = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    answers: dict[str, list[tuple[str, str, list[float]]]] = {family: [] for family in families}
    for (family, adapter, text), line in zip(asked, said.stdout.splitlines(), strict=True):
        answers[family].append((adapter, text, list(json.loads(line)["probabilities"].values())))
    return answers


@torch.inference_mode()
def by_plain_peft(version: Version, base: Path, input_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """(rows, labels) logits, one row at a time, of the base's own files."""
    labels = version.manifest.labels
    torch.manual_seed(99)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(labels))
        model = PeftModel.from_pretrained(plain, str(version.folder)).eval()
    logits = [model(input_ids=torch.tensor([list(ids)])).logits[0] for ids in input_ids]
    return torch.stack(logits).numpy()


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    scaled = np.exp(logits.astype(np.float64) / temperature)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def assert_walks(family: str, walked: Walked, runtimes: Sequence[RuntimeName]) -> None:
    base = walked.folder / "bases" / slug_of(family)
    for adapter in adapters_of(family):
        version = walked.version(adapter)
        expected = by_plain_peft(version, base, find_base(str(base)).encode(TEXTS, 32).input_ids)
        assert np.ptp(expected, axis=0).max() > 0.01, "texts that all get one answer prove nothing"
        assert_mixed_answers(walked.answers[family], version, expected)
        if adapter == adapters_of(family)[0]:
            assert_hands_over(version, expected, walked.folder, runtimes)


def assert_mixed_answers(
    answers: Sequence[tuple[str, str, list[float]]], version: Version, expected: NDArray[np.float32]
) -> None:
    found = [probabilities for adapter, _, probabilities in answers if adapter == version.manifest.name]
    calibrated = softmax(expected, version.manifest.calibration.temperature)
    np.testing.assert_allclose(np.array(found), calibrated, atol=EXACT)


def assert_hands_over(
    version: Version, expected: NDArray[np.float32], folder: Path, runtimes: Sequence[RuntimeName]
) -> None:
    """As one model, which transformers alone loads; and as graphs, each compared with torch before it is written."""
    name = version.manifest.name
    with contextlib.chdir(folder):
        merged = merge(version, Path(f"merged/{name}"), texts=TEXTS)
        assert merged.certificate.gate.largest_difference < EXACT
        for runtime in runtimes:
            exported = export_graph(version, Path(f"{runtime}/{name}"), runtime=runtime, texts=TEXTS)
            assert exported.manifest.gate.float32.largest_difference < RUNTIME
            answers = Graph.load(folder / runtime / name).classify(TEXTS)
            found = [list(answer.probabilities.values()) for answer in answers]
            calibrated = softmax(expected, version.manifest.calibration.temperature)
            np.testing.assert_allclose(found, calibrated, atol=RUNTIME)


@pytest.mark.parametrize("family", COMMON)
def test_a_common_family_goes_from_its_recipe_to_a_graph(family: str, folder_of_walks: Path) -> None:
    assert_walks(family, walk(folder_of_walks / "common", COMMON, layers=1), ["onnx"])


@pytest.mark.slow
@pytest.mark.parametrize("family", SHIPPED)
def test_every_family_goes_from_its_recipe_to_a_graph(family: str, folder_of_walks: Path) -> None:
    assert_walks(family, walk(folder_of_walks / "all", tuple(SHIPPED), layers=3), ["onnx", "openvino"])
