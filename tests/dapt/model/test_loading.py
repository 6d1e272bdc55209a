"""A base as a model: what it brings is there in float32, what it lacks is random by the seed and said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lingyu.bases import find_base
from lingyu.dapt.model.loading import Loaded, load_pretrainer
from lingyu.dapt.model.packed_attention import NAME
from lingyu.errors import LingyuError

from .flat_batches import flat_batch, save_masked_lm

POOLER = {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}
HEAD = {"head.dense.weight", "head.dense.bias", "head.norm.weight", "head.norm.bias", "head.bias"}
SENTENCES = {"sentence_head.weight", "sentence_head.bias"}


def load(folder: Path, seed: int = 1, *, sentence_order: bool = False, dropout: float | None = None) -> Loaded:
    return load_pretrainer(find_base(str(folder)), seed=seed, sentence_order=sentence_order, dropout=dropout)


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    file = folder / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in change(load_file(file)).items()}, file)


def test_what_a_base_does_not_bring_is_said(tiny_base: Path, tiny_base_with_pooler: Path) -> None:
    assert load(tiny_base).fresh == POOLER
    assert not load(tiny_base).head_is_fresh
    loaded = load(tiny_base_with_pooler, sentence_order=True)
    assert loaded.fresh == HEAD | SENTENCES
    assert loaded.head_is_fresh


def test_the_seed_decides_over_what_is_fresh_and_the_global_generator_stays_as_it_was(
    tiny_base_with_pooler: Path,
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    states = [load(tiny_base_with_pooler, seed, sentence_order=True).model.state_dict() for seed in (1, 1, 2)]
    assert torch.rand(3).equal(expected)
    assert all(states[0][name].equal(states[1][name]) for name in states[0])
    differ = {name for name in states[0] if not states[0][name].equal(states[2][name])}
    assert differ == {"head.dense.weight", "sentence_head.weight"}
    assert not states[0]["head.bias"].any()


def test_the_embedded_base_is_whole_but_for_a_pooler_and_becomes_float32() -> None:
    loaded = load(find_base("embedded").folder)
    assert loaded.fresh <= POOLER
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}


def test_dropout_stands_in_for_the_bases_own(tiny_base: Path) -> None:
    for dropout, expected in ((None, {0.1}), (0.0, {0.0}), (0.3, {0.3})):
        model = load(tiny_base, dropout=dropout).model
        assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == expected
    assert find_base(str(tiny_base)).config.hidden_dropout_prob == 0.1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cls.predictions.bias", "cls.predictions.decoder.bias"),
        (".LayerNorm.weight", ".LayerNorm.gamma"),
        (".LayerNorm.bias", ".LayerNorm.beta"),
        ("bert.", ""),
    ],
)
def test_other_libraries_names_mean_the_same(old: str, new: str, tmp_path: Path) -> None:
    save_masked_lm("bert", tmp_path)
    batch = flat_batch([6, 9])
    expected = load(tmp_path).model(**batch)["logits"]
    rewrite(tmp_path, lambda tensors: {name.replace(old, new): tensor for name, tensor in tensors.items()})
    loaded = load(tmp_path)
    assert loaded.fresh == POOLER
    assert loaded.model(**batch)["logits"].equal(expected)


def test_a_base_in_several_files_is_read_whole(tmp_path: Path) -> None:
    model = save_masked_lm("bert", tmp_path / "one")
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 1
    one, many = load(tmp_path / "one"), load(tmp_path / "many")
    assert one.fresh == many.fresh == POOLER
    batch = flat_batch([6, 9])
    assert one.model(**batch)["logits"].equal(many.model(**batch)["logits"])


def test_a_head_made_for_another_decoder_or_vocabulary_is_fresh(tmp_path: Path) -> None:
    save_masked_lm("bert", tmp_path / "untied", tie_word_embeddings=False)
    assert load(tmp_path / "untied").fresh == POOLER | HEAD
    save_masked_lm("bert", tmp_path / "shorter")
    rewrite(tmp_path / "shorter", lambda tensors: tensors | {"cls.predictions.bias": torch.zeros(49)})
    assert load(tmp_path / "shorter").fresh == POOLER | {"head.bias"}


QUERY = "bert.encoder.layer.1.attention.self.query.weight"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors: {k: t for k, t in tensors.items() if k != QUERY}, r"lacks tensors: encoder\.layer\.1.*query"),
        (
            lambda tensors: tensors | {QUERY.replace("layer.1", "layer.2"): torch.zeros(32, 32)},
            r"without a place: encoder\.layer\.2\.attention\.self\.query\.weight",
        ),
        (lambda tensors: tensors | {QUERY: torch.zeros(32, 31)}, r"of another shape than config\.json says"),
    ],
)
def test_an_encoder_that_does_not_fit_its_config_is_one_line(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], says: str, tmp_path: Path
) -> None:
    save_masked_lm("bert", tmp_path)
    rewrite(tmp_path, change)
    with pytest.raises(LingyuError, match=says) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_config_that_makes_no_model_is_one_line_and_does_not_choose_what_attends(tmp_path: Path) -> None:
    save_masked_lm("bert", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"attn_implementation": "owner/kernel"}), "utf-8")
    assert load(tmp_path).model.encoder.config._attn_implementation == NAME
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_act": "nope"}), "utf-8")
    with pytest.raises(LingyuError, match="no model can be built by its config") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_family_that_is_not_pretrained_here_is_one_line(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    (tmp_path / "b" / "config.json").write_text(json.dumps(config | {"model_type": "megatron-bert"}))
    with pytest.raises(LingyuError, match=r"'megatron-bert' can't be pretrained here.*bert, ernie, roberta"):
        load(tmp_path / "b")
