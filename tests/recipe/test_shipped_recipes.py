"""Every file under recipes/ is loaded; a lost one is noticed."""

import json
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file

from lingyu.bases import find_base
from lingyu.recipe import (
    PretrainingRecipe,
    Recipe,
    json_schema,
    load_any,
    load_pretraining,
    load_recipe,
    load_whole_chain,
    resolved_yaml,
)
from lingyu.recipe.document import MappingNode, parse
from lingyu.recipe.layers import Layers
from lingyu.recipe.reading import kind_in

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent.name not in ("parents", "accelerate"))
PARENTS = sorted(FOLDER.glob("parents/*.yaml"))


def load(name: str) -> Recipe:
    return load_recipe(FOLDER / f"{name}.yaml")


def test_all_of_them_are_found() -> None:
    assert [path.stem for path in RECIPES] == [
        "car_subjects",
        "chnsenticorp",
        "customer_service-large",
        "customer_service-structbert-large",
        "customer_service",
        "dapt-customer_service",
        "dapt-hotel",
        "ecommerce-large",
        "ecommerce-structbert-large",
        "ecommerce",
        "embedded-all",
        "embedded-general",
        "embedded-v2",
        "embedded",
        "goods",
        "hotel-chain",
        "hotel-large",
        "hotel-structbert-large-4bit",
        "hotel-structbert-large",
        "hotel",
        "laptop",
        "quickstart",
        "replies",
        "restaurant",
        "similar_questions",
        "stars",
        "tapt-customer_service",
        "tapt-hotel",
    ]
    assert [path.stem for path in PARENTS] == ["dapt", "lora"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_loads_and_its_resolved_form_is_the_same(path: Path, tmp_path: Path) -> None:
    recipe = load_any(path)
    assert recipe.name == path.stem
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_any(resolved) == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_embedded_encoder_is_never_taken_beyond_its_trained_positions(path: Path) -> None:
    recipe = load_any(path)
    if isinstance(recipe, Recipe) and recipe.base == "embedded":
        known = find_base("embedded").trained_length
        assert known is not None
        assert recipe.train.max_length <= known


@pytest.mark.parametrize("path", [*RECIPES, *PARENTS], ids=lambda path: path.stem)
def test_a_shipped_file_tells_editors_where_the_schema_is(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    marker = "# yaml-language-server: $schema="
    assert first.startswith(marker)
    assert (path.parent / first.removeprefix(marker)).resolve() == FOLDER / "recipe.schema.json"


@pytest.mark.parametrize("path", [*RECIPES, *PARENTS], ids=lambda path: path.stem)
def test_the_schema_knows_every_key_of_a_shipped_file(path: Path) -> None:
    schema = json.loads((FOLDER / "recipe.schema.json").read_text(encoding="utf-8"))
    root = parse(path.read_text(encoding="utf-8"), path.name).root
    assert isinstance(root, MappingNode)
    name = {"task": "Recipe", "dapt": "PretrainingRecipe", "stages": "ChainRecipe"}[kind_in(Layers(path, ()).root).key]
    for key, node in root.entries.items():
        described = schema["$defs"][name]["properties"][key]
        section = described.get("$ref", "").rpartition("/")[2]
        if section:
            assert isinstance(node, MappingNode)
            assert set(node.entries) <= set(schema["$defs"][section]["properties"])


def test_the_schema_in_recipes_is_the_one_of_this_code() -> None:
    stored = (FOLDER / "recipe.schema.json").read_text(encoding="utf-8")
    fresh = json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"
    assert stored == fresh, "make it anew: lingyu check --schema > recipes/recipe.schema.json"


@pytest.mark.parametrize("name", ["hotel", "ecommerce", "customer_service"])
def test_a_domain_names_its_larger_sibling(name: str) -> None:
    larger = load(name).card.larger
    sibling = load(f"{name}-large")
    assert larger == f"recipes/{name}-large.yaml on {sibling.base}"
    assert list(sibling.data.labels.items()) == list(load(name).data.labels.items())


@pytest.mark.parametrize("name", ["hotel", "ecommerce", "customer_service"])
def test_structbert_differs_from_the_other_large_base_in_the_base_alone(name: str) -> None:
    structbert, other = load(f"{name}-structbert-large"), load(f"{name}-large")
    assert structbert.base == "modelscope:iic/nlp_structbert_backbone_large_std"
    assert structbert.model_copy(update={"name": other.name, "base": other.base}) == other


def test_four_bits_are_all_that_a_recipe_in_four_bits_changes() -> None:
    four_bit, full = load("hotel-structbert-large-4bit"), load("hotel-structbert-large")
    assert (four_bit.quantization, full.quantization) == ("nf4", None)
    assert four_bit.model_copy(update={"name": full.name, "quantization": None}) == full


def test_customer_service_has_its_72_intents_with_the_merged_ones_last() -> None:
    names = list(load("customer_service").data.labels.values())
    assert len(names) == len(set(names)) == 72
    assert (names[0], names[-2], names[-1]) == ("肯定(好的)", "否定(取消)", "其他")


@pytest.mark.parametrize("domain", ["hotel", "customer_service"])
def test_a_domain_is_pretrained_without_the_texts_its_adapter_is_measured_by(domain: str) -> None:
    domain_recipe = f"recipes/{domain}.yaml"
    dapt = load_pretraining(FOLDER / f"dapt-{domain}.yaml")
    tapt = load_pretraining(FOLDER / f"tapt-{domain}.yaml")
    assert dapt.dapt.corpus == (f"data/corpus/{domain}",)
    assert tapt.dapt.corpus == (domain_recipe,)
    assert dapt.dapt.exclude == tapt.dapt.exclude == (domain_recipe,)
    assert tapt.base == dapt.publish.to


def test_the_chain_hands_each_base_on_and_keeps_the_stable_adapter() -> None:
    recipes = load_whole_chain(FOLDER / "hotel-chain.yaml").recipes
    dapt, tapt, adapter = (recipes[stage].recipe for stage in ("dapt", "tapt", "adapter"))
    assert isinstance(dapt, PretrainingRecipe)
    assert isinstance(tapt, PretrainingRecipe)
    assert isinstance(adapter, Recipe)
    assert [tapt.base, adapter.base] == [dapt.publish.to, tapt.publish.to]
    assert adapter.publish.channel == "canary"


def test_the_demo_publishes_beside_the_adapters_that_ship() -> None:
    recipe = load("quickstart")
    assert recipe.publish.to == "runs/demo-adapters"
    assert recipe.report_to == ()


@pytest.mark.parametrize(
    ("name", "kind", "processes"), [("one_gpu", "NO", 1), ("several_gpus", "MULTI_GPU", 4), ("two_cpu", "MULTI_GPU", 2)]
)
def test_an_accelerate_config_is_read_by_accelerate(name: str, kind: str, processes: int) -> None:
    assert {path.stem for path in FOLDER.glob("accelerate/*")} == {"one_gpu", "several_gpus", "two_cpu"}
    config = load_config_from_file(str(FOLDER / "accelerate" / f"{name}.yaml"))
    assert config.distributed_type == kind
    assert config.num_processes == processes
