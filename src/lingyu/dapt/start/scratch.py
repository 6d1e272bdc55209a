"""Where mode scratch starts: a whole base folder with a vocabulary of its own and weights that have seen no training.

It is made once for a corpus, a shape and a seed and kept, so that a resumed run, a second process and the next stage
start from the same bytes.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEmbeddings, BertEncoder

from lingyu.bases import Base, masked_lm_of
from lingyu.errors import LingyuError
from lingyu.recipe import PretrainingRecipe
from lingyu.reporting import Report
from lingyu.text import whole_characters

from ..corpus.kept import made_once
from ..model.pretrainer import Pretrainer
from ..model.saving import WEIGHTS, save_model
from .cooccurrence import Ids, Vectors, word_vectors
from .neighbours import OFFSETS, Circles, Matrix
from .vocabulary import build_vocabulary, write_tokenizer

TextsOf = Callable[[tuple[str, ...]], Iterable[str]]
"""The cleaned texts of sources as a recipe names them (dapt.corpus). It is asked more than once."""

_FORMAT = 2  # of what is made from the same key: counted up when that changes
_SMALLEST_HEAD = 16  # eight circles: with fewer, a head sees its neighbour in many places
_TEXTS_AT_ONCE = 1000

# Lengths of the two parts of an embedding. Longer than transformers' 0.3, so that Adam, whose steps are as long for
# every entry, does not wear the positions away before the layers have learnt to use them.
_WORD_LENGTH = 0.8
_POSITION_LENGTH = 0.4
_POSITIONS_SHARE = 1 / 4  # of the width, one head at most


@dataclass(frozen=True)
class EncoderShape:
    """As BertConfig takes it. vocab_size: entries at most, while the vocabulary is not yet counted."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    vocab_size: int

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def circles(self) -> Circles:
        """For the positions of a start by co-occurrence."""
        width = min(int(self.hidden_size * _POSITIONS_SHARE), self.head_size)
        return Circles(self.max_position_embeddings, width // 2)


def start_folder(recipe: PretrainingRecipe, texts: TextsOf, fingerprint: str, cache: Path, report: Report) -> Path:
    """The folder of the base that mode scratch starts from, below cache; made where it is not there yet.

    fingerprint: of everything that the texts depend on. Raises LingyuError for a shape that can't be, and for texts
    that make no vocabulary which an encoder of Chinese can do with.
    """
    shape = encoder_shape(recipe)
    key = _key(recipe, shape, fingerprint)
    with made_once(cache / key, is_start) as folder:
        if folder is not None:
            _write_start(recipe, shape, texts, folder, report)
    return cache / key


def is_start(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("config.json", "tokenizer.json", WEIGHTS))


def encoder_shape(recipe: PretrainingRecipe) -> EncoderShape:
    """What the recipe says, whole. Raises LingyuError where the parts do not fit each other."""
    shape = EncoderShape(**recipe.dapt.shape.of_scratch().model_dump())
    hidden_size = shape.hidden_size
    if recipe.dapt.start == "cooccurrence" and min(shape.head_size, shape.circles.width) < _SMALLEST_HEAD:
        raise LingyuError(
            f"dapt.start: cooccurrence needs heads of {_SMALLEST_HEAD} dimensions and a width of {4 * _SMALLEST_HEAD} "
            f"at least, not {shape.head_size} and {hidden_size}",
            next="Raise dapt.shape.hidden_size, or set dapt.start=plain",
        )
    return shape


def _key(recipe: PretrainingRecipe, shape: EncoderShape, fingerprint: str) -> str:
    depends_on = {
        "format": _FORMAT,
        "shape": asdict(shape),
        "start": recipe.dapt.start,
        "corpus": recipe.dapt.corpus,
        "vocabulary_from": recipe.dapt.vocabulary_from,
        "seed": recipe.train.seed,
        "texts": fingerprint,
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()[:16]


def _write_start(recipe: PretrainingRecipe, shape: EncoderShape, texts: TextsOf, folder: Path, report: Report) -> None:
    dapt, seed = recipe.dapt, recipe.train.seed
    counted_on = dapt.vocabulary_from or dapt.corpus
    vocabulary = build_vocabulary(texts(counted_on), shape.vocab_size)
    shape = replace(shape, vocab_size=len(vocabulary.entries))
    write_tokenizer(vocabulary, folder, shape.max_position_embeddings)
    config = BertConfig(**asdict(shape), hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    model = plain_start(config, seed)
    save_model(model, config, folder, "float32")
    tokenizer = _checked_tokenizer(folder, counted_on)
    if dapt.start == "cooccurrence":
        ids = _token_ids(texts(dapt.corpus), tokenizer)
        width = shape.hidden_size - shape.circles.width
        words = word_vectors(ids, shape.vocab_size, width, tokenizer.unk_token_id, seed, report)
        set_embeddings(model.encoder.embeddings, words, shape)
        set_heads(model.encoder.encoder, shape)
        save_model(model, config, folder, "float32")


def _checked_tokenizer(folder: Path, counted_on: tuple[str, ...]) -> Any:
    """The tokenizer as every base's is read. Raises LingyuError where nobody could use it."""
    try:
        return Base(folder.name, None, folder).tokenizer
    except LingyuError as error:
        raise LingyuError(
            f"its text makes no vocabulary for an encoder of Chinese: {error.what}",
            where=", ".join(counted_on),
            next="Give more text: every entry is counted from it",
        ) from None


def plain_start(config: BertConfig, seed: int) -> Pretrainer:
    """transformers' own first weights: normal with a deviation of 0.02, biases zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Pretrainer(config, masked_lm_of(config.model_type, "a new encoder"), sentence_order=False)


def set_embeddings(embeddings: BertEmbeddings, words: Vectors, shape: EncoderShape) -> None:
    """Word vectors in the first dimensions, positions in the others, and no difference between token types yet.

    words: (vocab_size, hidden_size - circles.width), each of length 1.
    """
    circles = shape.circles
    points = circles.points() / math.sqrt(circles.number)
    with torch.no_grad():
        for embedding in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
            embedding.weight.zero_()
        embeddings.word_embeddings.weight[:, : words.shape[1]] = torch.from_numpy(_WORD_LENGTH * words)
        embeddings.position_embeddings.weight[:, words.shape[1] :] = torch.from_numpy(_POSITION_LENGTH * points)


def set_heads(encoder: BertEncoder, shape: EncoderShape) -> None:
    """Have the first heads of the first layers look at a neighbour, by the positions alone; see OFFSETS."""
    circles = shape.circles
    # what the embeddings' LayerNorm makes of the circles: all entries of a row together have the length sqrt(width)
    share = _POSITION_LENGTH / math.hypot(_WORD_LENGTH, _POSITION_LENGTH)
    radius = share * math.sqrt(shape.hidden_size / circles.number)
    for layer, offsets in zip(encoder.layer, OFFSETS, strict=False):
        attention = layer.attention.self
        for head, offset in enumerate(offsets[: shape.num_attention_heads]):
            parts = circles.query_and_key(offset, shape.head_size, radius)
            for linear, part in zip((attention.query, attention.key), parts, strict=True):
                _set_head(linear, head * shape.head_size, shape.head_size, part)


def _set_head(linear: torch.nn.Linear, first: int, rows: int, part: Matrix) -> None:
    """Write a head's rows of a weight (out, in): zero but for the part, which reads the last dimensions."""
    with torch.no_grad():
        linear.weight[first : first + rows] = 0
        linear.weight[first : first + len(part), -part.shape[1] :] = torch.from_numpy(part)


def _token_ids(texts: Iterable[str], tokenizer: Any) -> Iterator[Ids]:
    """The ids of each text, without special tokens; what looks like one in a text is text."""
    texts = iter(texts)
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    while batch := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
        for encoding in backend.encode_batch_fast([whole_characters(text) for text in batch], add_special_tokens=False):
            yield np.array(encoding.ids, dtype=np.int64)
