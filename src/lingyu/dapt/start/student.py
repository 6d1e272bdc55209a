"""Where a student starts: a base folder cut from its teacher's, with some of its layers and of its words."""

import copy
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lingyu.bases import VOCABULARY, Base
from lingyu.errors import LingyuError
from lingyu.recipe import Shape

from ..model.distiller import student_layers
from ..model.loading import Loaded, load_pretrainer
from ..model.pretrainer import Pretrainer
from ..model.saving import copy_tokenizer, save_model

_WORD_EMBEDDINGS = "encoder.embeddings.word_embeddings.weight"
_POSITION_EMBEDDINGS = "encoder.embeddings.position_embeddings.weight"
_BIAS = "head.bias"
_LAYER = "encoder.encoder.layer."


def student_start(teacher: Base, shape: Shape, counts: NDArray[np.int64] | None, folder: Path) -> None:
    """Write the base folder that a student starts from: some of its teacher's layers, and of its words.

    counts: how often each of the teacher's ids stands in the corpus; for shape.vocab_size only, which keeps the most
    frequent, in their order. A masked-LM head or a pooler that the teacher lacks is lacking here too.
    Raises LingyuError where the vocabulary is none of WordPiece's, or the shape can't be cut from the teacher's.
    """
    layers = student_layers(teacher, shape)
    kept = _kept_ids(teacher, shape.vocab_size, counts)
    config = _student_config(teacher, shape, len(layers), kept)
    loaded = load_pretrainer(teacher, seed=0, sentence_order=False, dropout=None)
    student = Pretrainer(config, teacher.masked_lm, sentence_order=False)
    student.load_state_dict(_student_weights(loaded, layers, kept, config.max_position_embeddings))
    save_model(student, config, folder, "float32", without=loaded.fresh)
    if kept is None:
        copy_tokenizer(teacher, folder)
    else:
        _write_tokenizer(teacher, kept, folder)


def _student_config(teacher: Base, shape: Shape, layers: int, kept: NDArray[np.int64] | None) -> Any:
    """transformers' config: the teacher's, but for what is cut."""
    config = copy.deepcopy(teacher.config)
    positions = shape.max_position_embeddings or config.max_position_embeddings
    if positions > config.max_position_embeddings:
        raise LingyuError(
            f"dapt.shape.max_position_embeddings is {positions}, but the teacher has {config.max_position_embeddings}",
            where=teacher.id,
            next="Leave it out, or make it smaller",
        )
    config.num_hidden_layers = layers
    config.max_position_embeddings = positions
    if kept is not None:
        config.vocab_size = len(kept)
        for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
            if (old := getattr(config, name, None)) is not None:
                setattr(config, name, int(np.searchsorted(kept, old)))
    return config


def _student_weights(
    loaded: Loaded, layers: Sequence[int], kept: NDArray[np.int64] | None, positions: int
) -> dict[str, Tensor]:
    """By the student's names. Of the teacher's layers those that are its own; of its vocabulary the rows kept."""
    own_layer = {theirs - 1: own for own, theirs in enumerate(layers)}
    weights = {}
    for name, tensor in loaded.model.state_dict().items():
        if name.startswith(_LAYER):
            number, _, rest = name.removeprefix(_LAYER).partition(".")
            if int(number) in own_layer:
                weights[f"{_LAYER}{own_layer[int(number)]}.{rest}"] = tensor
        elif name == _POSITION_EMBEDDINGS:
            weights[name] = tensor[:positions]
        elif name in (_WORD_EMBEDDINGS, _BIAS) and kept is not None:
            weights[name] = tensor[torch.from_numpy(kept)]
        else:
            weights[name] = tensor
    return weights


def _kept_ids(teacher: Base, vocab_size: int | None, counts: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """The teacher's ids that the student keeps, ascending; None for all of them."""
    words = teacher.word_pieces
    if not words:
        raise LingyuError(
            "its vocabulary is none of WordPiece's, so that no student of it can be made here",
            where=teacher.id,
            next="Take a teacher with a vocab.txt",
        )
    if vocab_size is None or vocab_size >= len(words):
        return None
    assert counts is not None, "the most frequent words are known by their counts only"
    special = {*teacher.tokenizer.all_special_ids, *teacher.tokenizer.added_tokens_decoder}
    always = np.array([word in _spelling() or id in special for id, word in enumerate(words)])
    if vocab_size < always.sum():
        raise LingyuError(
            f"dapt.shape.vocab_size is {vocab_size}, but {always.sum()} special tokens and single letters always stay",
            where=teacher.id,
            next=f"Set dapt.shape.vocab_size={always.sum()} or more",
        )
    ranked = np.lexsort((np.arange(len(words)), -counts[: len(words)], ~always))
    return np.sort(ranked[:vocab_size]).astype(np.int64)


def _spelling() -> frozenset[str]:
    """ASCII characters alone and as the end of a word: what any Latin word or number can be spelt with."""
    characters = [chr(code) for code in range(0x21, 0x7F)]
    return frozenset(characters) | {f"##{character}" for character in characters}


def _write_tokenizer(teacher: Base, kept: Iterable[int], folder: Path) -> None:
    """The teacher's, but for the words that are gone: the same normalising and splitting."""
    from transformers import BertTokenizer

    known = teacher.word_pieces
    words = [known[id] for id in kept]
    (folder / VOCABULARY).write_text("".join(f"{word}\n" for word in words), "utf-8")
    same = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "model_max_length")
    settings = {name: value for name, value in teacher.tokenizer.init_kwargs.items() if name in same}
    # not from the file: its reader strips lines, and with them words such as a line separator
    tokenizer = BertTokenizer({word: id for id, word in enumerate(words)}, **settings)
    added = teacher.tokenizer.added_tokens_decoder.values()
    tokenizer.add_tokens([token for token in added if not token.special])
    if _splitting(tokenizer) != _splitting(teacher.tokenizer):
        raise LingyuError(
            "its tokenizer normalises and splits text in a way of its own, so that its vocabulary can't be cut here",
            where=teacher.id,
            next="Leave dapt.shape.vocab_size out",
        )
    tokenizer.save_pretrained(folder)


def _splitting(tokenizer: Any) -> tuple[object, object]:
    """All that a tokenizer does to a text before it looks into its vocabulary."""
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    return backend["normalizer"], backend["pre_tokenizer"]
