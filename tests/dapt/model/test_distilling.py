"""A student: cut from its teacher, and taught by it."""

import copy
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lingyu.bases import Base, find_base
from lingyu.dapt.model.distilling import Distiller, student_layers, student_start, teacher_ids_of
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.packed_attention import Packing
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.errors import LingyuError
from lingyu.recipe import Shape

from .flat_batches import flat_batch, save_masked_lm

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


def test_an_empty_batch_teaches_nothing(distiller: Distiller) -> None:
    outputs = distiller(**flat_batch([]))
    assert outputs["hidden_loss"].item() == outputs["mlm_loss"].item() == 0.0
    (outputs["mlm_loss"] + outputs["hidden_loss"]).backward()
    for name, parameter in distiller.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert not parameter.grad.any(), name


def test_a_start_without_trimming_is_the_teacher_with_fewer_layers(teacher: Base, tmp_path: Path) -> None:
    student_start(teacher, Shape(max_position_embeddings=32), None, tmp_path / "student")
    student = find_base(str(tmp_path / "student"))
    assert student.tokenizer_fingerprint == teacher.tokenizer_fingerprint
    assert (student.config.num_hidden_layers, student.max_length) == (1, 32)
    loaded = load_pretrainer(student, seed=1, sentence_order=False, dropout=None)
    assert loaded.fresh == {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}
    own, theirs = loaded.model.state_dict(), load(teacher).state_dict()
    query = "encoder.encoder.layer.{}.attention.self.query.weight"
    assert own[query.format(0)].equal(theirs[query.format(1)])
    assert own["head.dense.weight"].equal(theirs["head.dense.weight"])
    positions = "encoder.embeddings.position_embeddings.weight"
    assert own[positions].equal(theirs[positions][:32])


def test_a_trimmed_vocabulary_keeps_the_frequent_and_what_spells_latin_words(teacher: Base, tmp_path: Path) -> None:
    words = teacher.word_pieces
    counts = np.zeros(len(words), dtype=np.int64)
    for character, count in (("酒", 50), ("店", 40), ("好", 30), ("书", 20)):
        counts[words.index(character)] = count
    always = [word for word in words if word.startswith("[") or word.removeprefix("##").isascii()]
    size = len(always) + 3
    student_start(teacher, Shape(vocab_size=size), counts, tmp_path / "student")
    student = find_base(str(tmp_path / "student"))
    assert student.word_pieces == [word for word in words if word in {*always, "酒", "店", "好"}]
    assert student.config.vocab_size == size == len(student.tokenizer)
    assert student.tokenizer.tokenize("酒店Wifi好书") == ["酒", "店", "w", "##i", "##f", "##i", "好", "[UNK]"]

    ids = teacher_ids_of(student, teacher)
    assert [words[id] for id in ids] == student.word_pieces
    own, theirs = load(student).state_dict(), load(teacher).state_dict()
    for name in ("encoder.embeddings.word_embeddings.weight", "head.bias"):
        assert own[name].equal(theirs[name][ids])
    text = "酒店很好 ABC-12"
    student_ids = torch.tensor(student.tokenizer(text)["input_ids"])
    known = student_ids != student.tokenizer.unk_token_id
    assert ids[student_ids][known].equal(torch.tensor(teacher.tokenizer(text)["input_ids"])[known])


def test_a_word_that_is_white_space_stays_what_it_is(teacher: Base, tmp_path: Path) -> None:
    from transformers import BertTokenizer

    shutil.copytree(teacher.folder, tmp_path / "teacher")
    (tmp_path / "teacher" / "vocab.txt").unlink()
    words = ["\u2028" if word == "酒" else word for word in teacher.word_pieces]
    BertTokenizer({word: id for id, word in enumerate(words)}).save_pretrained(tmp_path / "teacher")
    other = find_base(str(tmp_path / "teacher"))
    counts = np.array([word == "\u2028" for word in words], dtype=np.int64)
    student_start(other, Shape(vocab_size=len(words) - 5), counts, tmp_path / "student")
    student = find_base(str(tmp_path / "student"))
    assert "\u2028" in student.word_pieces
    assert [words[id] for id in teacher_ids_of(student, other)] == student.word_pieces


def test_a_start_that_cannot_be_cut_is_one_line(teacher: Base, tmp_path: Path) -> None:
    counts = np.zeros(len(teacher.word_pieces), dtype=np.int64)
    for shape, says in (
        (Shape(vocab_size=10), r"vocab_size is 10, but \d+ special tokens and single letters always stay.*or more"),
        (Shape(max_position_embeddings=65), r"max_position_embeddings is 65, but the teacher has 64"),
        (Shape(num_hidden_layers=3), r"num_hidden_layers is 3, but the teacher has 2"),
    ):
        with pytest.raises(LingyuError, match=says):
            student_start(teacher, shape, counts, tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_a_vocabulary_that_is_none_of_wordpieces_is_one_line(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    save_masked_lm("bert", tmp_path / "teacher")
    vocabulary = {word: id for id, word in enumerate(("[UNK]", *"酒店的服务很好"))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(tmp_path / "teacher")
    with pytest.raises(LingyuError, match="none of WordPiece's"):
        student_start(find_base(str(tmp_path / "teacher")), Shape(), None, tmp_path / "student")


def test_a_student_with_words_of_its_own_is_one_line(teacher: Base) -> None:
    with pytest.raises(LingyuError, match=r"the teacher .* does not know its token"):
        teacher_ids_of(find_base("embedded"), teacher)
