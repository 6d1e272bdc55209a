"""Recipes with `stages`: their faults, and their resolved form."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.errors import Faults, LingyuError
from lingyu.recipe import ChainRecipe, differences, load_any, resolved_yaml
from lingyu.recipe.reading import load_chain_with_origins

GOOD = """\
name: hotel-chain
stages:
  - name: corpus
    corpus: {sources: [raw/hotel], to: data/corpus/hotel}
  - name: dapt
    recipe: dapt-hotel.yaml
    set: {train.seed: 1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load_chain(path: Path) -> ChainRecipe:
    return load_chain_with_origins(path).recipe


def faults_of(path: Path) -> list[str]:
    with pytest.raises(LingyuError) as failure:
        load_chain(path)
    return str(failure.value).replace(f"{path.parent}/", "").splitlines()


def test_a_chain_has_its_stages_in_order(tmp_path: Path) -> None:
    corpus, dapt = load_chain(write(tmp_path, GOOD)).stages
    assert corpus.corpus is not None
    assert (corpus.name, corpus.corpus.sources, corpus.corpus.clean) == ("corpus", ("raw/hotel",), None)
    assert (dapt.name, dapt.recipe, dapt.set) == ("dapt", "dapt-hotel.yaml", {"train.seed": 1})


def test_all_faults_stand_at_the_line_of_their_stage(tmp_path: Path) -> None:
    text = """\
name: c
stages:
  - corpus: {source: raw, to: 3}
  - name: Two
    train: {seed: 1}
    recipe: [a]
  - name: three
    set: {train.seed: 1}
  - 7
  - name: four
    evaluate: {adapter: hotel}
step: 3
"""
    assert faults_of(write(tmp_path, text)) == [
        "c.yaml:3: stages.corpus.source: no such key. Did you mean stages.corpus.sources?",
        "c.yaml:3: stages.name: missing. Add for instance name: dapt",
        "c.yaml:3: stages.corpus.sources: missing. Add for instance sources: ...",
        'c.yaml:3: stages.corpus.to: 3 is not text. In quotation marks it is: "3"',
        'c.yaml:4: stages.name: "Two" is not a name. '
        "Small letters, digits, _ and - make one, at most 64, a letter or digit first",
        "c.yaml:5: stages.train: no such key. "
        "It is a key of the recipe that a stage runs; write it there, or under set of the stage",
        "c.yaml:6: stages.recipe: a list is not text",
        "c.yaml:7: stages.name: a stage has one of corpus, recipe and evaluate",
        "c.yaml:8: stages.set: set is for a stage with a recipe",
        "c.yaml:9: stages: 7 is not a mapping. Write key: value pairs under it",
        "c.yaml:11: stages.evaluate.recipe: missing. Add for instance recipe: ...",
        "c.yaml:12: step: no such key. Did you mean stages?",
    ]


@pytest.mark.parametrize(
    ("stages", "fault"),
    [
        ("[]", "stages: an empty list. Give at least 1"),
        ("{}", "stages: a mapping is not a list. Begin each entry with a dash and a blank"),
        (
            "[{name: a, recipe: r.yaml}, {name: a, recipe: s.yaml}]",
            "stages: two stages have the same name: a",
        ),
    ],
)
def test_stages_that_make_no_chain_are_refused(tmp_path: Path, stages: str, fault: str) -> None:
    assert faults_of(write(tmp_path, f"name: c\nstages: {stages}\n")) == [f"c.yaml:2: {fault}"]


def test_a_measurement_may_not_take_the_place_of_the_chain_s_state(tmp_path: Path) -> None:
    stage = "{name: chain, evaluate: {adapter: hotel, recipe: hotel.yaml}}"
    assert faults_of(write(tmp_path, f"name: c\nstages:\n  - {stage}\n")) == [
        "c.yaml:3: stages.name: the measurement would be chain.json, which the chain keeps its state in; "
        "give it another name"
    ]
    fine = stage.replace("evaluate: {adapter: hotel, recipe: hotel.yaml}", "recipe: hotel.yaml")
    assert load_chain(write(tmp_path, f"name: c\nstages:\n  - {fine}\n")).stages[0].name == "chain"


def test_a_chain_has_no_overrides(tmp_path: Path) -> None:
    with pytest.raises(LingyuError, match=r"train\.seed=3: a chain has no overrides"):
        load_any(write(tmp_path, GOOD), ["train.seed=3"])


def test_origins_count_the_stages_from_zero(tmp_path: Path) -> None:
    origins = load_chain_with_origins(write(tmp_path, GOOD)).origins
    assert {key: origin.replace(f"{tmp_path}/", "") for key, origin in origins.items()} == {
        "name": "c.yaml:1",
        "stages.0": "c.yaml:3",
        "stages.0.name": "c.yaml:3",
        "stages.0.corpus.sources": "c.yaml:4",
        "stages.0.corpus.to": "c.yaml:4",
        "stages.1": "c.yaml:5",
        "stages.1.name": "c.yaml:5",
        "stages.1.recipe": "c.yaml:6",
        "stages.1.set": "c.yaml:7",
    }


def test_labels_that_a_stage_sets_are_kept_as_written(tmp_path: Path) -> None:
    stage = "name: a\n    recipe: r.yaml\n    set: {data.labels: [007, no], data: {labels: [1e-4, on]}}"
    [loaded] = load_chain(write(tmp_path, f"name: c\nstages:\n  - {stage}\n")).stages
    assert loaded.set == {"data.labels": ["007", "no"], "data": {"labels": ["1e-4", "on"]}}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def chains(draw: st.DrawFn) -> ChainRecipe:
    corpus = st.fixed_dictionaries(
        {"sources": st.lists(TEXT, min_size=1, max_size=3), "to": TEXT, "clean": st.sampled_from([None, [], ["html"]])}
    )
    evaluate = st.fixed_dictionaries({"adapter": TEXT, "recipe": TEXT})
    overrides = st.dictionaries(TEXT.filter(lambda key: key != "data.labels"), VALUES, max_size=3)
    stages = draw(
        st.lists(
            st.one_of(
                st.fixed_dictionaries({"corpus": corpus}),
                st.fixed_dictionaries({"recipe": TEXT, "set": overrides}),
                st.fixed_dictionaries({"evaluate": evaluate}),
            ),
            min_size=1,
            max_size=4,
        )
    )
    named: list[dict[str, Any]] = [{"name": f"s{index}", **stage} for index, stage in enumerate(stages)]
    return ChainRecipe.model_validate({"name": "c", "stages": named})


@given(chains())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_resolved_chain_reads_back_equal(tmp_path: Path, chain: ChainRecipe) -> None:
    path = tmp_path / "resolved.yaml"
    path.write_bytes(resolved_yaml(chain).encode())
    again = load_chain(path)
    assert again == chain
    assert differences(chain, again) == []


@given(st.dictionaries(st.sampled_from(["name", "corpus", "recipe", "set", "evaluate", "x"]), VALUES, max_size=4))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_stage_is_fine_or_told_in_plain_words(tmp_path: Path, stage: dict[str, Any]) -> None:
    try:
        load_chain(write(tmp_path, json.dumps({"name": "c", "stages": [stage]})))
    except Faults as faults:
        for fault in faults.faults:
            assert fault.what.startswith("stages")
            for jargon in ("Input should", "type=", "Value error", "pydantic"):
                assert jargon not in str(fault)
