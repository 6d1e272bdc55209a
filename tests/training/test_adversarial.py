"""FGM: the gradients are those of the rows and of the rows moved against the model, by plain autograd."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lingyu.bases import find_base
from lingyu.lora.attaching import attach_lora
from lingyu.recipe import Lora
from lingyu.training import pad
from lingyu.training.adversarial import adversarial_step, fast_gradient

EPSILON = 0.7
LABELS = torch.tensor([1, 0])
TEXTS = ["房间很干净", "服务差"]


def classifier(base: Path, *, trained: str) -> tuple[torch.nn.Module, dict[str, Tensor]]:
    """A model without dropout, of which LoRA or everything is trained, and a batch."""
    found = find_base(str(base))
    loaded = found.load_classifier(["负面", "正面"], seed=1)
    model = loaded.model if trained == "full" else attach_lora(loaded, found, Lora(r=4))
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(parameter, std=0.1)  # 0 at first, and then A has no gradient
    return model.eval(), pad(found.encode(TEXTS, 64).input_ids, 0)


def loss_of(model: torch.nn.Module, **batch: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(model(**batch).logits, LABELS)


def reference_gradients(model: torch.nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of loss(rows) + loss(rows + r), r = epsilon * g / ||g|| a row: by hand, on inputs_embeds."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    embedded = model.get_input_embeddings()(batch["input_ids"])
    mask = batch["attention_mask"]
    leaf = embedded.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss_of(model, inputs_embeds=leaf, attention_mask=mask), leaf)
    moved = torch.stack([EPSILON * row / row.norm() for row in gradient])
    total = loss_of(model, inputs_embeds=embedded, attention_mask=mask)
    total = total + loss_of(model, inputs_embeds=embedded + moved, attention_mask=mask)
    found = torch.autograd.grad(total, list(named.values()), allow_unused=True)
    return {name: g for name, g in zip(named, found, strict=True) if g is not None}


def step_of(model: torch.nn.Module, batch: dict[str, Tensor], scale: float = 1.0) -> Callable[[], Tensor]:
    def step() -> Tensor:
        loss = loss_of(model, **batch)
        (loss * scale).backward()
        return loss.detach()

    return step


@pytest.mark.parametrize("trained", ["lora", "full"])
def test_a_step_has_the_gradients_of_a_plain_reference(trained: str, tiny_base: Path) -> None:
    model, batch = classifier(tiny_base, trained=trained)
    wanted = reference_gradients(model, batch)
    plain = loss_of(model, **batch).item()
    loss = adversarial_step(step_of(model, batch), model.get_input_embeddings(), EPSILON, contextlib.nullcontext)
    assert loss.item() == pytest.approx(plain), "the loss that is logged is that of the rows as they are"
    for name, gradient in wanted.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-6, rtol=1e-4)
    once, batch = classifier(tiny_base, trained=trained)
    step_of(once, batch)()
    head = next(name for name in wanted if "classifier" in name)
    assert not torch.allclose(dict(once.named_parameters())[head].grad, wanted[head] / 2, atol=1e-4), "nothing moved"


def test_nothing_is_left_behind_at_the_embeddings(tiny_base: Path) -> None:
    model, batch = classifier(tiny_base, trained="lora")
    embeddings = model.get_input_embeddings()
    before = loss_of(model, **batch).item()
    with pytest.raises(RuntimeError, match="in the midst"):
        adversarial_step(_fails, embeddings, EPSILON, contextlib.nullcontext)
    adversarial_step(step_of(model, batch), embeddings, EPSILON, contextlib.nullcontext)
    assert loss_of(model, **batch).item() == before
    assert not embeddings._forward_hooks
    assert embeddings.weight.grad is None, "the frozen embeddings got a gradient"


def _fails() -> Tensor:
    raise RuntimeError("in the midst of a step")


def test_each_row_is_moved_by_epsilon_whatever_the_scale_of_the_loss() -> None:
    gradient = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    gradient[1] = 0  # a row that only fills a batch
    moved = fast_gradient(gradient, 0.5)
    norms = torch.linalg.vector_norm(moved, dim=(1, 2))
    torch.testing.assert_close(norms, torch.tensor([0.5, 0.0, 0.5]))
    torch.testing.assert_close(fast_gradient(gradient * 4096, 0.5), moved)
    alone = fast_gradient(gradient[2:], 0.5)
    torch.testing.assert_close(alone[0], moved[2], msg="how a batch is cut makes a difference")


def test_an_overflow_moves_nothing() -> None:
    gradient = torch.ones(2, 3, 4)
    gradient[0, 0, 0] = float("inf")
    moved = fast_gradient(gradient, 1.0)
    assert torch.isfinite(moved).all()
    assert moved[0].abs().sum() == 0
    assert moved[1].abs().sum() > 0
