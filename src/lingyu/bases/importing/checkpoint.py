"""A checkpoint as others ship it becomes a base: a plain folder of transformers with the same numbers in it.

StructBERT above all, whose model_type and keys transformers does not know: loaded as it is, it may leave 39 tensors
random and say nothing. Any other family of ours that comes as a pickle goes the same way.
"""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from lingyu.errors import LingyuError
from lingyu.folders import new_folder, require_free

from ..base import LINEAGE, Base, in_one_line
from ..classifiers import quiet_transformers
from ..fingerprints import WEIGHTS
from .card import Imported, Origin, render_card
from .layout import CLASSIFIER, HeadKind, Layout, Shapes, find_layout, head_kind, loadable_heads, require_shapes
from .settings import STRUCTBERT, Settings, read_document, read_settings
from .tensors import Weights, file_records, read_weights

_TOKENIZER_FILES = (
    *("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("spiece.model", "spm.model", "sentencepiece.bpe.model", "vocab.json", "merges.txt"),
)
VOCABULARIES = ("vocab.txt", "tokenizer.json", "spiece.model", "spm.model", "sentencepiece.bpe.model", "vocab.json")
_NOT_OF_THE_SHAPE = ("model_type", "architectures", "attn_implementation", "_attn_implementation")
_DECODER = "cls.predictions.decoder.weight"
_DECODER_BIAS = "cls.predictions.decoder.bias"
_BIAS = "cls.predictions.bias"
_WORDS = "embeddings.word_embeddings.weight"
_ARCHITECTURES: dict[HeadKind | None, str] = {
    None: "BertModel",
    "sequence classification": "BertForSequenceClassification",
    "token classification": "BertForTokenClassification",
    "masked LM": "BertForMaskedLM",
}


@dataclass(frozen=True)
class _Encoder:
    """What transformers makes of a config. shapes: of its tensors, the word embeddings first. prefix: before them in
    a model with a head."""

    config: Any
    shapes: Shapes
    prefix: str


@dataclass(frozen=True)
class _Checkpoint:
    """One that is whole, and what it says it is. kind: of the head that is taken over; None for no head, and for a
    family whose heads transformers knows as they are."""

    folder: Path
    settings: Settings
    encoder: _Encoder
    weights: Weights
    layout: Layout
    kind: HeadKind | None

    @property
    def is_bert(self) -> bool:
        return self.settings.model_type == "bert"


def import_checkpoint(folder: Path, out: Path, *, origin: Origin | None = None) -> Imported:
    """Make the base `out` of a checkpoint's folder, in one go. origin: of one that was fetched; else it is the folder.

    Raises LingyuError, with nothing written, where the checkpoint is not whole or not what it says, and where `out`
    is taken.
    """
    if not folder.is_dir():
        raise LingyuError("no such folder", where=folder, next="Give the folder of a checkpoint")
    require_free(out)
    found = _read(folder)
    tensors, (labels, notes) = _tensors(found), _labels(found)
    with new_folder(out) as staged:
        _write_config(staged, found, labels, tensors)
        _write_tensors(staged, tensors)
        _write_tokenizer(staged, found)
        base = Base(id=str(out), revision=None, folder=staged)
        imported = Imported(
            out=out,
            origin=origin or Origin(id=folder.name, revision=None),
            files=found.weights.files,
            source_type=found.settings.source_type,
            model_type=found.settings.model_type,
            prefix=found.layout.prefix,
            old_norms=found.layout.old_norms,
            head=found.kind,
            labels=labels,
            labels_from=found.settings.labels_from if labels else None,
            missing=tuple(_missing(found)),
            left_out=tuple(sorted(found.layout.beside)) if found.is_bert else (),
            notes=notes,
            weights_fingerprint=base.weights_fingerprint,
            tokenizer_fingerprint=_checked_tokenizer(base, folder),
        )
        (staged / "README.md").write_text(render_card(imported), "utf-8")
        _write_lineage(staged, imported)
    return imported


def _read(folder: Path) -> _Checkpoint:
    settings = read_settings(folder)
    _require_vocabulary(folder)
    encoder = _encoder(settings, folder)
    weights = read_weights(folder)
    layout = find_layout(weights.tensors, encoder.shapes, folder)
    require_shapes(layout, weights.tensors, encoder.shapes, folder)
    if settings.model_type != "bert":
        return _Checkpoint(folder, settings, encoder, weights, layout, None)
    layout = loadable_heads(layout, weights.tensors, encoder.shapes, settings.answers)
    kind = head_kind(layout, settings.answers)
    return _Checkpoint(folder, settings, encoder, weights, layout, kind)


def _checked_tokenizer(base: Base, folder: Path) -> str:
    """Its fingerprint. Raises LingyuError for a vocabulary that does not fit the weights, or knows no Chinese."""
    try:
        return base.tokenizer_fingerprint
    except LingyuError as error:
        raise LingyuError(error.what, where=folder, next=error.next) from None


def _require_vocabulary(folder: Path) -> None:
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise LingyuError(
            "holds no vocab.txt, nor any other vocabulary",
            where=folder,
            next="Put the vocabulary beside the weights: its publisher ships it with them",
        )


def _encoder(settings: Settings, folder: Path) -> _Encoder:
    """Built without memory for its weights: what its tensors are called, and their shapes."""
    from transformers import AutoConfig, AutoModel

    values = {key: value for key, value in settings.config.items() if key not in _NOT_OF_THE_SHAPE}
    with (
        in_one_line("no model can be built by its config", str(folder), "Copy the checkpoint anew"),
        torch.device("meta"),
        quiet_transformers(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        config = AutoConfig.for_model(settings.model_type, **values)
        model = AutoModel.from_config(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return _Encoder(config, shapes, f"{model.base_model_prefix}.")


def _tensors(found: _Checkpoint) -> dict[str, torch.Tensor]:
    """By the names of transformers' model with a head, in the type that they are stored in."""
    stored, layout = found.weights.tensors, found.layout
    encoder = {found.encoder.prefix + name: stored[key] for name, key in layout.encoder.items()}
    if not found.is_bert:
        return encoder | {name: stored[key] for name, key in {**layout.head, **layout.beside}.items()}
    return encoder | _head(layout, stored, found.settings.source_type)


def _head(layout: Layout, stored: Mapping[str, torch.Tensor], source_type: str) -> dict[str, torch.Tensor]:
    """A decoder that is the word embeddings is not written twice; StructBERT's bias is the decoder's own."""
    head = {name: stored[key] for name, key in layout.head.items()}
    of_decoder, of_head = head.pop(_DECODER_BIAS, None), head.get(_BIAS)
    bias = next(
        (b for b in ((of_decoder, of_head) if source_type == STRUCTBERT else (of_head, of_decoder)) if b is not None),
        None,
    )
    decoder = head.pop(_DECODER, None)
    if bias is not None:
        head[_BIAS] = bias
    if decoder is not None and bias is not None and not decoder.equal(stored[layout.encoder[_WORDS]]):
        head |= {_DECODER: decoder, _DECODER_BIAS: bias}
    return head


def _labels(found: _Checkpoint) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The labels that the classifier's outputs have, and what there is to say of those that don't fit it."""
    settings, head = found.settings, found.layout.head
    if not found.is_bert or CLASSIFIER[0] not in head:
        return (), ()
    outputs = found.weights.tensors[head[CLASSIFIER[0]]].shape[0]
    if not settings.labels:
        return (), (f"no file names the {outputs} outputs of its head: they are LABEL_0 and so on",)
    if len(settings.labels) != outputs:
        said = f"{settings.labels_from} names {len(settings.labels)} labels, but its head has {outputs} outputs"
        return (), (f"{said}: they are LABEL_0 and so on",)
    return settings.labels, ()


def _missing(found: _Checkpoint) -> Iterator[str]:
    if not found.layout.has_pooler and any(name.startswith("pooler.") for name in found.encoder.shapes):
        yield "pooler"
    if found.is_bert and found.kind is None:
        yield "head"


def _write_config(
    folder: Path, found: _Checkpoint, labels: tuple[str, ...], tensors: Mapping[str, torch.Tensor]
) -> None:
    config = found.encoder.config
    if found.is_bert:
        config.architectures = [_ARCHITECTURES[found.kind]]
        config.tie_word_embeddings = _DECODER not in tensors
        if CLASSIFIER[0] in tensors:
            names = labels or tuple(f"LABEL_{i}" for i in range(tensors[CLASSIFIER[0]].shape[0]))
            config.id2label = dict(enumerate(names))
            config.label2id = {name: i for i, name in enumerate(names)}
    types = {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()}
    config.dtype = types.pop() if len(types) == 1 else torch.float32
    config.save_pretrained(folder)


def _write_tensors(folder: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Each in memory of its own: safetensors writes no two names of the same."""
    own = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    save_file(own, folder / WEIGHTS, metadata={"format": "pt"})


def _write_tokenizer(staged: Path, found: _Checkpoint) -> None:
    """The files as they came, and tokenizer.json where there is none."""
    folder = found.folder
    for name in _TOKENIZER_FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, staged / name)
    _write_tokenizer_config(staged / "tokenizer_config.json", found)
    if not (staged / "tokenizer.json").is_file():
        base = Base(id=str(folder), revision=None, folder=staged)
        with quiet_transformers():
            base.load_tokenizer().save_pretrained(staged)


def _write_tokenizer_config(file: Path, found: _Checkpoint) -> None:
    """transformers' own class for BERT, whatever ModelScope called its own; the longest text that it can read."""
    said = read_document(found.folder / file.name) or {}
    said = {key: value for key, value in said.items() if key not in ("auto_map", "name_or_path")}
    if found.is_bert:
        said |= {"tokenizer_class": "BertTokenizer"}
        said.setdefault("do_lower_case", True)
        said.setdefault("model_max_length", found.encoder.config.max_position_embeddings)
    if said:
        file.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _write_lineage(folder: Path, imported: Imported) -> None:
    document = {
        "lineage": [
            {"id": imported.name, "weights_fingerprint": imported.weights_fingerprint, "note": imported.in_short}
        ],
        "imported": imported.as_json(),
        "files": dict(file_records(folder)),
    }
    (folder / LINEAGE).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
