"""merge.py --into by its real commands: two trained adapters into one, which then answers and merges like any other."""

import csv
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lingyu import Lingyu
from lingyu.cli.merge import main as merge_py
from lingyu.data import Part, load_splits
from lingyu.recipe import load_recipe
from lingyu.store import HASHES, Store, read_hashes, read_scores

from ..serving.trained import copy_of, trained
from .conftest import Workplace

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, repo: Path) -> Workplace:
    """hotel, shop (three labels) and mall: hotel's two labels in another order, and some of its texts."""
    place = copy_of(trained(tiny_base), tmp_path_factory.mktemp("combine") / "work")
    write_mall_reviews(place.folder / "data/mall.csv", place.folder / "data/reviews.csv")
    options = (
        "name=mall",
        "data.train=data/mall.csv",
        "data.labels={1: 正面, 0: 负面}",
        "data.split.seed=7",  # with the same seed a text is in the same part of every split
        "lora.r=2",
        "train.max_length=24",
    )
    command = [sys.executable, str(repo / "train_lora.py"), str(place.recipe), "lora.use_rslora=true", *options]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return place


def write_mall_reviews(file: Path, others: Path) -> None:
    draw = random.Random(8)
    with others.open(encoding="utf-8", newline="") as stream:
        shared = [[row["label"], row["review"]] for row in list(csv.DictReader(stream))[::4]]
    rows = []
    for _ in range(150):
        said = [*draw.sample("物流快慢书便宜贵送推荐", draw.randint(3, 8)), draw.choice(["满意", "失望"])]
        draw.shuffle(said)
        rows.append([str(int("满意" in said)), "".join(said)])
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["label", "review"], *shared, *rows])


@pytest.fixture(scope="module")
def combined(place: Workplace, repo: Path) -> dict[str, object]:
    """What merge.py says of reviews@v1."""
    return merge(place, repo, "adapters/hotel", "adapters/mall", "--into", "adapters/reviews", "--json")


def merge(place: Workplace, repo: Path, *arguments: str) -> dict[str, object]:
    command = [sys.executable, str(repo / "merge.py"), *arguments]
    done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def dev_of(place: Workplace, name: str, monkeypatch: pytest.MonkeyPatch) -> Part:
    monkeypatch.chdir(place.folder)
    return load_splits(load_recipe(place.folder / f"adapters/{name}/v1/recipe.yaml").data, "single_label").dev


def test_everyone_is_measured_on_each_dev_set_without_what_the_other_was_trained_on(
    place: Workplace, combined: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert combined["version"] == "reviews@v1"
    scores = read_scores(place.folder / "adapters/reviews/v1")
    assert [dev.model_dump(mode="json") for dev in scores.parents_dev] == combined["parents_dev"]
    hashes = [read_hashes(place.folder / f"adapters/{name}/v1" / HASHES)["train"] for name in ("hotel", "mall")]
    for dev, name in zip(scores.parents_dev, ("hotel", "mall"), strict=True):
        part = dev_of(place, name, monkeypatch)
        unseen = part.take(~np.isin(part.hashes, np.concatenate(hashes)))
        assert dev.parent == f"{name}@v1"
        assert (dev.rows, dev.left_out) == (unseen.rows, part.rows - unseen.rows)
        assert dev.left_out, "nothing to be left out: the test proves nothing"
        assert [figures.adapter for figures in dev.scores or ()] == ["hotel@v1", "mall@v1", "reviews@v1"]
        names = load_recipe(place.folder / f"adapters/{name}/v1/recipe.yaml").data.labels
        for figures in dev.scores or ():
            answers = Lingyu.load("adapters").classify(list(unseen.texts), figures.adapter)
            labels = [list(names.values())[label] for label in unseen.labels.tolist()]
            right = [answer.label == label for answer, label in zip(answers, labels, strict=True)]
            assert figures.figures["accuracy"].value == pytest.approx(sum(right) / len(right))
            assert (
                figures.figures["accuracy"].low <= figures.figures["accuracy"].value <= figures.figures["accuracy"].high
            )


def test_it_says_the_same_to_people(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = copy_of(place, tmp_path / "copy")
    monkeypatch.chdir(copied.folder)
    options = ["--weights", "3,1", "--combination-type", "svd", "--channel", "canary", "--why", "two in one"]
    assert merge_py(["hotel", "mall@v1", "--into", "both", *options]) == 0
    said = capsys.readouterr().out
    assert "combined hotel@v1 (0.75), mall@v1 (0.25) by svd: rank 4 keeps " in said
    assert "of the average's after the cut\n" in said
    assert "dev sets, which are no tests" in said
    assert "dev set of mall@v1: " in said
    assert "published both@v1 in adapters/both/v1" in said
    assert "note: Texts are cut at 32 tokens; before, hotel@v1 at 32 tokens, mall@v1 at 24 tokens." in said
    store = Store("adapters")
    assert store.channels("both") == {"canary": "v1"}
    assert [change.why for change in store.history("both")] == ["two in one"]
    assert "| mall@v1 | " in (store.open("both@canary").folder / "README.md").read_text("utf-8")


def test_it_answers_is_listed_and_shown(place: Workplace, combined: dict[str, object], run_command: RunCommand) -> None:
    said = run_command("lingyu", "predict", "--adapter", "reviews", "--json", "房间很好", "服务很差", cwd=place.folder)
    assert said.returncode == 0, said.stderr
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert [answer["version"] for answer in answers] == ["reviews@v1", "reviews@v1"]
    assert [list(answer["probabilities"]) for answer in answers] == [["负面", "正面"]] * 2
    positive = [answer["probabilities"]["正面"] for answer in answers]
    assert positive[0] > positive[1]
    listed = run_command("lingyu", "adapters", "list", "--json", cwd=place.folder)
    row = next(row for row in json.loads(listed.stdout)["adapters"] if row["adapter"] == "reviews")
    assert (row["test_accuracy"], row["error"]) == (None, None)
    shown = run_command("lingyu", "adapters", "show", "reviews", "--json", cwd=place.folder)
    assert json.loads(shown.stdout)["parents"] == combined["parents"]
    shown = run_command("lingyu", "adapters", "show", "reviews", cwd=place.folder)
    assert "hotel@v1 (weight 0.5), mall@v1 (weight 0.5)" in shown.stdout


def test_it_merges_like_any_other(
    place: Workplace, combined: dict[str, object], run_command: RunCommand, repo: Path
) -> None:
    done = run_command("python", repo / "merge.py", "adapters/reviews", "--out", "merged/reviews", cwd=place.folder)
    assert done.returncode == 0, done.stderr
    assert (place.folder / "merged/reviews/model.safetensors").is_file()


def test_rows_that_are_gone_or_changed_are_not_measured_and_that_is_said(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = copy_of(place, tmp_path / "copy")
    monkeypatch.chdir(copied.folder)
    Path("data/reviews.csv").unlink()
    rows = Path("data/mall.csv").read_text("utf-8").splitlines(keepends=True)
    Path("data/mall.csv").write_text("".join(rows[: len(rows) // 2]), "utf-8")
    assert merge_py(["hotel", "mall", "--into", "adapters/both"]) == 0
    said = capsys.readouterr().out
    assert "dev set of hotel@v1: not measured: data/reviews.csv: no such file" in said
    assert "dev set of mall@v1: not measured: data/mall.csv: the rows have changed since the training" in said
    metrics = json.loads(Path("adapters/both/v1/metrics.json").read_text("utf-8"))
    assert [(dev["rows"], dev["scores"]) for dev in metrics["parents_dev"]] == [(None, None), (None, None)]
    assert str(tmp_path) not in json.dumps(metrics)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("hotel", "shop", "--into", "adapters/both"),
            "hotel@v1 and shop@v1 have different labels: 负面, 正面 and 差评,",
        ),
        (("hotel", "--into", "adapters/both"), "one adapter alone"),
        (("hotel", "mall", "--into", "adapters/both", "--weights", "a,b"), "--weights: a,b are no numbers"),
        (("hotel", "mall", "--into", "adapters/both", "--out", "merged/both"), "--out does not go with --into"),
        (("hotel", "mall", "--into", "adapters/hotel/v1"), "is the folder of an adapter, not a store"),
        (("hotel", "mall", "--out", "merged/both"), "--into adapters/NAME"),
        (("hotel", "--out", "merged/both", "--svd-rank", "4"), "--svd-rank goes with --into"),
        (("hotel", "mal", "--into", "adapters/both"), "Did you mean `mall`?"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(
    place: Workplace, run_command: RunCommand, repo: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = sorted(place.folder.rglob("*"))
    done = run_command("python", repo / "merge.py", *arguments, cwd=place.folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(place.folder.rglob("*")) == before
