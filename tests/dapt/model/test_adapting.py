"""LoRA while pretraining: little is learnt, and merging changes no answer."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from peft import PeftModel

from lingyu.bases import find_base
from lingyu.dapt.model.adapting import add_lora, merge_lora
from lingyu.dapt.model.loading import Loaded, load_pretrainer
from lingyu.dapt.model.saving import save_base
from lingyu.errors import LingyuError
from lingyu.recipe import Lora

from .flat_batches import PRETRAINED, flat_batch, save_masked_lm

LENGTHS = [3, 5, 9, 18]


def with_lora(folder: Path, lora: Lora, *, sentence_order: bool = False, seed: int = 1) -> Loaded:
    base = find_base(str(folder))
    loaded = load_pretrainer(base, seed=1, sentence_order=sentence_order, dropout=0.0)
    add_lora(loaded.model, base, lora, seed, fresh=loaded.fresh)
    return loaded


def learnt(loaded: Loaded) -> set[str]:
    return {name for name, parameter in loaded.model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(
    ("model_type", "changes"),
    [
        *((model_type, {}) for model_type in PRETRAINED),
        ("bert", {"use_rslora": True}),
        ("bert", {"use_dora": True}),
        ("bert", {"init_lora_weights": "pissa"}),
    ],
)
def test_merging_changes_no_answer(model_type: str, changes: dict[str, bool], tmp_path: Path) -> None:
    save_masked_lm(model_type, tmp_path)
    loaded = with_lora(tmp_path, Lora(r=4, lora_alpha=4, **changes))
    model, batch = loaded.model, flat_batch(LENGTHS)
    torch.manual_seed(0)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        model(**batch)["mlm_loss"].backward()
        optimizer.step()
    model.eval()
    before = model(**batch)["logits"]
    merge_lora(model)
    assert not isinstance(model.encoder, PeftModel)
    torch.testing.assert_close(model(**batch)["logits"], before, rtol=0, atol=1e-5)
    plain = load_pretrainer(find_base(str(tmp_path)), seed=1, sentence_order=False, dropout=0.0).model
    assert (plain(**batch)["logits"] - before).abs().max() > 1e-2
    assert model.state_dict().keys() == plain.state_dict().keys()


def test_lora_is_learnt_and_what_the_base_lacks(tiny_base: Path, tiny_base_with_pooler: Path) -> None:
    lora = with_lora(tiny_base, Lora())
    assert all(".lora_" in name for name in learnt(lora))
    assert len(learnt(lora)) == 2 * 2 * 6  # A and B of the six linear layers of both layers
    assert not any("pooler" in name for name in learnt(lora))
    assert {name for name in learnt(with_lora(tiny_base_with_pooler, Lora())) if ".lora_" not in name} == {
        "head.dense.weight",
        "head.dense.bias",
        "head.norm.weight",
        "head.norm.bias",
        "head.bias",
    }
    assert {name for name in learnt(with_lora(tiny_base, Lora(), sentence_order=True)) if ".lora_" not in name} == {
        "encoder.base_model.model.pooler.dense.weight",
        "encoder.base_model.model.pooler.dense.bias",
        "sentence_head.weight",
        "sentence_head.bias",
    }


def test_every_learnt_parameter_gets_a_gradient_recomputed_or_not(tiny_base: Path) -> None:
    gradients = []
    for recompute in (False, True):
        model = with_lora(tiny_base, Lora(init_lora_weights="gaussian"), sentence_order=True).model
        if recompute:
            model.activation_checkpointing_enable()
        outputs = model(**flat_batch(LENGTHS), sentence_labels=torch.tensor([0, 1, 2, -100]))
        (outputs["mlm_loss"] + outputs["sentence_loss"]).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.requires_grad})
    for name, gradient in gradients[0].items():
        assert gradient is not None, name
        torch.testing.assert_close(gradient, gradients[1][name])


def test_the_seed_decides_over_lora(tiny_base: Path) -> None:
    states = [with_lora(tiny_base, Lora(), seed=seed).model.state_dict() for seed in (1, 1, 2)]
    assert all(states[0][name].equal(states[1][name]) for name in states[0])
    assert any(not states[0][name].equal(states[2][name]) for name in states[0])


def test_a_checkpoint_holds_each_tensor_once_and_the_merged_base_is_saved(tiny_base: Path, tmp_path: Path) -> None:
    model = with_lora(tiny_base, Lora()).model
    safetensors.torch.save_file(model.state_dict(), tmp_path / "checkpoint.safetensors")
    other = with_lora(tiny_base, Lora(), seed=7).model
    other.load_state_dict(safetensors.torch.load_file(tmp_path / "checkpoint.safetensors"))
    merge_lora(other)
    save_base(other, find_base(str(tiny_base)), tmp_path / "new", "float32")
    assert not load_pretrainer(find_base(str(tmp_path / "new")), seed=1, sentence_order=False, dropout=None).fresh


@pytest.mark.parametrize(("name", "says"), [("q_proj", "matches no layer"), ("dense", "part of the head")])
def test_target_modules_that_are_none_are_one_line(tiny_base: Path, name: str, says: str) -> None:
    with pytest.raises(LingyuError, match=says):
        with_lora(tiny_base, Lora(target_modules=(name,)))
    assert len(learnt(with_lora(tiny_base, Lora(target_modules=("query", "value"))))) == 8


@pytest.mark.parametrize("model_type", ["roberta", "xlm-roberta"])
def test_the_pooler_gets_no_lora_where_a_name_of_the_encoders_layers_is_its_own_too(
    model_type: str, tmp_path: Path
) -> None:
    save_masked_lm(model_type, tmp_path)
    for lora in (Lora(), Lora(target_modules=("dense",))):
        found = learnt(with_lora(tmp_path, lora, sentence_order=True))
        assert any("output.dense.lora_A" in name for name in found)
        assert not any("pooler" in name and "lora" in name for name in found)


@pytest.mark.parametrize("names", [("pooler.dense",), ("query", "pooler.dense")])
@pytest.mark.parametrize("model_type", PRETRAINED)
def test_lora_on_the_pooler_is_refused_in_one_line(model_type: str, names: tuple[str, ...], tmp_path: Path) -> None:
    save_masked_lm(model_type, tmp_path)
    with pytest.raises(LingyuError, match=r"lora\.target_modules: 'pooler\.dense' (is|matches no layer)"):
        with_lora(tmp_path, Lora(target_modules=names))


def test_a_diverged_update_is_not_merged(tiny_base: Path) -> None:
    model = with_lora(tiny_base, Lora()).model
    with torch.no_grad():
        next(p for name, p in model.named_parameters() if "lora_B" in name).fill_(float("nan"))
    with pytest.raises(LingyuError, match="LoRA can't be merged: NaNs") as caught:
        merge_lora(model)
    assert caught.value.status == 1
