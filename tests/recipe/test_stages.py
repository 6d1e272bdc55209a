"""A chain with the recipes of its stages: read together, and each fault at the stage that names the recipe."""

from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.recipe import PretrainingRecipe, Recipe, load_whole_chain
from lingyu.recipe.chaining import Stage
from lingyu.recipe.writing import overrides_of

TASK = "name: hotel\ntask: single_label\ndata: {train: data/hotel.csv, labels: {0: 负面, 1: 正面}}\n"
DAPT = "name: dapt\ndapt: {corpus: [data/corpus/hotel]}\npublish: {to: bases/hotel}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(TASK, encoding="utf-8")
    (tmp_path / "dapt.yaml").write_text(DAPT, encoding="utf-8")
    return tmp_path


def chain(folder: Path, *stages: str) -> Path:
    path = folder / "c.yaml"
    path.write_text("name: c\nstages:\n" + "".join(f"  - {stage}\n" for stage in stages), encoding="utf-8")
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(LingyuError) as failure:
        load_whole_chain(path)
    return str(failure.value).replace(f"{path.parent}/", "").splitlines()


def test_recipes_are_found_beside_the_chain_and_have_what_the_stage_sets(folder: Path) -> None:
    whole = load_whole_chain(
        chain(
            folder,
            "{name: corpus, corpus: {sources: [raw], to: data/corpus/hotel}}",
            "{name: dapt, recipe: dapt.yaml, set: {train.seed: 7, dapt: {corpus: [a, b c]}}}",
            "{name: adapter, recipe: task.yaml, set: {base: bases/hotel, data.labels: [no, 007]}}",
            "{name: evaluate, evaluate: {adapter: hotel, recipe: task.yaml}}",
        )
    )
    assert list(whole.recipes) == ["dapt", "adapter", "evaluate"]
    dapt, adapter = whole.recipes["dapt"].recipe, whole.recipes["adapter"].recipe
    assert isinstance(dapt, PretrainingRecipe)
    assert isinstance(adapter, Recipe)
    assert (dapt.train.seed, dapt.dapt.corpus) == (7, ("a", "b c"))
    assert (adapter.base, list(adapter.data.labels)) == ("bases/hotel", ["no", "007"])
    assert whole.recipes["evaluate"] == whole.recipes["adapter"], "rows are measured on as they were trained on"
    assert len(whole.chain.stages) == 4


def test_an_adapter_is_measured_by_what_the_stage_that_trained_it_sets(folder: Path) -> None:
    first = "{name: a, recipe: task.yaml, set: {name: ra, train.seed: 1}}"
    elsewhere = "{name: b, recipe: task.yaml, set: {name: ra, publish.to: ./others, train.seed: 2}}"
    last = "{name: c, recipe: task.yaml, set: {name: rc, train.seed: 3}}"

    def seed(adapter: str, *stages: str, store: str = "adapters") -> int:
        measures = f"{{name: t, evaluate: {{adapter: {adapter}, store: {store}, recipe: ./task.yaml}}}}"
        found = load_whole_chain(chain(folder, *(stage or measures for stage in stages))).recipes["t"].recipe
        assert isinstance(found, Recipe)
        return found.train.seed

    assert seed("ra", first, "", last) == 1, "a stage that comes later has trained nothing yet"
    assert seed("ra@canary", first, elsewhere, last, "") == 1, "another adapter, or one in another store"
    assert seed("ra", first, elsewhere, last, "", store="others/") == 2
    assert seed("rc@v1", first, elsewhere, last, "") == 3
    assert seed("elsewhere", first, elsewhere, "", last) == 2, "whatever trained it: the last before it"
    assert seed("ra", "", first) == 42


def test_what_the_training_sets_makes_the_measurement_s_recipe_whole_too(folder: Path) -> None:
    (folder / "partial.yaml").write_text("name: hotel\ntask: single_label\n", encoding="utf-8")
    evaluate = "{name: test, evaluate: {adapter: hotel, recipe: ./partial.yaml}}"
    trained = "{name: adapter, recipe: partial.yaml, set: {data: {train: data/hotel.csv, labels: [a, b]}}}"
    assert load_whole_chain(chain(folder, trained, evaluate)).recipes["test"].recipe.name == "hotel"
    assert faults_of(chain(folder, evaluate)) == [
        "c.yaml:3: stages.evaluate.recipe: partial.yaml:1: data: missing. Add the section data: with train and labels"
    ]
    assert faults_of(chain(folder, trained.replace("labels: [a", "lables: [a"), evaluate)) == [
        "c.yaml:3: stages.set: data.lables: no such key. Did you mean data.labels?",
        "c.yaml:3: stages.set: data.labels: missing. Add for instance labels: {0: 负面, 1: 正面}",
    ], "what a stage sets is told there alone"


def test_faults_of_all_recipes_are_told_at_their_stages(folder: Path) -> None:
    (folder / "bad.yaml").write_text(TASK + "train: {lr: 3}\nlora: {r: 0}\n", encoding="utf-8")
    path = chain(
        folder,
        "name: one\n    recipe: dapt.yaml\n    set:\n      mlm_prob: 0.2",
        "{name: two, recipe: bad.yaml}",
        "{name: three, recipe: tsk.yaml}",
        "{name: four, evaluate: {adapter: hotel, recipe: dapt.yaml}}",
        "{name: five, recipe: c.yaml}",
    )
    assert faults_of(path) == [
        "c.yaml:5: stages.set: mlm_prob: no such key. Did you mean dapt.mlm_probability?",
        "c.yaml:7: stages.recipe: bad.yaml:4: train.lr: no such key. Did you mean train.learning_rate?",
        "c.yaml:7: stages.recipe: bad.yaml:5: lora.r: 0 will not do. It has to be at least 1",
        "c.yaml:8: stages.recipe: tsk.yaml: no such file. Did you mean task.yaml?",
        "c.yaml:9: stages.evaluate.recipe: dapt.yaml:2: dapt: a recipe that pretrains a base, "
        "where one that trains an adapter belongs. Run it with: python dapt.py dapt.yaml",
        "c.yaml:10: stages.recipe: c.yaml is a chain itself, and chains are not nested. Name its stages here",
    ]


def test_what_a_stage_sets_is_written_as_overrides() -> None:
    stage = Stage(
        name="a", recipe="r.yaml", set={"base": "bases/x", "report_to": [], "lora": {"r": 8}, "revision": "1"}
    )
    assert overrides_of(stage) == ["base=bases/x", "report_to=[]", "lora={r: 8}", 'revision="1"']
