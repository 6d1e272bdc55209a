"""Finding a base, reading it, and the guard against weights that nobody saves."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSequenceClassification

from lingyu.bases import (
    FAMILIES,
    LINEAGE,
    auto_target_modules,
    check_target_modules,
    find_base,
    first_position,
    is_hub_id,
    masked_lm_of,
    plain_name,
    require_saved,
)
from lingyu.errors import LingyuError

from ..tiny_families import SHIPPED, write_family

SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "embedding_size": 32,
    "max_position_embeddings": 64,
}
OF_FAMILY = {"modernbert": {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}}  # its own are beyond the 50


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("embeded", "Did you mean embedded"),
        ("./nowhere", "no such folder"),
        ("hfl/no-such-model-at-all", "HF_ENDPOINT"),
        ("a/b/c", "no such folder"),
        ("modelscope:iic/nlp_structbert_backbone_base_std", r"needs the package modelscope.*lingyu\[modelscope\]"),
        ("modelscope:nlp_structbert", "is no ModelScope id. Write modelscope:owner/name"),
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


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ('{"model_type": "gpt2"}', r"'gpt2' is not known here\. Take a base of one of these: bert"),
        ('{"model_type": "structbert"}', r"StructBERT's own form.*lingyu base import \S+/b --out bases/b$"),
        ('{"hidden_size": 32}', r"names no model_type\. Write one into it: bert"),
        ("[1]", "names no model_type"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"model_type": "bert", "hidden_size": "wide"}', r"its config\.json can't be read .*hidden_size"),
    ],
)
def test_a_config_that_is_none_of_ours_is_one_line(tiny_base: Path, tmp_path: Path, config: str, says: str) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    (tmp_path / "b" / "config.json").write_text(config)
    with pytest.raises(LingyuError, match=says) as caught:
        assert find_base(str(tmp_path / "b")).config
    assert "\n" not in str(caught.value)


def with_config(base: Path, folder: Path, **keys: object) -> Path:
    """A copy of a base whose config.json says other things."""
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | keys))
    return folder


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"num_hidden_layers": 1}, r"holds bert\.encoder\.layer\.1\.\S+, \S+, \S+ \.\.\., for which its config"),
        ({"num_hidden_layers": -1}, r"holds bert\.encoder\.layer\.0\.\S+, \S+, \S+ \.\.\., for which its config"),
        ({"hidden_act": "nope"}, "no model can be built by its config.json .*nope"),
        ({"num_attention_heads": 3}, "no model can be built by its config.json .*not a multiple"),
        ({"pad_token_id": 9_999_999}, "no model can be built by its config.json .*[Pp]adding_idx"),
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            r"quantized already\. Take the base in full precision",
        ),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "quantized"),
    ],
)
def test_a_config_of_another_model_than_the_weights_is_one_line(
    tiny_base: Path, tmp_path: Path, keys: dict[str, object], says: str
) -> None:
    folder = with_config(tiny_base, tmp_path / "b", **keys)
    for head in ("row", "token"):
        with pytest.raises(LingyuError, match=says) as caught:
            find_base(str(folder)).load_classifier(["a", "b"], head=head)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize("asked", ["owner/kernel", "flash_attention_2", "eager", {"": "owner/kernel"}])
def test_a_config_does_not_choose_the_code_that_attends(
    tiny_base: Path, tmp_path: Path, key: str, asked: object
) -> None:
    base = find_base(str(with_config(tiny_base, tmp_path / "b", **{key: asked})))
    assert base.load_classifier(["a", "b"]).model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("family", SHIPPED)
@pytest.mark.parametrize("pooler", [False, True])
def test_what_a_publisher_ships_beside_the_layers_is_no_matter(family: str, pooler: bool, tmp_path: Path) -> None:
    """Heads of pretraining, constants of older versions, and a pooler that a head of tokens has no place for."""
    base = find_base(str(write_family(tmp_path / "base", family)))
    file = tmp_path / "base" / "model.safetensors"
    tensors = load_file(file)
    layer = {name: tensor for name, tensor in tensors.items() if ".layer.0." in name or ".layers.0." in name}
    assert layer
    prefix = next(name for name in tensors if ".embeddings." in name).partition(".")[0]
    tensors |= {f"{prefix}.embeddings.{name}": torch.zeros(1, 64) for name in ("position_ids", "token_type_ids")}
    if pooler:
        tensors |= {
            f"{prefix}.pooler.dense.weight": torch.zeros(32, 32),
            f"{prefix}.pooler.dense.bias": torch.zeros(32),
        }
    save_file(tensors, file, metadata={"format": "pt"})
    for head in ("row", "token"):
        classifier = base.load_classifier(["a", "b"], head=head)
        require_saved(classifier.fresh, base.family, base.id, head)
        state = classifier.model.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in layer.items())


@pytest.mark.parametrize(
    ("file", "content"),
    [("tokenizer.json", "{"), ("tokenizer.json", '{"model": 3}'), ("tokenizer_config.json", "{")],
)
def test_a_broken_tokenizer_is_one_line(tiny_base: Path, tmp_path: Path, file: str, content: str) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    (tmp_path / "b" / file).write_text(content)
    with pytest.raises(LingyuError, match=r"its tokenizer can't be read \(.*Copy the tokenizer's files") as caught:
        assert find_base(str(tmp_path / "b")).tokenizer
    assert "\n" not in str(caught.value)


def test_a_folder_has_no_revision(tiny_base: Path) -> None:
    for id in ("embedded", str(tiny_base)):
        with pytest.raises(LingyuError, match=r"a folder has no revision v2\. Leave revision out"):
            find_base(id, "v2")


def test_what_is_looked_for_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("hfl/chinese-macbert-base")
    for id in ("embedded", "./hfl/base", "bases/hotel", "~/base", "/data/base", "a/b/c", "modelscope:iic/base"):
        assert not is_hub_id(id), id
    (tmp_path / "hfl" / "chinese-macbert-base").mkdir(parents=True)
    assert not is_hub_id("hfl/chinese-macbert-base")


def test_a_hub_repository_without_safetensors_is_told_from_a_wrong_folder(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache as the hub's client leaves it: of a repository with a pickle only, no weights are ever fetched."""
    repository = tmp_path / "models--hfl--old"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    shutil.copyfile(tiny_base / "config.json", snapshot / "config.json")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(LingyuError, match=r"^hfl/old: .*neither safetensors nor pytorch_model.bin.*refs/pr/N"):
        find_base("hfl/old")
    shutil.copyfile(tiny_base / "model.safetensors", snapshot / "model.safetensors")
    assert find_base("hfl/old").revision == "a" * 40


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


def stage(mode: str, max_length: int) -> dict[str, object]:
    return {"mode": mode, "settings": {"train": {"max_length": max_length}}}


@pytest.mark.parametrize(
    ("lineage", "known"),
    [
        ({"stages": [stage("scratch", 32), stage("full", 48), stage("lora", 16)]}, 48),
        ({"stages": [stage("full", 32)]}, None),  # on a published base, which may know them all
        ({"stages": [{"mode": "scratch", "settings": {}}]}, None),
        ({"stages": []}, None),
        ([], None),
    ],
)
def test_how_far_a_base_was_trained_is_known_of_those_made_here(
    lineage: object, known: int | None, tiny_base: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "base")
    assert find_base(str(folder)).trained_length is None
    (folder / LINEAGE).write_text(json.dumps(lineage), "utf-8")
    assert find_base(str(folder)).trained_length == known


@pytest.mark.parametrize(
    "hashes",
    [
        torch.zeros(3, dtype=torch.bfloat16),
        torch.zeros(3, dtype=torch.float32),
        torch.zeros(3, dtype=torch.uint8),
        torch.zeros((3, 1), dtype=torch.int64),
    ],
    ids=lambda hashes: f"{hashes.dtype} {hashes.ndim}-D",
)
def test_hashes_that_are_none_are_one_line(hashes: torch.Tensor, tiny_base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    save_file({"corpus": hashes}, folder / "hashes.safetensors")
    with pytest.raises(LingyuError, match=r"hashes\.safetensors: holds no hashes that can be read"):
        _ = find_base(str(folder)).corpus_hashes


def test_the_seed_decides_over_fresh_weights_only(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    one, same, other = (base.load_classifier(["a", "b"], seed=seed) for seed in (1, 1, 2))
    assert one.fresh == {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}
    weights = [dict(classifier.model.named_parameters()) for classifier in (one, same, other)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])
    assert {name for name in weights[0] if not weights[0][name].equal(weights[2][name])} <= one.fresh


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_a_published_head_makes_way_for_a_fresh_one(model_type: str, tmp_path: Path) -> None:
    """The same number of labels or not: the classifier is that of the encoder alone, weight for weight."""
    model = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(model_type, **SMALL, **OF_FAMILY.get(model_type, {}), num_labels=2)
    )
    model.save_pretrained(tmp_path / "published")
    shutil.copytree(tmp_path / "published", tmp_path / "encoder")
    tensors = load_file(tmp_path / "published" / "model.safetensors")
    head = {name for name in tensors if name.startswith("classifier.")}
    assert head
    save_file({name: tensors[name] for name in tensors.keys() - head}, tmp_path / "encoder" / "model.safetensors")

    bases = [find_base(str(tmp_path / name)) for name in ("published", "encoder")]
    published, encoder = (base.load_classifier(["a", "b"], seed=42) for base in bases)
    assert published.fresh == encoder.fresh == head
    weights, others = published.model.state_dict(), encoder.model.state_dict()
    assert all(weights[name].equal(others[name]) for name in others)
    assert all(weights[name].equal(tensors[name]) for name in tensors.keys() - head)
    assert not any(weights[name].equal(tensors[name]) for name in head if name.endswith("weight"))
    assert bases[0].weights_fingerprint == bases[1].weights_fingerprint


def test_what_is_loaded_is_what_was_fingerprinted(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    tensors = load_file(tmp_path / "b" / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, tmp_path / "b" / "other.safetensors")
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    (tmp_path / "b" / "config.json").write_text(json.dumps(config | {"transformers_weights": "other.safetensors"}))
    (tmp_path / "b" / "adapter_config.json").write_text('{"base_model_name_or_path": "elsewhere", "peft_type": "LORA"}')
    loaded = find_base(str(tmp_path / "b")).load_classifier(["a", "b"]).model.state_dict()
    assert all(loaded[name].equal(tensor) for name, tensor in tensors.items() if name.startswith("bert."))


@pytest.mark.parametrize("has_bar", [True, False])
def test_loading_leaves_the_progress_bar_as_it_was(tiny_base: Path, has_bar: bool) -> None:
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if has_bar else logging.disable_progress_bar)()
    try:
        find_base(str(tiny_base)).load_classifier(["a", "b"])
        assert logging.is_progress_bar_enabled() == has_bar
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_auto_targets_every_linear_but_the_head_in_each_family(model_type: str) -> None:
    from peft import LoraConfig, get_peft_model

    family = FAMILIES[model_type]
    model = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(model_type, **SMALL, **OF_FAMILY.get(model_type, {}), num_labels=3)
    )
    linears = {path for path, module in model.named_modules() if type(module).__name__ == "Linear"}
    head = {path for path in linears if path.endswith(family.head)}
    config = LoraConfig(
        task_type=family.peft_task_type(),
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


@pytest.mark.parametrize("model_type", [name for name, family in FAMILIES.items() if family.masked_lm is not None])
def test_the_masked_lm_head_lies_where_the_table_says_in_each_family(model_type: str, tmp_path: Path) -> None:
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(model_type, **SMALL, **OF_FAMILY.get(model_type, {})))
    model.save_pretrained(tmp_path)
    base = find_base(str(tmp_path))
    head, state = base.masked_lm_weights(), model.state_dict()
    names = {"dense": base.masked_lm.dense, "norm": base.masked_lm.norm}
    for part, tensor in head.items():
        module, _, leaf = part.rpartition(".")
        assert tensor.equal(state[f"{names[module]}.{leaf}" if module else base.masked_lm.bias]), part
    assert head.keys() == {"dense.weight", "dense.bias", "norm.weight", "norm.bias", "bias"}
    in_file = load_file(tmp_path / "model.safetensors")
    assert len(in_file) == len(head) + len(base.encoder_weights())
    assert all(plain_name(name) in base.encoder_weights() for name in in_file if plain_name(name))


def test_a_base_without_a_masked_lm_head_brings_none(tiny_base_with_pooler: Path) -> None:
    base = find_base(str(tiny_base_with_pooler))
    assert base.masked_lm_weights() == {}
    assert {"pooler.dense.weight", "embeddings.LayerNorm.bias"} <= base.encoder_weights().keys()


@pytest.mark.parametrize("model_type", ["megatron-bert", "deberta-v2", "roformer", "modernbert"])
def test_a_family_without_a_place_for_our_attention_is_one_line(model_type: str) -> None:
    with pytest.raises(
        LingyuError, match=f"'{model_type}' can't be pretrained here.*bert, ernie, roberta, xlm-"
    ) as caught:
        masked_lm_of(model_type, "bases/x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_positions_begin_where_the_family_counts_from(model_type: str) -> None:
    config = AutoConfig.for_model(model_type, **SMALL, **OF_FAMILY.get(model_type, {}))
    assert first_position(config) == (2 if "roberta" in model_type else 0)


def test_the_words_of_a_vocabulary_stand_in_the_order_of_their_ids(tiny_base: Path) -> None:
    assert "".join(f"{word}\n" for word in find_base(str(tiny_base)).word_pieces) == (
        tiny_base / "vocab.txt"
    ).read_text("utf-8")


def test_vocab_txt_goes_along_as_it_is_or_is_made_of_the_word_pieces(tiny_base: Path, tmp_path: Path) -> None:
    known = (tiny_base / "vocab.txt").read_bytes()
    shutil.copytree(tiny_base, tmp_path / "base")
    (tmp_path / "base" / "vocab.txt").write_bytes(known.rstrip(b"\n"))
    find_base(str(tmp_path / "base")).save_vocabulary(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == known.rstrip(b"\n")
    (tmp_path / "base" / "vocab.txt").unlink()
    find_base(str(tmp_path / "base")).save_vocabulary(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == known


def test_a_text_is_cut_on_the_side_that_is_asked_for(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    context, reply = "早餐很好房间很大", "热情"
    right, left = (base.encode([context], 8, [reply], truncation_side=side) for side in ("right", "left"))
    decode = base.tokenizer.decode
    assert decode(right.input_ids[0], skip_special_tokens=True).replace(" ", "") == "早餐很热情"
    assert decode(left.input_ids[0], skip_special_tokens=True).replace(" ", "") == "间很大热情"
    assert right.truncated == left.truncated == [True]
    assert base.encode([context], 8, [reply]).input_ids == right.input_ids  # the base's own tokenizer is as it was


def test_a_lineage_or_an_index_nested_too_deeply_is_one_line(tiny_base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    shutil.copytree(tiny_base, folder)
    (folder / LINEAGE).write_text("[" * 100_000)
    base = find_base(str(folder))
    assert base.trained_length is None
    with pytest.raises(LingyuError, match=r"lineage\.json: is no lineage\. Copy the base anew"):
        assert base.lineage
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("[" * 100_000)
    with pytest.raises(LingyuError, match="is no index of safetensors files"):
        assert find_base(str(folder)).weights_fingerprint
