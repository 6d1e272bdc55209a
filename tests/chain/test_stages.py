"""A chain's file with the recipes that it names: what each stage reads, leaves, and is started with."""

import json
from pathlib import Path

import pytest

from lingyu.chain import Chain, read_chain
from lingyu.errors import Faults, LingyuError
from lingyu.recipe import load_pretraining, load_recipe, load_whole_chain

TASK = """\
name: hotel
task: single_label
data: {train: data/hotel.csv, labels: {0: 负面, 1: 正面}}
"""
DAPT = """\
name: dapt-hotel
dapt: {corpus: [data/corpus/hotel, recipes/hotel.yaml], exclude: ["data/test.csv:review"], user_dict: data/words.txt}
publish: {to: bases/hotel}
"""
STAGES = """\
name: hotel-chain
stages:
  - name: corpus
    corpus: {sources: [raw/hotel.txt, ../more], to: data/corpus/hotel, exclude: [data/hotel.csv], clean: [html],
      licence: MIT}
  - name: dapt
    recipe: dapt-hotel.yaml
  - name: adapter
    recipe: hotel.yaml
    set: {base: bases/hotel, train.seed: 7, data: {labels: {0: 差, 1: 好}}}
  - name: test
    evaluate: {adapter: hotel, recipe: hotel.yaml}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipes").mkdir()
    Path("recipes/hotel.yaml").write_text(TASK, "utf-8")
    Path("recipes/dapt-hotel.yaml").write_text(DAPT, "utf-8")


def chain(stages: str = STAGES) -> Chain:
    path = Path("recipes/hotel-chain.yaml")
    path.write_text(stages, "utf-8")
    return read_chain(path)


def test_each_stage_reads_what_its_recipe_names() -> None:
    corpus, dapt, adapter, test = chain().jobs
    assert [job.kind for job in (corpus, dapt, adapter, test)] == ["corpus", "dapt", "train", "evaluate"]
    labels = {job.name: [source.label for source in job.reads.sources] for job in (corpus, dapt, adapter, test)}
    assert labels == {
        "corpus": ["raw/hotel.txt", "../more", "data/hotel.csv"],
        "dapt": ["data/corpus/hotel", "data/hotel.csv", "data/test.csv:review", "data/words.txt", "base embedded"],
        "adapter": ["data/hotel.csv", "base bases/hotel"],
        "test": ["data/hotel.csv", "adapter hotel"],
    }
    assert dapt.reads_of(corpus)
    assert adapter.reads_of(dapt)
    assert test.reads_of(adapter)
    assert not adapter.reads_of(corpus)


def test_a_corpus_is_built_by_its_own_command_line() -> None:
    assert " ".join(chain().jobs[0].words) == (
        "raw/hotel.txt ../more --out data/corpus/hotel --text text --encoding utf-8 --exclude data/hotel.csv "
        "--steps html --licence raw/hotel.txt=MIT --licence more=MIT"
    )


def test_what_a_stage_sets_overrides_its_recipe_and_is_measured_on_too() -> None:
    _, _, adapter, test = chain().jobs
    assert adapter.reads.settings["train.seed"] == "7"
    assert json.loads(adapter.reads.settings["base"]) == "bases/hotel"
    assert json.loads(adapter.reads.settings["data.labels"]) == {"0": "差", "1": "好"}
    assert adapter.words[1:] == test.words[2:5]
    assert test.reads.settings["data.labels"] == adapter.reads.settings["data.labels"]


def test_the_order_of_the_labels_is_an_input_and_who_is_told_of_the_run_is_none() -> None:
    before = chain().jobs[2].inputs()
    Path("recipes/hotel.yaml").write_text(TASK + "report_to: [wandb]\n", "utf-8")
    assert chain().jobs[2].inputs() == before
    turned = chain(STAGES.replace("{0: 差, 1: 好}", "{1: 好, 0: 差}")).jobs[2].inputs()
    (change,) = turned.changes_since(before)
    assert change.startswith("data.labels was ")


def test_a_base_from_scratch_reads_no_base_and_what_its_vocabulary_is_counted_on() -> None:
    Path("recipes/dapt-hotel.yaml").write_text(
        DAPT.replace("{corpus", "{mode: scratch, vocabulary_from: [data/corpus/hotel, data/other.txt], corpus"), "utf-8"
    )
    labels = [source.label for source in chain().jobs[1].reads.sources]
    assert "data/other.txt" in labels
    assert not any(label.startswith("base") for label in labels)


def test_what_changes_no_weight_is_no_input_and_what_does_is() -> None:
    before = [chain().jobs[place].inputs() for place in (1, 2)]
    idle = "card: {source: 携程, license: MIT}\nreport_to: [wandb]\n"
    Path("recipes/hotel.yaml").write_text(TASK + idle + "train: {logging_steps: 3, save_total_limit: 9}\n", "utf-8")
    Path("recipes/dapt-hotel.yaml").write_text(
        DAPT.replace("hotel}\n", "hotel, replace: true}\n") + idle + "train: {logging_steps: 3, save_total_limit: 9}\n",
        "utf-8",
    )
    assert [chain().jobs[place].inputs() for place in (1, 2)] == before
    Path("recipes/dapt-hotel.yaml").write_text(
        DAPT.replace("hotel}\n", "hotel, dtype: float16}\n") + "train: {eval_steps: 3}\n", "utf-8"
    )
    changes = chain().jobs[1].inputs().changes_since(before[0])
    assert changes == ("train.eval_steps was 500, is 3", 'publish.dtype was "float32", is "float16"')


def test_a_chain_that_is_checked_as_fine_is_one_that_runs() -> None:
    Path("recipes/hotel.yaml").write_text("name: hotel\ntask: single_label\n", "utf-8")
    sets = "set: {data: {train: data/hotel.csv, labels: [a, b]}}"
    stages = STAGES.replace("set: {base: bases/hotel, train.seed: 7, data: {labels: {0: 差, 1: 好}}}", sets)
    stages = stages.replace("recipes/hotel.yaml", "recipes/dapt-hotel.yaml")
    Path("recipes/dapt-hotel.yaml").write_text(DAPT.replace(", recipes/hotel.yaml", ""), "utf-8")
    ran, checked = chain(stages), load_whole_chain("recipes/hotel-chain.yaml")
    assert [job.name for job in ran.jobs[1:]] == list(checked.recipes)
    Path("recipes/hotel-chain.yaml").write_text(stages.replace("labels: [a, b]", "labels: [a]"), "utf-8")
    with pytest.raises(LingyuError) as said_by_check:
        load_whole_chain("recipes/hotel-chain.yaml")
    with pytest.raises(LingyuError) as said_by_run:
        read_chain(Path("recipes/hotel-chain.yaml"))
    assert str(said_by_run.value) == str(said_by_check.value)


def test_everything_that_is_wrong_with_the_recipes_is_said_at_once() -> None:
    Path("recipes/dapt-hotel.yaml").write_text(DAPT.replace("user_dict", "user_dcit"), "utf-8")
    with pytest.raises(Faults) as raised:
        chain(STAGES.replace("train.seed", "train.sede"))
    said = str(raised.value)
    assert "Did you mean" in said
    assert "user_dcit" in said
    assert "train.sede" in said


def test_everything_that_is_wrong_with_recipes_that_name_test_sets_is_said_at_once() -> None:
    Path("recipes/test_sets.yaml").write_text(TASK.replace("labels", "lables").replace("task:", "taks:"), "utf-8")
    Path("recipes/others.yaml").write_text(TASK.replace("name:", "naem:"), "utf-8")
    Path("recipes/dapt-hotel.yaml").write_text(DAPT.replace("recipes/hotel.yaml", "recipes/test_sets.yaml"), "utf-8")
    with pytest.raises(Faults) as raised:
        chain(STAGES.replace("exclude: [data/hotel.csv]", "exclude: [recipes/others.yaml]"))
    said = str(raised.value)
    assert all(f"Did you mean {key}?" in said for key in ("name", "data.labels", "task")), said


def test_a_stage_knows_its_recipe_as_its_process_reads_it() -> None:
    corpus, dapt, adapter, test = chain().jobs
    for replacing in (False, True):
        assert dapt.recipe_when(replacing=replacing) == load_pretraining(
            dapt.words[0], [*dapt.words[1:], *(dapt.replacing if replacing else ())]
        )
        assert adapter.recipe_when(replacing=replacing) == load_recipe(adapter.words[0], adapter.words[1:])
        assert corpus.recipe_when(replacing=replacing) is test.recipe_when(replacing=replacing) is None
    assert dapt.recipe_when(replacing=True) != dapt.recipe_when(replacing=False)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("name: a\nstages: [{name: again, recipe: hotel-chain.yaml}]", "2: stages.recipe: hotel-chain.yaml is a chain"),
        ("name: a\nstages: [{name: chain, evaluate: {adapter: hotel, recipe: hotel.yaml}}]", "another name"),
        ("name: a\nstages: [{name: one, recipe: nowhere.yaml}]", "nowhere.yaml"),
    ],
)
def test_a_stage_that_can_not_be_is_refused_in_one_line(stages: str, message: str) -> None:
    with pytest.raises(LingyuError) as raised:
        chain(stages)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_stage_that_leaves_no_adapter_is_refused_before_the_first_is_run() -> None:
    with pytest.raises(Faults) as caught:
        chain(STAGES.replace("set: {base: bases/hotel,", "set: {base: bases/hotel, method: full,"))
    assert str(caught.value) == (
        "recipes/hotel-chain.yaml:9: stages.recipe: hotel.yaml has method: full: its model stays in its run, where no "
        "stage finds it. Train it alone: python train_lora.py recipes/hotel.yaml; or take method: lora, or head"
    )


def test_two_stages_that_leave_at_one_place_are_refused_before_either_runs() -> None:
    other = DAPT.replace("dapt-hotel", "other").replace("bases/hotel", "./bases/hotel")
    Path("recipes/other.yaml").write_text(other, "utf-8")
    again = "  - {name: again, recipe: other.yaml}\n"
    with pytest.raises(Faults, match="stages dapt and again both leave at bases/hotel"):
        chain(STAGES + again)
