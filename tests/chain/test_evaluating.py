"""A published adapter measured anew: it must answer as it did, on the rows that it was measured on."""

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from lingyu.chain import evaluate_adapter
from lingyu.cli.train import main as train_lora
from lingyu.errors import LingyuError
from lingyu.recipe import Recipe, load_recipe
from lingyu.store import ADAPTER_WEIGHTS, ANSWERS, METRICS, Store, VersionFacts, read_answers, write_tensors

from ..e2e.conftest import make_workplace

SHORT = ["name=hotel", "train.max_steps=8", "train.eval_steps=8"]


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with hotel@v1, trained for a moment; only read."""
    place = make_workplace(tmp_path_factory.mktemp("evaluated") / "work", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        assert train_lora([str(place.recipe), *SHORT]) == 0
    return place.folder


@pytest.fixture
def recipe(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(trained)
    return load_recipe("tiny.yaml", SHORT)


def test_an_adapter_answers_and_scores_as_it_says(recipe: Recipe, tmp_path: Path) -> None:
    measured = evaluate_adapter("hotel", recipe, store="adapters", to=tmp_path / "test.json")
    says = json.loads(Path("adapters/hotel/v1", METRICS).read_text("utf-8"))
    for part in ("test", "baseline", "versus_baseline", "majority"):
        assert measured.metrics.as_json()[part] == says[part]
    assert measured.changed_labels == 0
    written = json.loads((tmp_path / "test.json").read_text("utf-8"))
    assert written["adapter"] == "hotel@v1"
    assert written["verdict"] == measured.verdict
    assert written["metrics"] == measured.metrics.as_json()


def test_other_rows_are_refused_by_the_part_that_differs(recipe: Recipe, tmp_path: Path) -> None:
    other = recipe.model_copy(update={"data": recipe.data.model_copy(update={"max_train_samples": 20})})
    with pytest.raises(LingyuError, match="its train rows") as raised:
        evaluate_adapter("hotel", other, store="adapters", to=tmp_path / "test.json")
    assert raised.value.status == 1
    assert not (tmp_path / "test.json").exists()


def republished(store: Path, change: Callable[[Path], None]) -> None:
    """The version once more, in another store, of whose files something was changed before it was sealed."""
    honest = Store("adapters").open("hotel")

    def write(folder: Path, version: str) -> VersionFacts:
        for name in honest.manifest.files:
            shutil.copyfile(honest.folder / name, folder / name)
        change(folder)
        facts = honest.manifest.model_dump(include=set(VersionFacts.model_fields))
        return VersionFacts.model_validate(facts)

    Store(store).publish("hotel", write, why="a test")
    shutil.copytree("bases", store.parent / "bases")


def answers(change: Callable[[np.ndarray], np.ndarray], rows: slice = slice(None)) -> Callable[[Path], None]:
    def change_them(folder: Path) -> None:
        stored = read_answers(folder / ANSWERS)
        kept = {"logits": change(stored.logits)[rows], "labels": np.asarray(stored.labels)[rows]}
        write_tensors(folder / ANSWERS, kept)

    return change_them


def figures(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def change_them(folder: Path) -> None:
        metrics = json.loads((folder / METRICS).read_text("utf-8"))
        change(metrics["test"])
        (folder / METRICS).write_text(json.dumps(metrics), "utf-8")

    return change_them


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (answers(lambda logits: -logits), "answers otherwise than when it was published: logits differ by"),
        (answers(lambda logits: logits + np.float32(2e-3)), "answers otherwise .* by 0.002, 0 of"),
        (answers(lambda logits: logits, slice(1, None)), "keeps answers of shape"),
        (lambda folder: (folder / ANSWERS).unlink(), "keeps no test answers to compare with"),
        (figures(lambda test: test["accuracy"].update(value=0.125)), "says accuracy 0.125 of itself, and "),
        (figures(lambda test: test["macro_f1"].update(value=test["macro_f1"]["value"] - 1e-6)), "says macro_f1 0"),
        (figures(lambda test: test.pop("macro_f1")), "says macro_f1 None of itself, and "),
    ],
)
def test_a_version_that_says_other_than_it_answers_is_found_out(
    change: Callable[[Path], None], message: str, recipe: Recipe, tmp_path: Path
) -> None:
    republished(tmp_path / "store", change)
    with pytest.raises(LingyuError, match=message) as raised:
        evaluate_adapter("hotel", recipe, store=str(tmp_path / "store"), to=tmp_path / "test.json")
    assert raised.value.status == 1
    assert not (tmp_path / "test.json").exists()


def test_another_order_of_sums_is_no_other_answer_and_is_told(recipe: Recipe, tmp_path: Path) -> None:
    republished(tmp_path / "store", answers(lambda logits: logits + np.float32(5e-4)))
    evaluate_adapter("hotel", recipe, store=str(tmp_path / "store"), to=tmp_path / "test.json")
    written = json.loads((tmp_path / "test.json").read_text("utf-8"))
    assert written["largest_logit_difference"] == pytest.approx(5e-4, abs=1e-5)
    assert written["changed_labels"] == 0


@pytest.mark.parametrize(("off", "is_told"), [(3, False), (4, True)])
def test_ties_that_fall_the_other_way_move_accuracy_by_their_share_at_most(
    off: int, is_told: bool, recipe: Recipe, tmp_path: Path
) -> None:
    """A head of next to nothing, whose logits are all within the tolerance of one another."""
    shrink, ties = np.float32(1e-5), 3
    rows = len(read_answers(Path("adapters/hotel/v1", ANSWERS)).logits)

    def change(folder: Path) -> None:
        weights = load_file(folder / ADAPTER_WEIGHTS)
        small = {name: tensor * shrink for name, tensor in weights.items() if "classifier" in name}
        write_tensors(folder / ADAPTER_WEIGHTS, weights | small, {"format": "pt"})
        answers(lambda logits: np.concatenate([-logits[:ties], logits[ties:]]) * shrink)(folder)
        figures(lambda test: test["accuracy"].update(value=test["accuracy"]["value"] - off / rows))(folder)

    republished(tmp_path / "store", change)
    with pytest.raises(LingyuError, match="says accuracy") if is_told else nullcontext():
        measured = evaluate_adapter("hotel", recipe, store=str(tmp_path / "store"), to=tmp_path / "test.json")
        assert (measured.changed_labels, measured.largest_difference < 1e-3) == (ties, True)
