"""Where a new encoder starts: the base folder of mode scratch, or that of a student. Made once, and kept by its key."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.bases import Base, find_base
from lingyu.recipe import Dapt, PretrainingRecipe
from lingyu.reporting import Report

from ..corpus.prepared import corpus_texts, prepare_corpus
from ..corpus.surveying import find_inputs
from ..model.distilling import student_start
from .scratch import made_once, start_folder

_FORMAT = 1  # of what is made from the same key: counted up when that changes


def scratch_start(recipe: PretrainingRecipe, starts: Path, report: Report) -> Base:
    """A new encoder with a vocabulary of the corpus, whose texts go through the gate that training's go through."""

    def of(sources: tuple[str, ...]) -> Dapt:
        return recipe.dapt.model_copy(update={"corpus": sources})

    sources = {recipe.dapt.corpus, recipe.dapt.vocabulary_from or recipe.dapt.corpus}
    fingerprint = "-".join(sorted(find_inputs(of(given)).fingerprint for given in sources))
    return _named(start_folder(recipe, lambda given: corpus_texts(of(given), report), fingerprint, starts, report))


def student_base(recipe: PretrainingRecipe, teacher: Base, encoded: Path, starts: Path, report: Report) -> Base:
    """Some of the teacher's layers and of its words, by how often they stand in the corpus. encoded: its cache."""
    shape = recipe.dapt.shape
    counted = None
    if shape.vocab_size is not None:
        corpus = prepare_corpus(recipe.dapt, teacher, recipe.train.max_length - 2, encoded, report)
        counted = np.bincount(corpus.train.ids, minlength=teacher.config.vocab_size)
    folder = starts / _key(recipe, teacher, counted)
    with made_once(folder) as building:
        if building is not None:
            student_start(teacher, shape, counted, building)
    return _named(folder)


def _key(recipe: PretrainingRecipe, teacher: Base, counted: NDArray[np.int64] | None) -> str:
    depends_on = {
        "format": _FORMAT,
        "teacher": [teacher.weights_fingerprint, teacher.tokenizer_fingerprint],
        "shape": recipe.dapt.shape.model_dump(),
        "counted": None if counted is None else hashlib.sha256(counted.astype("<i8").tobytes()).hexdigest(),
    }
    return "student-" + hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:16]


def _named(folder: Path) -> Base:
    """The name goes into messages: that of the folder says enough."""
    return replace(find_base(str(folder)), id=folder.name)
