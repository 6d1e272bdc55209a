"""Where mode scratch and a student start: what their words are counted on, and what they are not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lingyu.bases import find_base
from lingyu.dapt.corpus.prepared import prepare_corpus
from lingyu.dapt.corpus.surveying import find_inputs
from lingyu.dapt.start import starts
from lingyu.dapt.start.starts import counts_of, scratch_start, student_base
from lingyu.recipe import PretrainingRecipe
from lingyu.text import content_hash

ENCODED, STARTS = Path("runs/.encoded"), Path("runs/.starts")
TEXTS = [f"第{number}次入住，酒店的服务很好，{chr(0x5000 + number) * 3}" for number in range(100)]
"""Each has a character of its own."""


def silent(what: str, done: int, total: int) -> None:
    pass


def recipe(**dapt: object) -> PretrainingRecipe:
    asked = {"mode": "scratch", "corpus": ["raw.txt"], "segmenter": "characters", "held_out": 0.2, **dapt}
    document = {"name": "new", "dapt": asked, "train": {"max_length": 32}, "publish": {"to": "bases/new"}}
    return PretrainingRecipe.model_validate(document)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raw.txt").write_text("".join(f"{text}\n" for text in TEXTS), "utf-8")


@pytest.mark.parametrize("vocabulary_from", [[], ["more.txt"]])
def test_no_character_of_a_text_that_is_held_out_is_an_entry_for_its_sake(vocabulary_from: list[str]) -> None:
    others = sorted((f"龘靐齉{number}" for number in range(5_000)), key=content_hash)
    more = others[:100]  # of both together these alone are held out, by their hashes, and none of TEXTS
    Path("more.txt").write_text("".join(f"{text}\n" for text in (*TEXTS, *more)), "utf-8")
    shape = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 32}
    asked = recipe(vocabulary_from=vocabulary_from, shape=shape)
    inputs = find_inputs(asked.dapt, None)
    start = scratch_start(asked, inputs, STARTS, silent)
    corpus = prepare_corpus(inputs, start, 30, ENCODED, silent)
    unknown = start.tokenizer.unk_token_id
    held_out = [corpus.held_out.ids[slice(*corpus.held_out.offsets[row : row + 2])] for row in range(20)]
    assert all(np.count_nonzero(ids == unknown) == 3 for ids in held_out)
    assert ("龘" in start.tokenizer.get_vocab()) == bool(vocabulary_from)


def test_ids_are_counted_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "_TOKENS_AT_ONCE", 7)
    ids = np.random.default_rng(0).integers(0, 50, 100, dtype=np.int32)
    assert counts_of(ids, 60).tolist() == np.bincount(ids, minlength=60).tolist()
    assert counts_of(ids[:0], 3).tolist() == [0, 0, 0]


def test_a_student_is_cut_once_by_the_words_of_its_corpus(tiny_base: Path) -> None:
    teacher = find_base(str(tiny_base))
    words = len(teacher.tokenizer)
    asked = recipe(mode="distil", shape={"num_hidden_layers": 1, "vocab_size": words - 3})
    inputs = find_inputs(asked.dapt, teacher)
    student = student_base(asked, teacher, inputs, ENCODED, STARTS, silent)
    assert (student.config.num_hidden_layers, student.config.vocab_size) == (1, words - 3)
    written = (student.folder / "model.safetensors").stat().st_mtime_ns
    again = student_base(asked, teacher, inputs, ENCODED, STARTS, silent)
    assert (again.folder / "model.safetensors").stat().st_mtime_ns == written


def test_a_teacher_with_another_head_has_a_student_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    asked = recipe(mode="distil", shape={"num_hidden_layers": 1})
    students = []
    for change in ({}, {"cls.predictions.bias": 0.5}):
        folder = shutil.copytree(tiny_base, tmp_path / f"teacher-{len(change)}")
        weights = load_file(folder / "model.safetensors")
        save_file(
            weights | {name: weights[name] + added for name, added in change.items()}, folder / "model.safetensors"
        )
        teacher = find_base(str(folder))
        students.append(student_base(asked, teacher, find_inputs(asked.dapt, teacher), ENCODED, STARTS, silent))
    biases = [load_file(student.folder / "model.safetensors")["cls.predictions.bias"] for student in students]
    assert np.allclose(biases[1] - biases[0], 0.5)
