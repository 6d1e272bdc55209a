"""The flat forward against transformers' own models, one text at a time."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch.nn import functional

from lingyu.bases import FAMILIES, find_base, plain_name
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.pretrainer import Pretrainer

from .flat_batches import PRETRAINED, flat_batch, logits_one_by_one, masked_lm, save_masked_lm

LENGTHS = [3, 5, 5, 6, 9, 17, 18, 30]


def pretrainer_of(folder: Path, *, sentence_order: bool = False) -> Pretrainer:
    base = find_base(str(folder))
    return load_pretrainer(base, seed=1, sentence_order=sentence_order, dropout=None).model


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    save_masked_lm("bert", folder)
    return folder


def random_bert(**changes: Any) -> Pretrainer:
    torch.manual_seed(5)
    place = FAMILIES["bert"].masked_lm
    assert place is not None
    return Pretrainer(masked_lm("bert", **changes).config, place, sentence_order=False)


@pytest.mark.parametrize("model_type", PRETRAINED)
@pytest.mark.parametrize("order", [1, -1])
def test_packed_and_one_by_one_agree_in_loss_and_every_gradient(model_type: str, order: int, tmp_path: Path) -> None:
    reference = save_masked_lm(model_type, tmp_path)
    model = pretrainer_of(tmp_path)
    batch = flat_batch(LENGTHS[::order])
    found = model(**batch)
    expected = logits_one_by_one(reference, batch)
    loss = functional.cross_entropy(expected, batch["labels"], reduction="sum")
    torch.testing.assert_close(found["logits"], expected, rtol=0, atol=1e-5)
    assert abs(found["mlm_loss"].item() - loss.item()) < 1e-5 * loss.item()

    found["mlm_loss"].backward()
    loss.backward()
    place = find_base(str(tmp_path)).masked_lm
    named = reference.named_parameters(remove_duplicate=False)  # of tied weights both names
    theirs = {plain_name(name) or name: parameter.grad for name, parameter in named}
    modules = {"dense": place.dense, "norm": place.norm}
    for name, parameter in model.named_parameters():
        part, _, rest = name.partition(".")
        module, _, leaf = rest.rpartition(".")
        if "pooler" in name:
            assert not parameter.requires_grad
            continue
        wanted = rest if part == "encoder" else f"{modules[module]}.{leaf}" if module else place.bias
        torch.testing.assert_close(parameter.grad, theirs[wanted], rtol=1e-4, atol=1e-4, msg=name)


@pytest.mark.parametrize("model_type", PRETRAINED)
def test_the_head_has_the_familys_own_activation(model_type: str, tmp_path: Path) -> None:
    reference = save_masked_lm(model_type, tmp_path, hidden_act="relu")
    batch = flat_batch(LENGTHS)
    found = pretrainer_of(tmp_path)(**batch)["logits"]
    torch.testing.assert_close(found, logits_one_by_one(reference, batch), rtol=0, atol=1e-5)


def test_heads_that_the_base_does_not_bring_begin_as_transformers_begins_a_layer() -> None:
    place = FAMILIES["bert"].masked_lm
    assert place is not None
    torch.manual_seed(5)
    config = masked_lm("bert", initializer_range=0.3, hidden_size=256).config
    model = Pretrainer(config, place, sentence_order=True)
    assert model.sentence_head is not None
    for layer in (model.head.dense, model.sentence_head):
        assert layer.weight.mean().item() == pytest.approx(0, abs=0.04)
        assert layer.weight.std().item() == pytest.approx(0.3, rel=0.1)
        assert not layer.bias.any()
    assert not model.head.bias.any()


def test_losses_are_float32_sums_under_autocast_too(bert: Path) -> None:
    model, batch = pretrainer_of(bert), flat_batch(LENGTHS)
    full = model(**batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(**batch)
    assert half["logits"].dtype == half["mlm_loss"].dtype == torch.float32
    assert half["mlm_loss"].item() == pytest.approx(full["mlm_loss"].item(), rel=0.02)
    halves = [
        flat_batch(LENGTHS) | {"masked_positions": m, "labels": y}
        for m, y in zip(batch["masked_positions"].split(10), batch["labels"].split(10), strict=True)
    ]
    assert sum(model(**part)["mlm_loss"].item() for part in halves) == pytest.approx(full["mlm_loss"].item(), rel=1e-5)


@pytest.mark.parametrize("sentence_order", [False, True])
@pytest.mark.parametrize("lengths", [[], [7, 8]])
@pytest.mark.parametrize("model_type", ["bert", "electra"])
def test_a_batch_that_asks_for_nothing_gives_every_parameter_a_gradient_of_zero(
    model_type: str, lengths: list[int], sentence_order: bool, tmp_path: Path
) -> None:
    save_masked_lm(model_type, tmp_path)
    model = pretrainer_of(tmp_path, sentence_order=sentence_order)
    batch = flat_batch(lengths)
    batch |= {"masked_positions": batch["masked_positions"][:0], "labels": batch["labels"][:0]}
    if sentence_order:
        batch["sentence_labels"] = torch.full((len(lengths),), -100)
    outputs = model(**batch)
    assert outputs["logits"].shape == (0, 50)
    losses = [outputs[name] for name in outputs if name.endswith("loss")]
    assert [loss.item() for loss in losses] == [0.0] * (1 + sentence_order)
    sum(losses).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert not parameter.grad.any(), name


def test_the_order_of_sentences_is_told_from_each_texts_own_pooled_state(tmp_path: Path) -> None:
    reference = save_masked_lm("bert", tmp_path)
    model = pretrainer_of(tmp_path, sentence_order=True)
    lengths, labels = [4, 9, 10, 12], torch.tensor([0, -100, 2, 1])
    batch = flat_batch(lengths)
    batch["token_type_ids"] = (batch["position_ids"] > 3).long()
    found = model(**batch, sentence_labels=labels)["sentence_loss"]
    assert model.sentence_head is not None
    expected = 0.0
    ids, types = (batch[name].split(lengths) for name in ("input_ids", "token_type_ids"))
    for text, kinds, label in zip(ids, types, labels, strict=True):
        if label >= 0:
            first = reference.bert(input_ids=text[None], token_type_ids=kinds[None]).last_hidden_state[:, :1]
            logits = model.sentence_head(model.encoder.pooler(first))
            expected += functional.cross_entropy(logits, label[None]).item()
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_second_sentence_is_no_error_where_there_is_one_type_only(tmp_path: Path) -> None:
    save_masked_lm("xlm-roberta", tmp_path, type_vocab_size=1)
    batch = flat_batch([6, 7])
    types = torch.ones_like(batch["token_type_ids"])
    model = pretrainer_of(tmp_path)
    assert model(**batch | {"token_type_ids": types})["mlm_loss"].equal(model(**batch)["mlm_loss"])


def test_recomputed_activations_give_the_same_gradients() -> None:
    batch, gradients = flat_batch(LENGTHS), []
    for recompute in (False, True):
        model = random_bert(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1).train()
        if recompute:
            model.activation_checkpointing_enable()
        torch.manual_seed(11)
        model(**batch)["mlm_loss"].backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
        model.activation_checkpointing_disable()
    for plain, recomputed in zip(*gradients, strict=True):
        assert plain is not None
        torch.testing.assert_close(plain, recomputed)


def test_dropout_is_for_training_alone() -> None:
    model, batch = random_bert(attention_probs_dropout_prob=0.2), flat_batch(LENGTHS)
    first, second = (model.eval()(**batch)["logits"] for _ in range(2))
    assert first.equal(second)
    first, second = (model.train()(**batch)["logits"] for _ in range(2))
    assert not first.equal(second)


def test_a_state_dict_has_every_tensor_once(bert: Path, tmp_path: Path) -> None:
    model = pretrainer_of(bert, sentence_order=True)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "checkpoint.safetensors")
    other = random_bert()
    read = safetensors.torch.load_file(tmp_path / "checkpoint.safetensors")
    other.load_state_dict({name: tensor for name, tensor in read.items() if not name.startswith("sentence_head.")})
    batch = flat_batch(LENGTHS)
    assert other(**batch)["logits"].equal(model(**batch)["logits"])
