"""What a checkpoint's JSON files say of it: architecture, shape, labels, and what its head answers.

ModelScope reads configuration.json before config.json, and labels in an order of its own (modelscope 1.40.2:
utils/hub.py parse_label_mapping, models/builder.py, task_models/task_model.py); so does this.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lingyu.errors import LingyuError

from ..families import FAMILIES, Head

STRUCTBERT = "structbert"
CONFIGURATION = "configuration.json"
CONFIG = "config.json"
LABEL_MAPPING = "label_mapping.json"

Document = dict[str, Any]

# The keys of SbertConfig that are BERT's too; the others are of training alone, or tell the layout, which keys tell.
_BERT_KEYS = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"),
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "max_position_embeddings"),
    *("type_vocab_size", "initializer_range", "layer_norm_eps", "pad_token_id", "problem_type"),
)
_TOKEN_TASKS = frozenset({"token-classification", "named-entity-recognition", "part-of-speech", "word-segmentation"})
_ROW_TASKS = frozenset({"text-classification", "sentiment-classification", "nli", "sentence-similarity"})


@dataclass(frozen=True)
class Settings:
    """source_type: as the checkpoint calls its architecture. config: what transformers' config is made of.

    labels: a name for each output, in their order; empty where the checkpoint says none. labels_from: the file and key
    that said so. answers: whether its head answers once a row or once a token, where the
    files say so.
    """

    source_type: str
    config: Document
    labels: tuple[str, ...]
    labels_from: str | None
    answers: Head | None

    @property
    def model_type(self) -> str:
        """Of transformers."""
        return "bert" if self.source_type == STRUCTBERT else self.source_type


def read_settings(folder: Path) -> Settings:
    """Raises LingyuError where the files can't be read, name no architecture of ours, or want to run code."""
    configuration, config = read_document(folder / CONFIGURATION), read_document(folder / CONFIG)
    if configuration is None and config is None:
        raise LingyuError(
            f"holds neither {CONFIG} nor {CONFIGURATION}", where=folder, next="Give the folder of a checkpoint"
        )
    outer, plain = configuration or {}, config or {}
    if "auto_map" in plain:
        raise LingyuError("asks to run code of its own (auto_map)", where=folder / CONFIG, next="Take another base")
    if plain.get("quantization_config"):
        raise LingyuError("is quantized already", where=folder / CONFIG, next="Take the checkpoint in full precision")
    if not isinstance(plain.get("architectures") or [], list):
        raise LingyuError("architectures is no list of names", where=folder / CONFIG, next="Copy the checkpoint anew")
    model = _section(outer, "model")
    source_type = _source_type(model, plain, folder)
    labels, labels_from = _labels(folder, outer, plain)
    return Settings(
        source_type=source_type,
        config=_config(source_type, model, plain, folder),
        labels=labels,
        labels_from=labels_from,
        answers=_answers(outer, model, plain),
    )


def source_type_in(folder: Path) -> str | None:
    """What a folder calls its architecture, known here or not; None where it does not say, or can't be read."""
    try:
        model, plain = (
            _section(read_document(folder / CONFIGURATION) or {}, "model"),
            read_document(folder / CONFIG) or {},
        )
    except LingyuError:
        return None
    said = [name for name in _said_types(model, plain) if isinstance(name, str)]
    known = [name for name in said if _is_known(name)]
    return next(iter((*known, *said)), None)


def _said_types(model: Document, plain: Document) -> Iterator[object]:
    """In ModelScope's order. `type` may be a task's name, with the architecture in config.json."""
    yield _section(model, "backbone").get("type")
    if "type" not in model:
        yield model.get("model_type")
    yield model.get("type")
    yield plain.get("model_type")


def _is_known(name: str) -> bool:
    return name == STRUCTBERT or name in FAMILIES


def _source_type(model: Document, plain: Document, folder: Path) -> str:
    said = [name for name in _said_types(model, plain) if isinstance(name, str)]
    for name in said:
        if _is_known(name):
            return name
    what = f"the architecture {said[0]!r:.60} is not known here" if said else "names no architecture (model_type)"
    raise LingyuError(what, where=folder, next=f"Take a base of one of these: {STRUCTBERT}, {', '.join(FAMILIES)}")


def _config(source_type: str, model: Document, plain: Document, folder: Path) -> Document:
    """ModelScope may keep the shape of a BERT in configuration.json alone."""
    if source_type != STRUCTBERT and plain:
        return dict(plain)
    if source_type not in (STRUCTBERT, "bert"):
        raise LingyuError(
            f"holds no {CONFIG}, which says the shape of its {source_type}",
            where=folder,
            next="Put it beside the weights: its publisher ships it with them",
        )
    said = {**plain, **model, **_section(model, "backbone")}
    return {key: said[key] for key in _BERT_KEYS if key in said}


def _answers(outer: Document, model: Document, plain: Document) -> Head | None:
    architectures = " ".join(map(str, plain.get("architectures") or ()))
    tasks = {str(outer.get("task")), str(model.get("type")), str(_section(model, "head").get("type"))}
    if "TokenClassification" in architectures or tasks & _TOKEN_TASKS:
        return "token"
    return "row" if "SequenceClassification" in architectures or tasks & _ROW_TASKS else None


def _labels(folder: Path, outer: Document, plain: Document) -> tuple[tuple[str, ...], str | None]:
    """The first that is there, and where."""
    for where, found in _said_labels(folder, outer, plain):
        if isinstance(found, list):
            return tuple(map(str, found)), where
        if isinstance(found, Mapping):
            return _in_order(found, where.endswith("id2label"), f"{folder}/{where}"), where
    return (), None


def _said_labels(folder: Path, outer: Document, plain: Document) -> Iterator[tuple[str, object]]:
    yield f"{CONFIGURATION}: dataset.train.labels", _section(_section(outer, "dataset"), "train").get("labels")
    yield LABEL_MAPPING, read_document(folder / LABEL_MAPPING)
    for section in ("model", "preprocessor"):
        for key in ("label2id", "id2label"):
            yield f"{CONFIGURATION}: {section}.{key}", _section(outer, section).get(key)
    for key in ("label2id", "id2label"):
        yield f"{CONFIG}: {key}", plain.get(key)


def _in_order(labels: Mapping[Any, Any], by_number: bool, where: str) -> tuple[str, ...]:
    """The names by their numbers, which are 0, 1, ... without a gap."""
    pairs = labels.items() if by_number else [(number, name) for name, number in labels.items()]
    try:
        named = {int(str(number)): str(name) for number, name in pairs}
    except ValueError:
        raise LingyuError("holds labels without a number each", where=where, next="Mend that file") from None
    if sorted(named) != list(range(len(labels))):
        raise LingyuError(
            f"numbers its labels {', '.join(map(str, sorted(named)))[:60]}", where=where, next="Number them 0, 1, ..."
        )
    return tuple(named[number] for number in range(len(named)))


def read_document(file: Path) -> Document | None:
    """None where there is no such file. Raises LingyuError for anything but an object."""
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise LingyuError("is not JSON with names and values", where=file, next="Copy the checkpoint anew")
    return found


def _section(document: Document, name: str) -> Document:
    found = document.get(name)
    return found if isinstance(found, dict) else {}
