"""Recipes with `dapt`: their defaults, the rules between their keys, and their resolved form."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.recipe import (
    PretrainingRecipe,
    Shape,
    differences,
    load_pretraining,
    load_pretraining_with_origins,
    load_recipe,
    resolved_yaml,
)

GOOD = """\
name: dapt-hotel
dapt:
  corpus: [data/corpus/hotel]
publish: {to: bases/hotel}
"""


def write(folder: Path, text: str, name: str = "r.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(LingyuError) as failure:
        load_pretraining(path, overrides)
    return str(failure.value).replace(f"{path.parent}/", "").splitlines()


def test_a_small_recipe_has_every_default(tmp_path: Path) -> None:
    recipe = load_pretraining(write(tmp_path, GOOD))
    assert (recipe.base, recipe.dapt.mode, recipe.dapt.objective) == ("embedded", "full", ("mlm",))
    assert (recipe.dapt.mlm_probability, recipe.dapt.segmenter) == (0.2, "jieba")
    assert (recipe.train.tokens_per_batch, recipe.train.max_length) == (8192, 256)


def test_the_rank_is_high_also_where_another_key_of_lora_is_set(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_pretraining(path).lora.r == 64
    lora = load_pretraining(path, ["dapt.mode=lora", "lora.use_rslora=true"]).lora
    assert (lora.r, lora.lora_alpha, lora.use_rslora) == (64, 64.0, True)
    assert load_pretraining(path, ["dapt.mode=lora", "lora.r=16"]).lora.r == 16


def test_a_new_encoder_s_shape_is_resolved_whole(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_pretraining(path).dapt.shape == Shape()
    shape = load_pretraining(path, ["dapt.mode=scratch"]).dapt.shape
    assert list(shape.model_dump().values()) == [256, 4, 4, 1024, 512, 8000]
    assert "    hidden_size: 256\n" in resolved_yaml(load_pretraining(path, ["dapt.mode=scratch"]))
    wide = load_pretraining(path, ["dapt.mode=scratch", "dapt.shape.hidden_size=768", "dapt.shape.vocab_size=300"])
    assert list(wide.dapt.shape.model_dump().values()) == [768, 4, 12, 3072, 512, 300]
    widest = load_pretraining(path, ["dapt.mode=scratch", f"dapt.shape.hidden_size={1 << 16}"])
    assert widest.dapt.shape.intermediate_size == 1 << 18, "what is filled in is within bounds too"


def test_a_card_of_a_base_has_no_larger_one(tmp_path: Path) -> None:
    [line] = faults_of(write(tmp_path, GOOD + "card: {larger: recipes/hotel-large.yaml}\n"))
    assert line.startswith("r.yaml:5: card.larger: no such key. It is a key of a recipe that trains an adapter")


def test_all_faults_come_at_once_in_the_words_of_pretraining(tmp_path: Path) -> None:
    text = """\
name: dapt-hotel
dapt:
  corpus: []
  mlm_prob: 0.2
  mode: continue
  objective: [mlm, word_ordr]
  shape: {layers: 3, hidden_size: wide}
  max_ngram: 9
  max_ngram: 3
num_hidden_layers: 4
data: {train: x}
lora: {r: 0}
publish: {to: /bases/hotel, dtpye: float16}
"""
    assert faults_of(write(tmp_path, text), "train.max_length=8") == [
        "r.yaml:3: dapt.corpus: an empty list. Give at least 1",
        "r.yaml:4: dapt.mlm_prob: no such key. Did you mean dapt.mlm_probability?",
        'r.yaml:5: dapt.mode: "continue" is not one of full, lora, scratch, distil',
        'r.yaml:6: dapt.objective: "word_ordr" is not one of mlm, word_order, sentence_order. Did you mean word_order?',
        "r.yaml:7: dapt.shape.layers: no such key. Did you mean dapt.shape.num_hidden_layers?",
        'r.yaml:7: dapt.shape.hidden_size: "wide" is not a whole number. Write it in digits, for instance 3',
        "r.yaml:8: dapt.max_ngram: 9 will not do. It has to be at most 8",
        "r.yaml:9: dapt.max_ngram: a second time. It stands in line 8 already; keep one of them",
        "r.yaml:10: num_hidden_layers: no such key. num_hidden_layers belongs under dapt.shape",
        "r.yaml:11: data: no such key. It is a key of a recipe that trains an adapter (with task:); leave it out",
        "r.yaml:12: lora.r: 0 will not do. It has to be at least 1",
        "r.yaml:13: publish.dtpye: no such key. Did you mean publish.dtype?",
        "r.yaml:13: publish.to: /bases/hotel is no folder below the one you start from; give one like bases/hotel, "
        "which means the same on every machine",
        "command line: train.max_length: 8 will not do. It has to be at least 16",
    ]


def test_missing_keys_come_with_an_example(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, "name: a\ndapt: {mode: full}\n")) == [
        "r.yaml:1: publish: missing. Add the section publish: with to",
        "r.yaml:2: dapt.corpus: missing. Add for instance corpus: [data/corpus/hotel]",
    ]


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("dapt.start=cooccurrence", "dapt.start: mode full starts from its base's weights"),
        ("dapt.shape.num_hidden_layers=2", "dapt.shape: mode full keeps its base's shape"),
        ("dapt.objective=[word_order]", "dapt.objective: mlm belongs in it, and each objective once"),
        ("revision=main", "revision: the embedded base has no revisions; leave it out"),
        ("dapt.drop_test_texts=true", "dapt.drop_test_texts: no test text is known without dapt.exclude"),
        ("publish.to=embedded", "publish.to: the base itself: a run that was killed could not go on from it"),
        ("lora.r=8", "lora: mode full learns without LoRA; lora is for mode: lora"),
        ("dapt.hidden_loss_weight=2.0", "dapt.hidden_loss_weight: mode full has no teacher"),
        ("dapt.word_order_probability=0.1", "dapt.word_order_probability: nothing is shuffled without word_order"),
        ("train.tokens_per_batch=500", "train.tokens_per_batch: 500 tokens do not hold two texts of max_length 256"),
    ],
)
def test_keys_that_do_not_go_together_are_told(tmp_path: Path, override: str, fault: str) -> None:
    [line] = faults_of(write(tmp_path, GOOD), override)
    assert line.startswith(f"command line: {fault}")


def test_keys_that_go_together_are_fine(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_pretraining(path, ["dapt.drop_test_texts=true", "dapt.exclude=[test.csv]"]).dapt.drop_test_texts
    assert load_pretraining(path, ["base=hfl/chinese-macbert-base", "revision=main"]).revision == "main"
    [line] = faults_of(path, "base=hfl/chinese-macbert-base", "revision=main", "dapt.mode=scratch")
    assert line.startswith("command line: revision: mode scratch")


def test_lora_begins_as_the_base_so_that_before_can_be_measured(tmp_path: Path) -> None:
    [line] = faults_of(write(tmp_path, GOOD), "dapt.mode=lora", "lora.init_lora_weights=false")
    assert line.startswith("command line: lora.init_lora_weights: false begins with random LoRA")
    assert load_pretraining(write(tmp_path, GOOD), ["dapt.mode=lora", "lora.init_lora_weights=pissa"])


@pytest.mark.parametrize(
    ("mode", "override", "fault"),
    [
        ("scratch", "dapt.head_warmup_steps=10", "dapt.head_warmup_steps: mode scratch makes a head together with"),
        ("lora", "lora.loraplus_lr_ratio=16", "lora.loraplus_lr_ratio: a pretraining has one rate for A and B"),
        (
            "scratch",
            "dapt.shape.num_attention_heads=3",
            "dapt.shape.num_attention_heads: hidden_size 256 is no multiple",
        ),
        ("scratch", "train.max_length=600", "train.max_length: 600 tokens do not fit the new encoder's 512 positions"),
        ("scratch", "revision=main", "revision: mode scratch starts from no base; leave it out"),
        ("distil", "dapt.shape.hidden_size=64", "dapt.shape: a student has its teacher's hidden_size"),
        ("distil", "dapt.objective=[mlm, word_order]", "dapt.objective: mode distil learns by mlm"),
    ],
)
def test_a_key_that_its_mode_does_not_read_is_told(tmp_path: Path, mode: str, override: str, fault: str) -> None:
    [line] = faults_of(write(tmp_path, GOOD), f"dapt.mode={mode}", override)
    assert line.startswith(f"command line: {fault}")


@pytest.mark.parametrize("mode", ["full", "lora", "scratch", "distil"])
def test_a_key_that_says_what_holds_anyway_is_fine_in_any_mode(tmp_path: Path, mode: str) -> None:
    said = ["dapt.head_warmup_steps=200", "dapt.hidden_loss_weight=1.0", "dapt.start=plain", "lora.r=64"]
    assert load_pretraining(write(tmp_path, GOOD), [f"dapt.mode={mode}", *said]).dapt.mode == mode


@pytest.mark.parametrize("folder", ["/bases/hotel", "~/bases", "../bases/hotel", "bases/../../hotel", '""', "."])
def test_a_base_goes_to_a_folder_below_the_one_to_start_from(tmp_path: Path, folder: str) -> None:
    [line] = faults_of(write(tmp_path, GOOD), f"publish.to={folder}")
    assert "no folder below the one you start from" in line


@pytest.mark.parametrize("folder", ["bases/hotel", "./bases/hotel", "hotel", "bases/酒店"])
def test_a_folder_that_means_the_same_everywhere_is_fine(tmp_path: Path, folder: str) -> None:
    assert load_pretraining(write(tmp_path, GOOD), [f"publish.to={folder}"]).publish.to == folder


def test_origins_name_file_and_line_or_the_command_line(tmp_path: Path) -> None:
    origins = load_pretraining_with_origins(write(tmp_path, GOOD), ["dapt.shape={}", "train.seed=1"]).origins
    assert {key: origin.replace(f"{tmp_path}/", "") for key, origin in origins.items()} == {
        "name": "r.yaml:1",
        "dapt.corpus": "r.yaml:3",
        "publish.to": "r.yaml:4",
        "train.seed": "command line",
    }


def test_a_recipe_that_trains_is_no_pretraining(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\ntask: single_label\ndata: {train: x.csv, labels: [a, b]}\n")
    assert load_recipe(path).name == "a"
    assert faults_of(path) == [
        "r.yaml:2: task: a recipe that trains an adapter, where one that pretrains a base belongs. "
        f"Run it with: python train_lora.py {'r.yaml'}"
    ]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = st.lists(TEXT, max_size=3)
COUNT = st.one_of(st.none(), st.integers(1, 10**6))
SIZE = st.one_of(st.none(), st.integers(1, 1 << 16))


@st.composite
def recipes(draw: st.DrawFn) -> PretrainingRecipe:
    mode = draw(st.sampled_from(["full", "lora", "scratch", "distil"]))
    dapt: dict[str, Any] = {
        "mode": mode,
        "corpus": draw(st.lists(TEXT, min_size=1, max_size=3)),
        "general": draw(TEXTS),
        "exclude": draw(TEXTS),
        "objective": ["mlm"] if mode == "distil" else draw(st.permutations(["mlm", "word_order", "sentence_order"])),
        "mlm_probability": draw(st.floats(1e-9, 0.999)),
        "user_dict": draw(st.one_of(st.none(), TEXT)),
    }
    if mode in ("scratch", "distil"):
        dapt["shape"] = {"num_hidden_layers": draw(SIZE), "vocab_size": draw(COUNT)}
    train = {"max_steps": draw(COUNT), "dropout": draw(st.one_of(st.none(), st.floats(0, 0.9)))}
    lora = {"lora": {"r": 8}} if mode == "lora" else {}
    return PretrainingRecipe.model_validate(
        {"name": "a", "dapt": dapt, "train": train, **lora, "publish": {"to": "bases/酒店 new"}}
    )


@given(recipes())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_resolved_recipe_reads_back_equal(tmp_path: Path, recipe: PretrainingRecipe) -> None:
    path = tmp_path / "resolved.yaml"
    path.write_bytes(resolved_yaml(recipe).encode())
    again = load_pretraining(path)
    assert again == recipe
    assert differences(recipe, again) == []


def test_differences_name_dotted_keys(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    one, other = load_pretraining(path), load_pretraining(path, ["dapt.max_ngram=3", "train.seed=7"])
    assert differences(one, other) == ["dapt.max_ngram", "train.seed"]
