"""A student is taught by its teacher, which nobody else sees."""

import copy
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lingyu.bases import Base, find_base
from lingyu.dapt.model.distiller import Distiller, student_layers, teacher_ids_of
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.packed_attention import Packing
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.dapt.start.student import student_start
from lingyu.errors import LingyuError
from lingyu.recipe import Shape

from .flat_batches import flat_batch

LENGTHS = [3, 5, 9, 18]


def load(base: Base) -> Pretrainer:
    return load_pretrainer(base, seed=1, sentence_order=False, dropout=0.0).model


@pytest.fixture(scope="module")
def teacher(tiny_base: Path) -> Base:
    return find_base(str(tiny_base))


@pytest.fixture
def distiller(teacher: Base, tmp_path: Path) -> Distiller:
    student_start(teacher, Shape(), None, tmp_path / "student")
    student = find_base(str(tmp_path / "student"))
    return Distiller(load(student), load(teacher), (2,), teacher_ids_of(student, teacher))


@pytest.mark.parametrize(
    ("theirs", "own", "layers"),
    [(4, None, (2, 4)), (12, 4, (3, 6, 9, 12)), (12, 5, (2, 4, 7, 9, 12)), (3, None, (3,)), (2, 2, (1, 2))],
)
def test_a_student_has_evenly_spread_layers_of_its_teacher(
    teacher: Base, theirs: int, own: int | None, layers: tuple[int, ...]
) -> None:
    other = Base(teacher.id, None, teacher.folder)
    other.config.num_hidden_layers = theirs
    assert student_layers(other, Shape(num_hidden_layers=own)) == layers
    with pytest.raises(LingyuError, match=rf"but the teacher has {theirs} layers"):
        student_layers(other, Shape(num_hidden_layers=theirs + 1))


def test_hidden_loss_is_the_mean_squared_difference_summed_over_tokens(distiller: Distiller, teacher: Base) -> None:
    batch = flat_batch(LENGTHS)
    found = distiller.eval()(**batch)
    expected = 0.0
    for ids in batch["input_ids"].split(LENGTHS):
        own, theirs = (
            model.encoder(
                input_ids=ids[None],
                output_hidden_states=True,
                packing=Packing((len(ids),), ids.device),
            ).hidden_states
            for model in (distiller.student, load(teacher).eval())
        )
        for mine, other in ((own[0], theirs[0]), (own[1], theirs[2])):
            expected += (mine - other).square().mean(-1).sum().item() / 2
    assert found["hidden_loss"].item() == pytest.approx(expected, rel=1e-5)
    assert found["hidden_loss"] > 0
    assert found["mlm_loss"].equal(distiller.student(**batch)["mlm_loss"])


def test_a_student_that_is_its_teacher_has_nothing_to_learn_from_it(teacher: Base) -> None:
    model = load(teacher)
    same = Distiller(model, copy.deepcopy(model), (1, 2), teacher_ids_of(teacher, teacher))
    assert same(**flat_batch(LENGTHS))["hidden_loss"].item() == 0.0


def test_nobody_sees_the_teacher_and_it_stays_as_it_was(distiller: Distiller, tmp_path: Path) -> None:
    before = copy.deepcopy(distiller.teacher.state_dict())
    assert all(name.startswith("student.") for name, _ in distiller.named_parameters())
    assert all(name.startswith("student.") for name in distiller.state_dict())
    safetensors.torch.save_file(distiller.state_dict(), tmp_path / "checkpoint.safetensors")
    distiller.train()
    assert not any(module.training for module in distiller.teacher.modules())
    outputs = distiller(**flat_batch(LENGTHS))
    (outputs["mlm_loss"] + outputs["hidden_loss"]).backward()
    torch.optim.SGD(distiller.parameters(), lr=0.1).step()
    assert all(parameter.grad is None for parameter in distiller.teacher.parameters())
    assert all(parameter.grad is not None for parameter in distiller.parameters() if parameter.requires_grad)
    assert all(tensor.equal(before[name]) for name, tensor in distiller.teacher.state_dict().items())


def test_the_teacher_goes_where_the_student_goes(distiller: Distiller) -> None:
    distiller.to("meta")
    assert {p.device.type for p in [*distiller.parameters(), *distiller.teacher.parameters()]} == {"meta"}
    assert distiller.teacher_ids.device.type == "meta"


@pytest.mark.parametrize("lengths", [[], [2]])
def test_an_empty_batch_teaches_nothing(lengths: list[int], distiller: Distiller) -> None:
    """[2]: the [CLS] and [SEP] that stand where a process has no text."""
    outputs = distiller(**flat_batch(lengths))
    assert outputs["hidden_loss"].item() == outputs["mlm_loss"].item() == 0.0
    (outputs["mlm_loss"] + outputs["hidden_loss"]).backward()
    for name, parameter in distiller.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert not parameter.grad.any(), name


def test_a_student_with_words_of_its_own_is_one_line(teacher: Base) -> None:
    with pytest.raises(LingyuError, match=r"the teacher .* does not know its token"):
        teacher_ids_of(find_base("embedded"), teacher)


def test_a_teacher_in_the_student_s_words_says_what_the_teacher_says_of_them(teacher: Base, tmp_path: Path) -> None:
    entries = len(teacher.tokenizer)
    student_start(teacher, Shape(vocab_size=entries - 5), np.arange(entries), tmp_path / "student")
    student = find_base(str(tmp_path / "student"))
    distiller = Distiller(load(student), load(teacher), (2,), teacher_ids_of(student, teacher))
    batch = flat_batch(LENGTHS, vocabulary=student.config.vocab_size)
    narrowed = distiller.teacher_in_own_words()(**batch)
    whole = load(teacher)(**batch | {"input_ids": distiller.teacher_ids[batch["input_ids"]]})
    assert narrowed["logits"].shape[1] == entries - 5
    torch.testing.assert_close(narrowed["logits"], whole["logits"][:, distiller.teacher_ids], atol=1e-6, rtol=1e-5)
    assert len(distiller.teacher.head.bias) == teacher.config.vocab_size, "the teacher itself stays whole"
