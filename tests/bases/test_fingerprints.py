"""Fingerprints: of what a base is, not of what it is called."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lingyu.bases import find_base
from lingyu.bases.fingerprints import PROBES, weight_files, weights_fingerprint
from lingyu.errors import LingyuError


def copy_with(base: Path, target: Path, change: object) -> Path:
    """A copy of a base whose tensors went through `change`."""
    shutil.copytree(base, target)
    tensors = load_file(target / "model.safetensors")
    save_file(change(tensors), target / "model.safetensors")  # type: ignore[operator]
    return target


def test_another_folder_has_the_same_fingerprint(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "renamed")
    assert weights_fingerprint(tmp_path / "renamed") == weights_fingerprint(tiny_base)


def test_one_changed_weight_changes_it(tiny_base: Path, tmp_path: Path) -> None:
    def nudge(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tensors["bert.encoder.layer.1.output.dense.bias"][3] += 1e-6
        return tensors

    assert weights_fingerprint(copy_with(tiny_base, tmp_path / "b", nudge)) != weights_fingerprint(tiny_base)


def test_heads_constants_and_prefixes_do_not_count(tiny_base: Path, tmp_path: Path) -> None:
    def rewrite(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        body = {name.removeprefix("bert."): t for name, t in tensors.items() if name.startswith("bert.")}
        old_names = {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
            for name, t in body.items()
        }
        return old_names | {"embeddings.position_ids": torch.arange(64), "classifier.weight": torch.ones(2, 32)}

    assert weights_fingerprint(copy_with(tiny_base, tmp_path / "b", rewrite)) == weights_fingerprint(tiny_base)


def test_a_pooler_counts_where_there_is_one(tiny_base: Path, tiny_base_with_pooler: Path) -> None:
    assert weights_fingerprint(tiny_base) != weights_fingerprint(tiny_base_with_pooler)


def test_shards_count_as_one_file(tiny_base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sharded"
    folder.mkdir()
    tensors = load_file(tiny_base / "model.safetensors")
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    weight_map = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert weights_fingerprint(folder) == weights_fingerprint(tiny_base)


def test_an_index_that_points_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../evil.safetensors"}}))
    with pytest.raises(LingyuError, match="outside the folder"):
        weight_files(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"x": 3}}'])
def test_a_broken_index_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(LingyuError, match="no index of safetensors files"):
        weight_files(tmp_path)


def test_two_sets_of_weights_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """transformers would load the one, and another reader the other."""
    shutil.copytree(tiny_base, tmp_path / "b")
    shutil.copyfile(tmp_path / "b" / "model.safetensors", tmp_path / "b" / "shard.safetensors")
    (tmp_path / "b" / "model.safetensors.index.json").write_text('{"weight_map": {"x": "shard.safetensors"}}')
    with pytest.raises(LingyuError, match=r"two sets of weights\. Keep the one"):
        find_base(str(tmp_path / "b"))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("bert.encoder.layer.0.output.dense.bias", "encoder.layer.0.output.dense.bias"),
        ("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"),
    ],
)
def test_a_tensor_under_two_names_is_refused(tiny_base: Path, tmp_path: Path, name: str, twin: str) -> None:
    folder = copy_with(tiny_base, tmp_path / "b", lambda tensors: tensors | {twin: tensors[name] + 1})
    with pytest.raises(LingyuError, match=f"twice, as .*{twin}"):
        weights_fingerprint(folder)
    with pytest.raises(LingyuError, match=f"twice, as .*{twin}"):
        find_base(str(folder)).load_classifier(["a", "b"])


def test_a_pickle_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(LingyuError, match="pickle"):
        weight_files(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(LingyuError, match="safetensors"):
        weights_fingerprint(tmp_path)


WORDS = "bert.embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    "header",
    [
        [1],
        {WORDS: None},
        {WORDS: {"dtype": "F32", "shape": [2]}},
        {WORDS: {"dtype": "F32", "shape": [2], "data_offsets": ["a", "b"]}},
        {WORDS: {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
        {WORDS: {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}},
        {WORDS: {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]}},
        {WORDS: {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {WORDS: {"dtype": 3, "shape": [2], "data_offsets": [0, 8]}},
    ],
)
def test_a_header_that_means_nothing_is_one_line(tmp_path: Path, header: object) -> None:
    written = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(len(written).to_bytes(8, "little") + written + bytes(8))
    with pytest.raises(LingyuError, match=r"model\.safetensors: is no sound safetensors file") as caught:
        weights_fingerprint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_that_was_cut_short_is_one_line(tiny_base: Path, tmp_path: Path) -> None:
    whole = (tiny_base / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(LingyuError, match=r"is no sound safetensors file \(.*not fully covered"):
        weights_fingerprint(tmp_path)


def test_the_tokenizer_has_one_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "b")
    tokenizer = json.loads((tmp_path / "b" / "tokenizer.json").read_text("utf-8"))
    tokenizer["normalizer"]["lowercase"] = False
    (tmp_path / "b" / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    configured = json.loads((tmp_path / "b" / "tokenizer_config.json").read_text("utf-8"))
    (tmp_path / "b" / "tokenizer_config.json").write_text(json.dumps(configured | {"do_lower_case": False}))
    changed = find_base(str(tmp_path / "b"))
    assert changed.weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint
    assert changed.tokenizer_fingerprint != find_base(str(tiny_base)).tokenizer_fingerprint


def test_fifty_probes() -> None:
    assert len(PROBES) == len(set(PROBES)) == 50


def test_the_embedded_base_is_what_it_was() -> None:
    embedded = find_base("embedded")
    assert embedded.weights_fingerprint.startswith("094b487b371d")
    assert (len(embedded.corpus_hashes), embedded.trained_length) == (356_522, 256)
