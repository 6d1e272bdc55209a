"""What a base is, apart from its name: fingerprints of its weights and of its tokenizer.

Read from the files themselves, without torch: a renamed folder keeps its fingerprint, one changed weight does not.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from lingyu.errors import LingyuError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

# The body of an encoder: heads are a task's, position_ids a constant that older versions stored.
# ModernBERT's `head` stands between its layers and any classifier as BERT's pooler does, and has no name of its own.
_BODY = re.compile(r"^(embeddings|encoder|pooler|layers|final_norm|embeddings_project|head\.(dense|norm))\b")
_NOT_BODY = re.compile(r"(^|\.)position_ids$")

PROBES = (
    "这家酒店的服务很好，房间也很干净。",
    "房間很乾淨，下次還來",
    "性价比不高！",
    "质量太差了，要求退货……",
    "快递很快，包装也好",
    "请问怎么收费？",
    "我现在没空，改天再谈吧",
    "好的好的",
    "嗯",
    "iPhone 15 Pro Max 256GB",
    "WiFi信号不好，CCTV5也收不到",
    "app123打不开",
    "价格：￥199.00元",
    "2026年11月21日 08:30",
    "订单号No.007-A",
    "ＡＢＣ１２３",
    "天１气",
    "“引号”和《书名》",
    "（括号）【方括号】",
    "[MASK]",
    "[SEP]你好[CLS]",
    "<mask></s>",
    "a b  c\td",
    "第一行\n第二行",
    "café naïve",
    "E-mail: x@y.cn",
    "http://example.com/?a=1&b=2",
    "😀很开心",
    "👨‍👩‍👧",
    "龘靐齉",
    "𠮷野家",
    "ㄅㄆㄇ",
    "ひらがなカタカナ",
    "한국어",
    "Привет",
    "α+β=γ",
    "50%～60％",
    "——",
    "...",
    "。",
    " ",
    "",
    "​零宽",
    "哈哈哈哈哈哈哈哈",
    "呵呵~~~",
    "don't",
    "x²+y²",
    "①②③",
    "前台小姐态度恶劣，再也不会来了，强烈建议大家不要入住这家宾馆！",
    "The quick brown fox jumps over the lazy dog.",
)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of the encoder as it lies in a file: under its own name there, size_bytes long from start on."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size_bytes: int


def weights_fingerprint(folder: Path) -> str:
    """SHA-256 (hex) over name, dtype, shape and bytes of the embeddings, layers and pooler, sorted by name.

    Names are without the model's prefix, and gamma/beta are called weight/bias. Raises LingyuError for a file that is
    not whole, or that holds no encoder.

    Files that were read before and have not changed since are not read again: a search goes through many bases.
    """
    statuses = [file.stat() for file in weight_files(folder)]
    return _fingerprint(folder, tuple((s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in statuses))


@lru_cache(maxsize=64)
def _fingerprint(folder: Path, _: tuple[tuple[int, ...], ...]) -> str:
    digest = hashlib.sha256()
    for plain, tensor in sorted(encoder_tensors(folder).items()):
        digest.update(f"{plain}\0{tensor.dtype}\0{tensor.shape}\0".encode())
        for block in _blocks(tensor):
            digest.update(block)
    return digest.hexdigest()


def encoder_tensors(folder: Path) -> dict[str, StoredTensor]:
    """The tensors that make the base, by their plain names: what is fingerprinted, and all that is ever loaded of it.

    Raises LingyuError where there are none, or where two have the same plain name: which is meant, nobody knows.
    """
    tensors: dict[str, StoredTensor] = {}
    for file in weight_files(folder):
        for tensor in _tensors(file):
            plain = plain_name(tensor.name)
            if plain is None:
                continue
            if plain in tensors:
                raise LingyuError(
                    f"holds {plain} twice, as {tensors[plain].name} and as {tensor.name}",
                    where=folder,
                    next="Don't use this base: what it is depends on who reads it",
                )
            tensors[plain] = tensor
    if not tensors:
        raise LingyuError("holds no encoder weights", where=folder, next="Give the folder of a transformers encoder")
    return tensors


def _blocks(tensor: StoredTensor) -> Iterator[bytes]:
    """The tensor's bytes, piece by piece."""
    with tensor.file.open("rb") as stream:
        stream.seek(tensor.start)
        left = tensor.size_bytes
        while left:
            block = stream.read(min(left, 1 << 22))
            if not block:
                raise LingyuError("ends too early", where=tensor.file, next="Copy or download the base anew")
            yield block
            left -= len(block)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a base. Raises LingyuError where there are none, or two sets of them."""
    index, single = folder / INDEX, folder / WEIGHTS
    if index.is_file() and single.is_file():
        raise LingyuError(
            f"holds {WEIGHTS} and {INDEX}, two sets of weights",
            where=folder,
            next="Keep the one that the base's publisher means, and remove the other",
        )
    if index.is_file():
        return [folder / name for name in _shards(index)]
    if single.is_file():
        return [single]
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
        raise LingyuError(
            "its weights are a pickle only, which can run code when it is read",
            where=folder,
            next=f"Make a base of it, which reads tensors alone: lingyu base import {folder} --out bases/{folder.name}",
        )
    raise LingyuError(f"holds no {WEIGHTS}", where=folder, next="Give the folder of a transformers encoder")


def _shards(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        outside = any(Path(name).name != name for name in names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LingyuError(
            "is no index of safetensors files", where=index, next="Copy or download the base anew"
        ) from None
    if outside:
        raise LingyuError("names files outside the folder", where=index, next="Don't use this base")
    return sorted(names)


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """SHA-256 (hex) over the vocabulary in id order and the ids of fifty fixed texts."""
    digest = hashlib.sha256()
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0])):
        digest.update(f"{number}\0{token}\0".encode("utf-8", "surrogatepass"))
    for probe in PROBES:
        digest.update(json.dumps(tokenizer(probe, split_special_tokens=True)["input_ids"]).encode())
    return digest.hexdigest()


def _tensors(file: Path) -> Iterator[StoredTensor]:
    """Every tensor of a safetensors file. The library itself proves its header: types, shapes, no byte left over."""
    with file.open("rb") as stream:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except SafetensorError as error:
            raise LingyuError(
                f"is no sound safetensors file ({error})", where=file, next="Copy or download the base anew"
            ) from None
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield StoredTensor(file, name, entry["dtype"], tuple(entry["shape"]), 8 + length + begin, end - begin)


def plain_name(name: str) -> str | None:
    """A tensor's name, of a file or a model, without the prefix; None where it is no part of the encoder."""
    for candidate in (name, name.partition(".")[2]):
        if _BODY.match(candidate) and not _NOT_BODY.search(candidate):
            return re.sub(r"LayerNorm\.(gamma|beta)$", _new_norm_name, candidate)
    return None


def _new_norm_name(match: re.Match[str]) -> str:
    return "LayerNorm.weight" if match[1] == "gamma" else "LayerNorm.bias"
