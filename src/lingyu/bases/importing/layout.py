"""Which tensor of a checkpoint is which: told from the keys alone, whatever the folder is called and its files say.

ModelScope writes the encoder's names bare, or after `bert.`, after `encoder.` or after what base_model_prefix says, the
head's bare or after `head.`; a model that was saved out of a wrapper for several GPUs has `module.` before all of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lingyu.errors import LingyuError

from ..families import Head

HeadKind = Literal["sequence classification", "token classification", "masked LM"]
Shapes = Mapping[str, tuple[int, ...]]

CLASSIFIER = ("classifier.weight", "classifier.bias")
_WRAPPER = re.compile(r"^(module\.)+")
_CONSTANT = re.compile(r"(^|\.)(position_ids|token_type_ids)$")  # buffers that older versions stored
_OLD_NORM = {".gamma": ".weight", ".beta": ".bias"}  # as BERT's first release called them
_MASKED_LM = "cls.predictions."
_MASKED_LM_PARTS = (
    *("transform.dense.weight", "transform.dense.bias", "transform.LayerNorm.weight", "transform.LayerNorm.bias"),
)


@dataclass(frozen=True)
class Layout:
    """prefix: what stands before the encoder's names. encoder: name in the model without a prefix -> key in the file.

    head: name of a head's part in transformers' model -> key in the file. beside: keys that belong to neither, by their
    names without a wrapper. old_norms: whether norms have gamma and beta. has_pooler: of the encoder.
    """

    prefix: str
    encoder: dict[str, str]
    head: dict[str, str]
    beside: dict[str, str]
    old_norms: bool
    has_pooler: bool


def find_layout(keys: Iterable[str], expected: Shapes, where: Path) -> Layout:
    """expected: the encoder's own names and shapes, the word embeddings first.

    Raises LingyuError where there is no encoder or more than one, one is not whole, or holds what the config has no
    place for.
    """
    names = _plain_names(keys, where)
    prefix = _prefix(names, next(iter(expected)), where)
    rooms = {name.partition(".")[0] for name in expected}
    encoder: dict[str, str] = {}
    head: dict[str, str] = {}
    beside: dict[str, str] = {}
    for name, key in names.items():
        rest = name.removeprefix(prefix) if name.startswith(prefix) else None
        if rest is not None and rest.partition(".")[0] in rooms:
            if not _CONSTANT.search(rest):
                encoder[rest] = key
        elif (of_head := _head_name(name)) is not None:
            if of_head in head:
                raise _twice(of_head, head[of_head], key, where)
            head[of_head] = key
        else:
            beside[name] = key
    _require_whole(encoder, expected, prefix, where)
    return Layout(
        prefix=_shown_prefix(names, prefix),
        encoder=encoder,
        head=_whole_heads(head, beside),
        beside=beside,
        old_norms=any(key.endswith(tuple(_OLD_NORM)) for key in encoder.values()),
        has_pooler=any(name.startswith("pooler.") for name in encoder),
    )


def loadable_heads(layout: Layout, tensors: Mapping[str, Any], expected: Shapes, answers: Head | None) -> Layout:
    """BERT's, with only those heads that transformers can load and that are what the files say; others lie beside.

    expected: as find_layout takes it. answers: a row or a token, where the files say so. One that answers rows reads
    the pooler.
    """
    vocabulary, width = next(iter(expected.values()))
    shapes = {name: tuple(tensors[key].shape) for name, key in layout.head.items()}
    of_decoder = {"bias": (vocabulary,), "decoder.bias": (vocabulary,), "decoder.weight": (vocabulary, width)}
    of_transform = {part: (width, width) if part == "transform.dense.weight" else (width,) for part in _MASKED_LM_PARTS}
    masked_lm = {f"{_MASKED_LM}{part}": shape for part, shape in {**of_decoder, **of_transform}.items()}
    weight, bias = (shapes.get(name, ()) for name in CLASSIFIER)
    fits = {
        "classifier": len(bias) == 1 and weight == (*bias, width) and (layout.has_pooler or answers != "row"),
        "cls": all(shapes[name] == shape for name, shape in masked_lm.items() if name in shapes),
    }
    kept = {name: key for name, key in layout.head.items() if fits[name.partition(".")[0]]}
    misfits = {name: key for name, key in layout.head.items() if name not in kept}
    return replace(layout, head=kept, beside={**layout.beside, **misfits})


def head_kind(layout: Layout, answers: Head | None) -> HeadKind | None:
    """A classifier of rows reads the pooler: without one it is of tokens, with one what the files say."""
    if CLASSIFIER[0] in layout.head:
        is_of_tokens = answers == "token" or not layout.has_pooler
        return "token classification" if is_of_tokens else "sequence classification"
    return "masked LM" if any(name.startswith(_MASKED_LM) for name in layout.head) else None


def _plain_names(keys: Iterable[str], where: Path) -> dict[str, str]:
    """Name without a wrapper, norms as they are called today -> key."""
    names: dict[str, str] = {}
    for key in keys:
        name = _WRAPPER.sub("", key)
        for old, new in _OLD_NORM.items():
            name = name.removesuffix(old) + new if name.endswith(f"LayerNorm{old}") else name
        if name in names:
            raise _twice(name, names[name], key, where)
        names[name] = key
    return names


def _twice(name: str, one: str, other: str, where: Path) -> LingyuError:
    return LingyuError(
        f"holds {name} twice, as {one} and as {other}",
        where=where,
        next="Don't use this checkpoint: what it is depends on who reads it",
    )


def _prefix(names: Mapping[str, str], anchor: str, where: Path) -> str:
    """What stands before the name of the word embeddings, which every encoder has once."""
    found = [name.removesuffix(anchor) for name in names if name == anchor or name.endswith(f".{anchor}")]
    if not found:
        raise LingyuError(
            f"holds no encoder: no key ends with {anchor}", where=where, next="Give the checkpoint of an encoder"
        )
    if found[1:]:
        raise LingyuError(
            f"holds {len(found)} encoders, under {' and '.join(map(repr, sorted(found)))}",
            where=where,
            next="Save the one that is meant alone",
        )
    return found[0]


def _shown_prefix(names: Mapping[str, str], prefix: str) -> str:
    """With the wrapper that stood before it."""
    key = next(key for name, key in names.items() if name.startswith(prefix))
    wrapper = _WRAPPER.match(key)
    return (wrapper[0] if wrapper else "") + prefix


def _head_name(name: str) -> str | None:
    """Its name in transformers' BERT with a head; None for what has no place there."""
    name = name.removeprefix("head.")
    return name if name in CLASSIFIER or name.startswith(_MASKED_LM) else None


def _whole_heads(head: dict[str, str], beside: dict[str, str]) -> dict[str, str]:
    """The heads of which no part is missing; the parts of others are put beside."""
    wanted = (CLASSIFIER, tuple(f"{_MASKED_LM}{part}" for part in _MASKED_LM_PARTS))
    bias = (f"{_MASKED_LM}bias", f"{_MASKED_LM}decoder.bias")
    whole: dict[str, str] = {}
    for parts in wanted:
        mine = {name: key for name, key in head.items() if name.startswith(parts[0].partition(".")[0])}
        is_whole = all(part in mine for part in parts) and (parts is CLASSIFIER or any(name in mine for name in bias))
        (whole if is_whole else beside).update(mine)
    return whole


def _require_whole(encoder: Mapping[str, str], expected: Shapes, prefix: str, where: Path) -> None:
    pooler = {name for name in expected if name.startswith("pooler.")}
    lacking = [name for name in expected if name not in encoder]
    if pooler and pooler.isdisjoint(encoder):
        lacking = [name for name in lacking if name not in pooler]
    if lacking:
        raise LingyuError(
            f"lacks {len(lacking)} of the encoder's {len(expected)} tensors: {_few(prefix + name for name in lacking)}",
            where=where,
            next="They would be random numbers: copy or download the checkpoint anew, or take a whole one",
        )
    foreign = [prefix + name for name in encoder if name not in expected]
    if foreign:
        raise LingyuError(
            f"holds {_few(foreign)}, for which its config has no place",
            where=where,
            next="Config and weights are of two models: copy or download the checkpoint anew",
        )


def require_shapes(layout: Layout, tensors: Mapping[str, Any], expected: Shapes, where: Path) -> None:
    """Raises LingyuError for the first tensor of the encoder that has another shape than the config says."""
    for name, shape in expected.items():
        if name not in layout.encoder:
            continue
        found = tuple(tensors[layout.encoder[name]].shape)
        if found != shape:
            raise LingyuError(
                f"{layout.encoder[name]} has the shape {_shape(found)}, but {_shape(shape)} by its config",
                where=where,
                next="Config and weights are of two models: copy or download the checkpoint anew",
            )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of a number"


def _few(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (" ..." if found[3:] else "")
