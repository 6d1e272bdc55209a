"""Adapters that plain PEFT saved become versions: proved to fit, under the base's own name."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from lingyu.bases import find_base
from lingyu.errors import LingyuError
from lingyu.lora import import_adapter, read_foreign
from lingyu.store import Store, Version

from .foreign import LABELS, save_foreign, save_foreign_of_tokens

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@pytest.fixture
def foreign(tiny_base: Path, tmp_path: Path) -> Path:
    return save_foreign(tiny_base, tmp_path / "foreign")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "adapters")


def imported(foreign: Path, store: Store, base: Path, **settings: Any) -> Version:
    labels = settings.pop("labels", LABELS)
    return import_adapter(read_foreign(foreign), store, "shop", find_base(str(base)), labels, **settings)


def changed(folder: Path, **keys: object) -> Path:
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    (folder / CONFIG).write_text(json.dumps({**config, **keys}), "utf-8")
    return folder


def logits(base: Path, folder: Path) -> torch.Tensor:
    """By plain PEFT alone."""
    torch.manual_seed(99)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    ids = torch.arange(5, 45).reshape(2, 20)
    with torch.inference_mode():
        found: torch.Tensor = PeftModel.from_pretrained(model, str(folder)).eval()(ids).logits
    return found


@pytest.mark.parametrize(
    "settings", [{}, {"use_rslora": True, "r": 2}, {"use_dora": True}, {"rank_pattern": {"query": 2}}]
)
def test_an_imported_adapter_answers_as_plain_peft_does(tiny_base, tmp_path, store, settings):
    folder = save_foreign(tiny_base, tmp_path / "foreign", **settings)
    version = imported(folder, store, tiny_base, channel="stable", text_steps=("html", "width"), max_length=32)
    assert torch.equal(logits(tiny_base, version.folder), logits(tiny_base, folder))
    assert store.open("shop").manifest == version.manifest
    manifest = version.manifest
    assert (manifest.labels, manifest.max_length, manifest.text_steps) == (LABELS, 32, ("html", "width"))
    assert manifest.data == {}
    assert set(manifest.files) == {"README.md", CONFIG, WEIGHTS}


def test_the_base_is_recorded_by_its_name_and_fingerprints(tiny_base, foreign, store):
    base = replace(find_base(str(tiny_base)), id="bases/tiny")
    version = import_adapter(read_foreign(foreign), store, "shop", base, LABELS)
    assert version.manifest.base.id == "bases/tiny"
    assert version.manifest.base.weights_fingerprint == base.weights_fingerprint
    assert version.manifest.base.tokenizer_fingerprint == base.tokenizer_fingerprint
    assert [entry.id for entry in version.manifest.lineage] == ["bases/tiny"]
    assert version.manifest.max_length == 64, "a recipe's default is more than this base reads"
    written = json.loads((version.folder / CONFIG).read_text("utf-8"))
    assert written["base_model_name_or_path"] == "bases/tiny"
    for path in version.folder.iterdir():
        assert str(tiny_base).encode() not in path.read_bytes()


def test_the_card_says_that_it_was_imported_and_that_no_scores_are_known(tiny_base, foreign, store):
    card = (imported(foreign, store, tiny_base).folder / "README.md").read_text("utf-8")
    assert "trained elsewhere and imported" in card
    assert "No scores are known." in card
    assert "is the word of whoever imported it" in card
    assert "metrics" not in card


def test_half_precision_is_widened_without_loss(tiny_base, tmp_path, store):
    folder = save_foreign(tiny_base, tmp_path / "foreign", dtype=torch.bfloat16)
    stored = load_file(imported(folder, store, tiny_base).folder / WEIGHTS)
    for name, tensor in load_file(folder / WEIGHTS).items():
        assert stored[name].dtype == torch.float32
        assert torch.equal(stored[name], tensor.float())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modules_to_save": None}, "lacks weights that its base does not bring: .*pooler"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa', which is not read here"),
        ({"bias": "lora_only"}, "bias is 'lora_only', which is not read here"),
    ],
)
def test_what_does_not_stand_on_its_own_is_refused(tiny_base, tmp_path, store, settings, message):
    folder = save_foreign(tiny_base, tmp_path / "foreign", **settings)
    with pytest.raises(LingyuError, match=message) as raised:
        imported(folder, store, tiny_base)
    assert str(raised.value).startswith(str(folder))
    assert not store.root.exists()


def test_an_adapter_of_another_shape_of_base_is_refused(foreign, store):
    with pytest.raises(LingyuError, match=r"Is this the base that it was trained on\?"):
        import_adapter(read_foreign(foreign), store, "shop", find_base("embedded"), LABELS)
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda tensors, name: tensors.pop(name), "lacks"),
        (
            lambda tensors, name: tensors.update({name.replace("layer.0", "layer.9"): tensors[name] + 0}),
            r"layer\.9\..* lacks",
        ),
        (lambda tensors, name: tensors[name].view(-1)[3].fill_(float("nan")), "no finite numbers"),
        (lambda tensors, name: tensors.update({"extra": torch.zeros(3)}), "without a place"),
    ],
)
def test_tensors_that_are_missing_surplus_or_not_finite_are_refused(tiny_base, foreign, store, spoil, message):
    tensors = load_file(foreign / WEIGHTS)
    spoil(tensors, next(name for name in sorted(tensors) if "layer.0" in name and "lora_A" in name))
    save_file(tensors, foreign / WEIGHTS)
    with pytest.raises(LingyuError, match=message):
        imported(foreign, store, tiny_base)
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("差评", "好评"), "its head has 3 outputs, but 2 labels are given. Give 3, .*--labels A,B,C"),
        (("差评", "好评", "差评"), "stands there twice"),
        (("差评", " ", "好评"), "a label is empty"),
    ],
)
def test_labels_that_do_not_fit_the_head_are_refused(tiny_base, foreign, store, labels, message):
    with pytest.raises(LingyuError, match=message):
        imported(foreign, store, tiny_base, labels=labels)


def test_a_text_step_that_is_none_and_a_length_that_is_too_much_are_refused(tiny_base, foreign, store):
    with pytest.raises(LingyuError, match="Did you mean html"):
        imported(foreign, store, tiny_base, text_steps=("htlm",))
    with pytest.raises(LingyuError, match="reads 64 tokens at most"):
        imported(foreign, store, tiny_base, max_length=65)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"auto_map": {"AutoModel": "theirs.Model"}}, "auto_map: code that comes with an adapter is never run"),
        ({"megatron_config": {"a": 1}, "megatron_core": "os"}, "megatron_config: code"),
        ({"peft_type": "IA3"}, "is a PEFT adapter of type 'IA3'; only LORA"),
        ({"task_type": "CAUSAL_LM"}, "is for task 'CAUSAL_LM'"),
        ({"task_type": [1]}, r"is for task '\[1\]'"),
    ],
)
def test_another_kind_of_adapter_is_refused_by_name(foreign, keys, message):
    with pytest.raises(LingyuError, match=message):
        read_foreign(changed(foreign, **keys))


def test_a_setting_of_a_later_peft_is_refused_by_name(tiny_base, foreign, store):
    with pytest.raises(LingyuError, match="a_setting_of_tomorrow is 'on', which is not read here"):
        imported(changed(foreign, a_setting_of_tomorrow="on"), store, tiny_base)


def test_a_pickle_is_never_opened(foreign):
    (foreign / WEIGHTS).rename(foreign / "adapter_model.bin")
    with pytest.raises(LingyuError, match=r"its weights are a pickle \(adapter_model.bin\).*save it as safetensors"):
        read_foreign(foreign)


def test_what_is_no_adapter_says_what_to_give(foreign, tmp_path):
    with pytest.raises(LingyuError, match="no such folder"):
        read_foreign(tmp_path / "nowhere")
    with pytest.raises(LingyuError, match=f"holds no {CONFIG}"):
        read_foreign(tmp_path)
    (foreign / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(LingyuError, match="is no sound safetensors file"):
        read_foreign(foreign)


def test_a_symlink_of_the_hubs_cache_is_not_followed(foreign, tmp_path):
    (foreign / WEIGHTS).rename(tmp_path / "blob")
    (foreign / WEIGHTS).symlink_to(tmp_path / "blob")
    with pytest.raises(LingyuError, match=r"is a symlink, as in the hub's cache.*--local-dir"):
        read_foreign(foreign)


# Heads of other kinds

TAGS = ("O", "B-品牌", "I-品牌", "B-地点", "I-地点")


@pytest.mark.filterwarnings("ignore")
def test_an_adapter_of_tokens_becomes_one_of_entities(tiny_base: Path, tmp_path: Path, store: Store) -> None:
    folder = save_foreign_of_tokens(tiny_base, tmp_path / "foreign", len(TAGS))
    version = imported(folder, store, tiny_base, labels=TAGS, text_steps=("width",))
    assert (version.manifest.task, version.manifest.labels) == ("token", ("品牌", "地点"))
    ids = torch.arange(5, 45).reshape(2, 20)
    found = []
    for place in (folder, version.folder):
        model = AutoModelForTokenClassification.from_pretrained(tiny_base, num_labels=len(TAGS))
        with torch.inference_mode():
            found.append(PeftModel.from_pretrained(model, str(place)).eval()(ids).logits)
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"labels": ("B-品牌", "I-品牌", "B-地点", "I-地点", "O")}, "no tags in the order that is read here"),
        ({"labels": ("品牌", "地点", "人", "时间", "O")}, "no tags in the order that is read here"),
        ({"labels": TAGS, "text_steps": ("html", "width")}, "html: moves the characters that tags stand at"),
        ({"labels": TAGS[:3]}, "its head has 5 outputs, but 3 labels are given"),
    ],
)
def test_tags_in_another_order_or_that_are_moved_are_refused(
    settings: dict[str, Any], says: str, tiny_base: Path, tmp_path: Path, store: Store
) -> None:
    folder = save_foreign_of_tokens(tiny_base, tmp_path / "foreign", len(TAGS))
    with pytest.raises(LingyuError, match=says):
        imported(folder, store, tiny_base, **settings)
    assert not store.root.exists()


def test_a_head_with_one_output_is_refused_by_name(tiny_base: Path, tmp_path: Path, store: Store) -> None:
    folder = save_foreign_of_tokens(tiny_base, tmp_path / "foreign", 1)
    changed(folder, task_type="SEQ_CLS")
    with pytest.raises(LingyuError, match="its head has one output: a number or a score"):
        imported(folder, store, tiny_base, labels=("score",))


def test_what_is_trained_whole_beside_the_head_is_refused_before_it_is_published(tiny_base, tmp_path, store):
    folder = save_foreign(tiny_base, tmp_path / "foreign", modules_to_save=["pooler.dense", "word_embeddings"])
    with pytest.raises(LingyuError, match="word_embeddings"):
        imported(folder, store, tiny_base)
    assert store.versions("shop") == ()


def test_a_store_that_can_not_be_written_is_named_and_no_hidden_folder(
    foreign: Path, store: Store, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def read_only(path: Path, *args: Any, **settings: Any) -> None:
        if path.parent == store.root:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        mkdir(path, *args, **settings)

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(LingyuError) as raised:
        imported(foreign, store, tiny_base)
    assert (raised.value.what, raised.value.where) == ("no permission", str(store.root))
