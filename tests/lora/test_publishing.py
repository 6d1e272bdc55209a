"""What a run publishes: a version whose manifest and card say all that made it, or a word before it trains."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from lingyu.bases import find_base
from lingyu.data import load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import Answers
from lingyu.lora.publishing import CURVES, Record, package_versions, publish, require_writable
from lingyu.recipe import load_recipe
from lingyu.store import AUDIT, METRICS, SplitRecord, Store
from lingyu.tasks import Calibration
from lingyu.training import Inputs, Run

from ..serving.trained import copy_of, trained


def test_a_recipe_that_names_its_adapter_in_place_of_the_store_is_told_before_it_trains(tmp_path: Path):
    hotel = tmp_path / "adapters/hotel/v1"
    hotel.mkdir(parents=True)
    (hotel / "lingyu.json").write_text("{}")
    for folder in (hotel, hotel.parent):
        with pytest.raises(LingyuError, match=f"not a store. Did you mean {tmp_path / 'adapters'}"):
            require_writable(folder)
    require_writable(tmp_path / "adapters")


def test_a_file_where_the_store_should_be_is_told_before_it_trains(tmp_path: Path):
    (tmp_path / "adapters").write_text("")
    for store in (tmp_path / "adapters", tmp_path / "adapters/hotel"):
        with pytest.raises(LingyuError, match="adapters: not a folder, so no store"):
            require_writable(store)


def test_the_package_behind_a_text_step_is_recorded_where_the_step_is_used():
    pytest.importorskip("opencc")
    assert "opencc" not in package_versions(("html", "control"))
    assert package_versions(("html", "simplified"))["opencc"] == version("opencc")
    assert set(package_versions()) == set(package_versions(("simplified",))) - {"opencc"}


def test_a_version_and_its_card_say_all_that_made_it(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copy_of(trained(tiny_base), tmp_path / "copy")
    monkeypatch.chdir(place.folder)
    with Path("data/reviews.csv").open("a", encoding="utf-8") as file:
        file.write("1,\n")  # a row without a text, which is dropped
    card = {
        "source": "某点评网站",
        "license": "Apache-2.0",
        "data_license": "CC-BY-4.0",
        "larger": "recipes/large.yaml",
    }
    overrides = [f"card.{key}={value}" for key, value in card.items()]
    overrides += ["name=inn", "publish.channel=canary", "data.clean=[html, urls]", "train.max_length=24"]
    recipe = load_recipe(place.recipe, overrides)
    base, splits = find_base(recipe.base), load_splits(recipe.data, recipe.task)
    split = SplitRecord(
        source="0" * 64, seed=7, shares={}, near_similarity=0.9, near_shortest=8, near_longest_other=4, parts={}
    )
    logits, calibration = np.eye(2, dtype=np.float32)[splits.test.labels], Calibration(temperature=1.5)
    answers = Answers(logits, splits.test.labels, splits.leaked, calibration)
    hotel = Store("adapters").open("hotel")
    metrics = json.loads((hotel.folder / METRICS).read_text("utf-8"))
    pictures = {CURVES: (hotel.folder / CURVES).read_bytes()}
    record = Record(recipe, base, splits, ["酒店@v1 read it."], split, None, answers, metrics, pictures)
    (folder,) = place.folder.glob("runs/hotel/*")
    made = publish(record, Run(folder, Inputs("w", "t", "train", "dev", 1, "float32")))
    assert Store("adapters").open("inn@canary") == made
    manifest, theirs = made.manifest, hotel.manifest
    assert (manifest.task, manifest.labels, manifest.method) == (theirs.task, theirs.labels, theirs.method)
    assert (manifest.base, manifest.lineage, manifest.text_pair) == (theirs.base, theirs.lineage, False)
    assert manifest.run == folder.name
    assert (manifest.max_length, manifest.text_steps) == (24, ("html", "urls"))
    assert (manifest.split, manifest.calibration) == (split, calibration)
    assert manifest.packages == package_versions(("html", "urls"))
    parts = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    assert {name: (part.rows, part.fingerprint) for name, part in manifest.data.items()} == {
        name: (part.rows, part.fingerprint) for name, part in parts.items()
    }
    assert not (made.folder / AUDIT).exists()
    text = (made.folder / "README.md").read_text("utf-8")
    kept = [f"kept: {name} {part.rows}" for name, part in parts.items()]
    for said in (*card.values(), "inn@v1", "酒店@v1 read it.", "read 301; dropped: empty 1;", *kept, CURVES):
        assert said in text, said
