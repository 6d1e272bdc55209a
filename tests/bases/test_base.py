"""Finding a base, reading it, and the guard against weights that nobody saves."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForSequenceClassification

from lingyu.bases import FAMILIES, auto_target_modules, check_target_modules, find_base, require_saved
from lingyu.errors import LingyuError

SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "embedding_size": 32,
    "max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("embeded", "Did you mean embedded"),
        ("./nowhere", "no such folder"),
        ("hfl/no-such-model-at-all", "HF_ENDPOINT"),
        ("a/b/c", "no such folder"),
    ],
)
def test_a_base_that_is_nowhere_is_one_line(id: str, says: str) -> None:
    with pytest.raises(LingyuError, match=says) as caught:
        find_base(id)
    assert "\n" not in str(caught.value)


def test_a_base_that_brings_code_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    (tmp_path / "b" / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(LingyuError, match="auto_map"):
        find_base(str(tmp_path / "b"))


def test_special_tokens_in_a_text_are_text(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    ids = base.encode(["好[MASK]好[SEP]"], 64).input_ids[0]
    special = {base.tokenizer.mask_token_id, base.tokenizer.sep_token_id, base.tokenizer.cls_token_id}
    assert ids[0] == base.tokenizer.cls_token_id
    assert ids[-1] == base.tokenizer.sep_token_id
    assert not special & set(ids[1:-1])


def test_long_texts_are_cut_and_said(tiny_base: Path) -> None:
    encoded = find_base(str(tiny_base)).encode(["好" * 8, "好" * 9, "好" * 100_000], max_length=10)
    assert [len(ids) for ids in encoded.input_ids] == [10, 10, 10]
    assert encoded.truncated == [False, True, True]


def test_more_tokens_than_positions_is_one_line(tiny_base: Path) -> None:
    with pytest.raises(LingyuError, match="64 tokens at most"):
        find_base(str(tiny_base)).require_length(65)


def test_the_seed_decides_over_fresh_weights_only(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    one, same, other = (base.load_classifier(["a", "b"], seed=seed) for seed in (1, 1, 2))
    assert one.fresh == {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}
    weights = [dict(classifier.model.named_parameters()) for classifier in (one, same, other)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert {name for name in weights[0] if not weights[0][name].equal(weights[2][name])} <= one.fresh


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_auto_targets_every_linear_but_the_head_in_each_family(model_type: str) -> None:
    from peft import LoraConfig, get_peft_model

    family = FAMILIES[model_type]
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(model_type, **SMALL, num_labels=3))
    linears = {path for path, module in model.named_modules() if type(module).__name__ == "Linear"}
    head = {path for path in linears if path.endswith(family.head)}
    config = LoraConfig(
        task_type=family.peft_task_type,
        target_modules=auto_target_modules(model, family),
        modules_to_save=list(family.head),
    )
    adapted = get_peft_model(model, config)
    prefix = "base_model.model."
    with_lora = {path.removeprefix(prefix) for path, module in adapted.named_modules() if hasattr(module, "lora_A")}
    saved = {
        path.removeprefix(prefix)
        for path, module in adapted.named_modules()
        if type(module).__name__ == "ModulesToSaveWrapper"
    }
    assert with_lora == linears - head
    assert saved == head
    assert len(head) == len(family.head)


def test_a_weight_that_nobody_saves_stops_the_training() -> None:
    require_saved(["bert.pooler.dense.weight", "classifier.bias"], FAMILIES["bert"], "x")
    with pytest.raises(LingyuError, match=r"encoder\.layer\.0\.output\.dense\.weight"):
        require_saved(["bert.encoder.layer.0.output.dense.weight"], FAMILIES["bert"], "x")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["q_proj"], "matches no layer.*dense, key, query, value"),
        (["dense"], "catches part of the head"),
        (["classifier"], "catches part of the head"),
    ],
)
def test_wrong_target_modules_are_one_line(tiny_base: Path, names: list[str], says: str) -> None:
    base = find_base(str(tiny_base))
    with pytest.raises(LingyuError, match=says):
        check_target_modules(base.load_classifier(["a", "b"]).model, base.family, names, base.id)
    model = base.load_classifier(["a", "b"]).model
    assert check_target_modules(model, base.family, ["value", "query"], base.id) == ["query", "value"]
