"""Where a new encoder starts: the base folder of mode scratch, or that of a student. Made once, and kept by its key."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.bases import Base, find_base, weight_files
from lingyu.digests import file_sha256
from lingyu.recipe import PretrainingRecipe
from lingyu.reporting import Report

from ..corpus.kept import made_once
from ..corpus.prepared import corpus_texts, prepare_corpus
from ..corpus.surveying import CorpusInputs, survey, vocabulary_inputs
from .scratch import is_start, start_folder
from .student import student_start

_FORMAT = 2  # of what is made from the same key: counted up when that changes
_TOKENS_AT_ONCE = 1 << 20


def scratch_start(recipe: PretrainingRecipe, inputs: CorpusInputs, starts: Path, report: Report) -> Base:
    """A new encoder with a vocabulary of texts that go through the gate that training's go through.

    inputs: of the recipe. What is held out of the corpus is not counted either, wherever else it stands.
    """
    counted_on = vocabulary_inputs(recipe.dapt, inputs)

    def texts(given: tuple[str, ...]) -> Iterator[str]:
        if counted_on is inputs or given == recipe.dapt.corpus:
            return corpus_texts(inputs, report)
        return corpus_texts(counted_on, report, without=survey(inputs, report).division.held_out)

    fingerprint = f"{inputs.fingerprint}-{counted_on.fingerprint}"
    return _named(start_folder(recipe, texts, fingerprint, starts, report))


def student_base(
    recipe: PretrainingRecipe, teacher: Base, inputs: CorpusInputs, encoded: Path, starts: Path, report: Report
) -> Base:
    """Some of the teacher's layers and of its words, by how often they stand in the corpus. encoded: its cache."""
    shape = recipe.dapt.shape
    counted = None
    if shape.vocab_size is not None:
        corpus = prepare_corpus(inputs, teacher, recipe.train.max_length - 2, encoded, report)
        counted = counts_of(corpus.train.ids, teacher.config.vocab_size)
    folder = starts / _key(recipe, teacher, counted)
    with made_once(folder, is_start) as building:
        if building is not None:
            student_start(teacher, shape, counted, building)
    return _named(folder)


def counts_of(ids: NDArray[np.int32], vocab_size: int) -> NDArray[np.int64]:
    """(vocab_size,) how often each stands there. Memory does not grow with the ids, which may lie on disk."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for begin in range(0, len(ids), _TOKENS_AT_ONCE):
        counts += np.bincount(ids[begin : begin + _TOKENS_AT_ONCE], minlength=vocab_size)
    return counts


def _key(recipe: PretrainingRecipe, teacher: Base, counted: NDArray[np.int64] | None) -> str:
    depends_on = {
        "format": _FORMAT,
        # not its weights' fingerprint alone: the masked-LM head is none of it
        "teacher": [*map(file_sha256, _files_of(teacher)), teacher.tokenizer_fingerprint],
        "shape": recipe.dapt.shape.model_dump(),
        "counted": None if counted is None else hashlib.sha256(counted.astype("<i8").tobytes()).hexdigest(),
    }
    return "student-" + hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:16]


def _files_of(teacher: Base) -> list[Path]:
    return [teacher.folder / "config.json", *weight_files(teacher.folder)]


def _named(folder: Path) -> Base:
    """The name goes into messages: that of the folder says enough."""
    return replace(find_base(str(folder)), id=folder.name)
