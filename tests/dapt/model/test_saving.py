"""The folder of a pretrained base: transformers reads all of it, and nothing of this machine is in it."""

import json
import resource
import shutil
import signal
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

from lingyu.bases import find_base
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.dapt.model.saving import copy_tokenizer, save_base, save_model
from lingyu.errors import LingyuError

from .flat_batches import PRETRAINED, flat_batch, logits_one_by_one, save_masked_lm

LENGTHS = [3, 5, 9, 18]


def moved(folder: Path, *, sentence_order: bool = False) -> Pretrainer:
    """The base after something was learnt."""
    base = find_base(str(folder))
    model = load_pretrainer(base, seed=1, sentence_order=sentence_order, dropout=0.0).model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


@pytest.mark.parametrize("model_type", PRETRAINED)
def test_transformers_gives_the_same_logits_in_each_family(model_type: str, tmp_path: Path) -> None:
    save_masked_lm(model_type, tmp_path / "old")
    model, base = moved(tmp_path / "old"), find_base(str(tmp_path / "old"))
    save_model(model, base.config, tmp_path / "new", "float32")
    read, info = AutoModelForMaskedLM.from_pretrained(tmp_path / "new", output_loading_info=True)
    batch = flat_batch(LENGTHS)
    found = logits_one_by_one(read.eval(), batch)
    torch.testing.assert_close(found, model(**batch)["logits"], rtol=0, atol=1e-5)
    assert not info["missing_keys"]
    assert all(".pooler." in name for name in info["unexpected_keys"])
    assert read.config.architectures == [type(read).__name__]
    again = load_pretrainer(find_base(str(tmp_path / "new")), seed=9, sentence_order=False, dropout=None)
    assert not again.fresh
    assert all(tensor.equal(model.state_dict()[name]) for name, tensor in again.model.state_dict().items())


def test_a_classifier_misses_its_classifier_only(tiny_base: Path, tmp_path: Path) -> None:
    save_base(moved(tiny_base, sentence_order=True), find_base(str(tiny_base)), tmp_path / "new", "float32")
    _, info = AutoModel.from_pretrained(tmp_path / "new", output_loading_info=True)
    assert not info["missing_keys"]
    assert all(name.startswith("cls.predictions.") for name in info["unexpected_keys"])
    _, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "new", output_loading_info=True)
    assert info["missing_keys"] == {"classifier.weight", "classifier.bias"}
    base = find_base(str(tmp_path / "new"))
    assert base.load_classifier(["a", "b"]).fresh == {"classifier.weight", "classifier.bias"}
    assert base.weights_fingerprint != find_base(str(tiny_base)).weights_fingerprint
    loaded = load_pretrainer(base, seed=1, sentence_order=True, dropout=None)
    assert loaded.fresh == {"sentence_head.weight", "sentence_head.bias"}


def test_the_config_says_what_it_is_and_nothing_of_the_run(tiny_base: Path, tmp_path: Path) -> None:
    save_base(moved(tiny_base), find_base(str(tiny_base)), tmp_path / "new", "float16")
    text = (tmp_path / "new" / "config.json").read_text("utf-8")
    config = json.loads(text)
    assert config["architectures"] == ["BertForMaskedLM"]
    assert config["dtype"] == "float32"
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.1
    assert "lingyu" not in text
    assert all(str(tiny_base) not in file.read_text("utf-8") for file in (tmp_path / "new").glob("*.json"))
    assert AutoModel.from_pretrained(tmp_path / "new").config._attn_implementation == "sdpa"


@pytest.mark.parametrize("with_json", [True, False])
def test_the_tokenizer_comes_along_with_vocab_txt(tiny_base: Path, tmp_path: Path, with_json: bool) -> None:
    """Of a base that was saved by transformers, and of one that is a bare vocab.txt."""
    shutil.copytree(tiny_base, tmp_path / "old")
    for name in ("vocab.txt",) if with_json else ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "old" / name).unlink()
    old = find_base(str(tmp_path / "old"))
    save_base(moved(tmp_path / "old"), old, tmp_path / "new", "float32")
    new = find_base(str(tmp_path / "new"))
    assert new.tokenizer_fingerprint == old.tokenizer_fingerprint
    assert (tmp_path / "new" / "vocab.txt").read_text("utf-8") == (tiny_base / "vocab.txt").read_text("utf-8")
    assert {"tokenizer.json", "tokenizer_config.json"} <= {file.name for file in new.folder.iterdir()}
    assert AutoTokenizer.from_pretrained(tmp_path / "new")("很好")["input_ids"] == old.tokenizer("很好")["input_ids"]
    settings = json.loads((tmp_path / "new" / "tokenizer_config.json").read_text("utf-8"))
    assert not settings.keys() & {"name_or_path", "tokenizer_file", "auto_map"}


def test_a_tokenizers_settings_come_along_without_paths_and_code_and_else_unchanged(
    tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "old")
    file = tmp_path / "old" / "tokenizer_config.json"
    kept = json.loads(file.read_text("utf-8")) | {"note": "中文"}
    for key in ("name_or_path", "tokenizer_file", "auto_map"):
        kept.pop(key, None)
    for more in (
        {},
        {"name_or_path": "/home/me/bert"},
        {"tokenizer_file": "/a", "auto_map": {"AutoTokenizer": ["x", 1]}},
    ):
        file.write_text(json.dumps(kept | more), "utf-8")
        folder = tmp_path / f"new-{len(more)}"
        folder.mkdir()
        copy_tokenizer(find_base(str(tmp_path / "old")), folder)
        assert json.loads((folder / "tokenizer_config.json").read_text("utf-8")) == kept


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_stored_as_such_and_read_as_float32(tiny_base: Path, tmp_path: Path, dtype: str) -> None:
    model = moved(tiny_base)
    save_base(model, find_base(str(tiny_base)), tmp_path / "new", dtype)
    base = find_base(str(tmp_path / "new"))
    assert {tensor.dtype for tensor in base.encoder_weights().values()} == {getattr(torch, dtype)}
    again = load_pretrainer(base, seed=1, sentence_order=False, dropout=None).model
    for name, tensor in again.state_dict().items():
        assert tensor.equal(model.state_dict()[name].to(getattr(torch, dtype)).float())


def test_weights_that_are_too_large_for_float16_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    model = moved(tiny_base)
    with torch.no_grad():
        model.head.bias[3] = 1e5
    with pytest.raises(LingyuError, match=r"cls\.predictions\.bias.*no finite numbers in float16.*float32") as caught:
        save_base(model, find_base(str(tiny_base)), tmp_path / "new", "float16")
    assert caught.value.status == 1
    save_base(model, find_base(str(tiny_base)), tmp_path / "bfloat16", "bfloat16")


def test_a_file_that_may_not_be_written_is_an_error_of_the_system(tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    model = load_pretrainer(base, seed=1, sentence_order=False, dropout=None).model
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save_base(model, base, tmp_path / "base", "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
