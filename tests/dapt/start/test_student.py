"""A student's start: cut from its teacher, layers and words."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lingyu.bases import Base, find_base
from lingyu.dapt.model.distiller import teacher_ids_of
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.dapt.start.student import student_start
from lingyu.errors import LingyuError
from lingyu.recipe import Shape

from ..model.flat_batches import save_masked_lm


def load(base: Base) -> Pretrainer:
    return load_pretrainer(base, seed=1, sentence_order=False, dropout=0.0).model


@pytest.fixture(scope="module")
def teacher(tiny_base: Path) -> Base:
    return find_base(str(tiny_base))


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
