"""What mode scratch starts from is a whole base folder, made once, and loaded by whoever reads bases."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from lingyu.bases import find_base
from lingyu.dapt.start.scratch import encoder_shape, start_folder
from lingyu.errors import LingyuError
from lingyu.recipe import PretrainingRecipe

TEXTS = {
    "reviews": ["这家酒店的服务很好，房间也很干净。", "质量太差了，要求退货，很不好", "酒店的房间很干净，服务也好"]
    * 20,
    "news": [
        f"{place}{month}月七日电，会议{day}开幕"
        for place in ("北京", "上海")
        for month in "三四"
        for day in ("今天", "昨天")
    ]
    * 5,
}


def silent(what: str, done: int, total: int) -> None:
    pass


def read(sources: tuple[str, ...]) -> Iterable[str]:
    return (text for source in sources for text in TEXTS[source])


def recipe(**dapt: Any) -> PretrainingRecipe:
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64}
    return PretrainingRecipe.model_validate(
        {
            "name": "new",
            "dapt": {"mode": "scratch", "corpus": ["reviews"], "shape": shape, **dapt},
            "train": {"max_length": 32},
            "publish": {"to": "bases/new"},
        }
    )


def start(cache: Path, fingerprint: str = "texts", **dapt: Any) -> Path:
    return start_folder(recipe(**dapt), read, fingerprint, cache, silent)


@pytest.mark.parametrize("kind", ["plain", "cooccurrence"])
def test_transformers_finds_every_weight_and_only_a_classifier_is_new(tmp_path: Path, kind: str) -> None:
    folder = start(tmp_path, start=kind)
    missing = {}
    for loader in (AutoModelForMaskedLM, AutoModel, AutoModelForSequenceClassification):
        _, info = loader.from_pretrained(folder, output_loading_info=True)
        missing[loader.__name__] = sorted(info["missing_keys"])
        assert not info["mismatched_keys"]
    assert missing == {
        "AutoModelForMaskedLM": [],
        "AutoModel": [],
        "AutoModelForSequenceClassification": ["classifier.bias", "classifier.weight"],
    }
    names = set(load_file(folder / "model.safetensors"))
    assert {name.split(".")[0] for name in names} == {"bert", "cls"}
    assert not any("decoder" in name or "seq_relationship" in name for name in names)


def test_it_is_a_base_with_a_tokenizer_of_its_own_texts(tmp_path: Path) -> None:
    base = find_base(str(start(tmp_path)))
    assert base.config.vocab_size == len(base.tokenizer)
    assert base.config.architectures == ["BertForMaskedLM"]
    assert (base.config.hidden_dropout_prob, base.config.attention_probs_dropout_prob) == (0.1, 0.1)
    assert base.max_length == base.tokenizer.model_max_length == 64
    assert base.tokenizer.unk_token_id not in base.encode(["这家酒店的服务很好"], 32).input_ids[0]
    assert {file.name for file in base.folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    }


@pytest.mark.parametrize("kind", ["plain", "cooccurrence"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_weights(tmp_path: Path, kind: str) -> None:
    first, again = (start(tmp_path / cache, start=kind) / "model.safetensors" for cache in "ab")
    assert first.read_bytes() == again.read_bytes()
    other = recipe(start=kind).model_copy(update={"train": recipe().train.model_copy(update={"seed": 1})})
    assert (start_folder(other, read, "texts", tmp_path / "a", silent) / "model.safetensors").read_bytes() != (
        first.read_bytes()
    )


def test_it_is_made_once_and_anew_for_other_texts_or_another_shape(tmp_path: Path) -> None:
    folder = start(tmp_path)
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert start(tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    folders = {folder, start(tmp_path, "other texts"), start(tmp_path, shape={"hidden_size": 64})}
    assert len(folders) == 3
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {f.name for f in folders}


def test_a_start_that_fails_or_was_killed_leaves_nothing_that_is_taken_for_one(tmp_path: Path) -> None:
    def broken(sources: tuple[str, ...]) -> Iterable[str]:
        yield from read(sources)
        raise LingyuError("a shard that can't be read")

    with pytest.raises(LingyuError, match="a shard"):
        start_folder(recipe(), broken, "texts", tmp_path, silent)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
    folder = start(tmp_path)
    (folder / "config.json").unlink()  # as if it had ended before the last file
    assert find_base(str(start(tmp_path))).config.vocab_size


def test_the_vocabulary_may_be_counted_on_more_than_is_learnt_from(tmp_path: Path) -> None:
    narrow = find_base(str(start(tmp_path))).tokenizer
    wide = find_base(str(start(tmp_path, vocabulary_from=["reviews", "news"]))).tokenizer
    assert narrow.tokenize("北京") == ["[UNK]", "[UNK]"]
    assert wide.tokenize("北京") == ["北", "京"]


def test_defaults_of_the_shape_are_those_that_the_recipe_says() -> None:
    shape = encoder_shape(recipe(shape={}))
    assert (shape.hidden_size, shape.num_hidden_layers, shape.num_attention_heads) == (256, 4, 4)
    assert (shape.intermediate_size, shape.max_position_embeddings, shape.vocab_size) == (1024, 512, 8000)
    assert encoder_shape(recipe(shape={"hidden_size": 32})).num_attention_heads == 1


@pytest.mark.parametrize(
    ("dapt", "said"),
    [
        ({"shape": {"hidden_size": 32}, "start": "cooccurrence"}, "cooccurrence needs heads of 16 dimensions"),
        ({"shape": {"vocab_size": 50}}, "vocab_size is 50, and marks"),
    ],
)
def test_a_shape_that_cannot_be_is_said_in_one_line(tmp_path: Path, dapt: dict[str, Any], said: str) -> None:
    with pytest.raises(LingyuError, match=said) as caught:
        start(tmp_path, **dapt)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_text_without_chinese_makes_no_encoder_of_chinese(tmp_path: Path) -> None:
    with pytest.raises(LingyuError, match="reviews: its text makes no vocabulary for an encoder of Chinese"):
        start_folder(recipe(), lambda sources: ["hello world"] * 9, "texts", tmp_path, silent)


def test_heads_of_the_first_layers_look_at_their_neighbours(tmp_path: Path) -> None:
    shape = {"hidden_size": 256, "num_hidden_layers": 2, "intermediate_size": 64}
    folder = start(tmp_path, start="cooccurrence", shape=shape)
    model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    torch.manual_seed(0)
    tokens = torch.randint(5, model.config.vocab_size, (2, 256))
    with torch.no_grad():
        attentions = model(tokens, output_attentions=True).attentions
    for layer, offsets in enumerate(((-1, 1, -2, 2), (-3, 3))):
        for head, offset in enumerate(offsets):
            here = torch.arange(max(0, -offset), min(256, 256 - offset))
            found = attentions[layer][:, head]
            assert (found[:, here].argmax(dim=-1) == here + offset).all()
            assert found[:, here, here + offset].mean() > 0.8
    plain = attentions[1][:, 2:]
    assert plain.max() < 0.1  # the others are as transformers makes them


def test_words_that_stand_in_like_company_start_near_each_other(tmp_path: Path) -> None:
    base = find_base(str(start(tmp_path, start="cooccurrence", corpus=["reviews", "news"])))
    weights = load_file(base.folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    vectors = torch.nn.functional.normalize(weights)

    def near(first: str, second: str) -> float:
        numbers = base.tokenizer.convert_tokens_to_ids([first, second])
        return float(vectors[numbers[0]] @ vectors[numbers[1]])

    assert weights.norm(dim=1).allclose(torch.tensor(0.8), atol=1e-4)
    assert near("三", "四") > near("三", "店") + 0.3
