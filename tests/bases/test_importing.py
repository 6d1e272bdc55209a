"""StructBERT as ModelScope ships it: whatever the layout, the base that is made of it answers as modelscope does.

What modelscope itself answers lies in oracle/, written by tests/oracle/make_fixtures.py.
"""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    logging,
)

from lingyu.bases import LINEAGE, Imported, find_base, import_checkpoint, weights_fingerprint
from lingyu.errors import LingyuError

from ..conftest import tiny_vocabulary

ORACLE = Path(__file__).parent / "oracle"
CASES = sorted(folder.name for folder in ORACLE.iterdir())
MODELS = {
    "sequence classification": AutoModelForSequenceClassification,
    "token classification": AutoModelForTokenClassification,
    "masked LM": AutoModelForMaskedLM,
}
MOODS = ("负面", "中性", "正面")
TAGS = ("O", "B-品牌", "I-品牌")
FACTS = {
    "backbone": ("", None, ()),
    "backbone-large": ("", None, ()),
    "sequence": ("bert.", "sequence classification", MOODS),
    "sequence-large": ("bert.", "sequence classification", ("负面", "正面")),
    "sequence-bare": ("", "sequence classification", MOODS),
    "sequence-wrapped": ("module.bert.", "sequence classification", MOODS),
    "sequence-gamma-beta": ("bert.", "sequence classification", MOODS),
    "sequence-encoder-prefix": ("encoder.", "sequence classification", MOODS),
    "masked-lm": ("bert.", "masked LM", ()),
    "masked-lm-untied": ("bert.", "masked LM", ()),
    "token": ("bert.", "token classification", TAGS),
    "head-sequence": ("encoder.", "sequence classification", MOODS),
    "head-sequence-wrapped": ("module.encoder.", "sequence classification", MOODS),
    "head-token": ("encoder.", "token classification", TAGS),
    "head-masked-lm": ("encoder.", "masked LM", ()),
}
"""What the keys say: prefix, head, labels."""

Tensors = dict[str, torch.Tensor]


def checkpoint(case: str, folder: Path, change: Callable[[Tensors], Tensors] = dict) -> Path:
    """The folder as ModelScope's users have it, under a name that says nothing. change: of the tensors."""
    folder.mkdir()
    for file in (ORACLE / case).glob("*.json"):
        shutil.copyfile(file, folder / file.name)
    stored = load_file(ORACLE / case / "tensors.safetensors")
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in stored.items()}
    torch.save(change(tensors), folder / "pytorch_model.bin")
    (folder / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", "utf-8")
    return folder


def without(*ends: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.endswith(ends)}


def imported(case: str, tmp_path: Path, change: Callable[[Tensors], Tensors] = dict) -> Imported:
    return import_checkpoint(checkpoint(case, tmp_path / "downloaded", change), tmp_path / "bases" / "made")


def loaded(model: type, folder: Path) -> torch.nn.Module:
    """By transformers alone, in which nothing may be left random."""
    logging.set_verbosity_error()
    found, info = model.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    assert not info["missing_keys"] - {"pooler.dense.weight", "pooler.dense.bias"}
    return found.eval()


@pytest.mark.parametrize("case", CASES)
def test_every_layout_answers_as_modelscope_does(case: str, tmp_path: Path) -> None:
    facts = imported(case, tmp_path)
    assert (facts.prefix, facts.head, facts.labels) == FACTS[case]
    assert (facts.source_type, facts.model_type) == ("structbert", "bert")
    assert facts.old_norms == (case == "sequence-gamma-beta")
    known = load_file(ORACLE / case / "answers.safetensors")
    asked = {name: known[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    with torch.no_grad():
        found = loaded(AutoModel, facts.out)(**asked, output_hidden_states=True)
        torch.testing.assert_close(torch.stack(found.hidden_states), known["hidden_states"], atol=1e-5, rtol=0)
        if "pooled" in known:
            torch.testing.assert_close(found.pooler_output, known["pooled"], atol=1e-5, rtol=0)
        if facts.head:
            logits = loaded(MODELS[facts.head], facts.out)(**asked).logits
            torch.testing.assert_close(logits, known["logits"], atol=1e-5, rtol=0)


def test_the_cases_cover_every_layout() -> None:
    assert set(FACTS) == set(CASES)
    assert {prefix for prefix, _, _ in FACTS.values()} == {"", "bert.", "encoder.", "module.bert.", "module.encoder."}


@pytest.mark.parametrize("case", ["head-sequence", "token", "masked-lm"])
def test_what_was_made_is_a_base_like_any_other(case: str, tmp_path: Path) -> None:
    facts = imported(case, tmp_path)
    base = find_base(str(facts.out))
    assert (base.config.model_type, base.weights_fingerprint) == ("bert", facts.weights_fingerprint)
    assert base.encode(["房间很干净"], 32).truncated == [False]
    assert len(base.tokenizer) == len(tiny_vocabulary())
    fresh = base.load_classifier(["a", "b"]).fresh
    assert fresh == {
        *("classifier.weight", "classifier.bias"),
        *(["bert.pooler.dense.weight", "bert.pooler.dense.bias"] if "pooler" in facts.missing else []),
    }
    assert (case == "masked-lm") == (len(base.masked_lm_weights()) == 5)
    assert {path.name for path in facts.out.iterdir()} == {
        *("config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json"),
        *("README.md", LINEAGE),
    }


def test_layouts_of_the_same_weights_have_one_fingerprint(tmp_path: Path) -> None:
    found = set()
    for layout in ("sequence", "gamma", "wrapped"):
        (tmp_path / layout).mkdir()
        found.add(imported("sequence", tmp_path / layout, renamed(layout)).weights_fingerprint)
    assert len(found) == 1


def renamed(layout: str) -> Callable[[Tensors], Tensors]:
    def gamma(name: str) -> str:
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    rename = {"gamma": gamma, "wrapped": lambda name: f"module.{name}"}.get(layout, str)
    return lambda tensors: {rename(name): tensor for name, tensor in tensors.items()}


def test_the_lineage_says_where_it_came_from(tmp_path: Path) -> None:
    facts = imported("head-sequence", tmp_path, without("pooler.dense.weight", "pooler.dense.bias"))
    document = json.loads((facts.out / LINEAGE).read_text("utf-8"))
    assert document["lineage"][0]["weights_fingerprint"] == weights_fingerprint(facts.out)
    assert "keys under encoder" in document["lineage"][0]["note"]
    made = document["imported"]
    assert (made["id"], made["missing"], made["prefix"]) == ("downloaded", ["pooler", "head"], "encoder.")
    assert (made["head"], made["left_out"]) == (None, ["classifier.bias", "classifier.weight"])
    assert list(made["files"]) == ["pytorch_model.bin"]
    assert len(made["files"]["pytorch_model.bin"]) == 64
    assert str(tmp_path) not in json.dumps(document)
    card = (facts.out / "README.md").read_text("utf-8")
    assert "no pooler" in card
    assert str(tmp_path) not in card


def test_encoder_keys_that_are_missing_stop_it(tmp_path: Path) -> None:
    with pytest.raises(LingyuError, match=r"lacks 2 of the encoder's 39 tensors: bert\.encoder\.layer\.1\.output") as e:
        imported("sequence", tmp_path, without("layer.1.output.dense.weight", "layer.1.output.dense.bias"))
    assert "\n" not in str(e.value)
    assert list((tmp_path).iterdir()) == [tmp_path / "downloaded"]


def test_a_missing_head_and_what_has_no_place_are_said(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> Tensors:
        kept = without("classifier.weight", "classifier.bias")(tensors)
        return kept | {"cls.seq_relationship.weight": torch.zeros(2, 32), "lstm.weight": torch.zeros(3)}

    facts = imported("sequence", tmp_path, change)
    assert (facts.head, facts.missing) == (None, ("head",))
    assert facts.left_out == ("cls.seq_relationship.weight", "lstm.weight")


@pytest.mark.parametrize(
    ("weight", "bias"), [((3, 96), (3,)), ((), (3,)), ((), ()), ((32,), ()), ((3, 32), (2,)), ((3, 32, 1), (3,))]
)
def test_a_head_that_no_model_can_load_is_left_out_and_said(
    weight: tuple[int, ...], bias: tuple[int, ...], tmp_path: Path
) -> None:
    changed = {"classifier.weight": torch.zeros(weight), "classifier.bias": torch.zeros(bias)}
    facts = imported("sequence", tmp_path, lambda tensors: tensors | changed)
    assert (facts.head, facts.missing, facts.labels) == (None, ("head",), ())
    assert facts.left_out == ("classifier.bias", "classifier.weight")
    assert not any("classifier" in name for name in load_file(facts.out / "model.safetensors"))


@pytest.mark.parametrize(
    ("model_type", "says"), [("bert", None), ("electra", r"holds no config\.json, which says the shape of its electra")]
)
def test_a_shape_in_configuration_json_alone_is_read(model_type: str, says: str | None, tmp_path: Path) -> None:
    folder = checkpoint("backbone", tmp_path / "downloaded")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").unlink()
    model = {"backbone": {**config, "type": model_type}}
    (folder / "configuration.json").write_text(json.dumps({"model": model}), "utf-8")
    if says is None:
        assert import_checkpoint(folder, tmp_path / "made").source_type == model_type
        return
    with pytest.raises(LingyuError, match=says) as caught:
        import_checkpoint(folder, tmp_path / "made")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda tensors: {f"a.{n}": t for n, t in tensors.items()} | tensors,
            r"holds 2 encoders, under 'a\.bert\.' and",
        ),
        (lambda tensors: tensors | {"module.classifier.bias": torch.zeros(3)}, r"holds classifier\.bias twice"),
        (
            lambda tensors: tensors | {"head.classifier.weight": torch.zeros(3, 32)},
            r"holds classifier\.weight twice, as classifier\.weight and as head\.classifier\.weight",
        ),
        (lambda tensors: {"x": torch.zeros(2)}, "holds no encoder: no key ends with embeddings.word_embeddings"),
        (
            lambda tensors: tensors | {"bert.encoder.layer.2.output.dense.bias": torch.zeros(32)},
            "for which its config has no place",
        ),
        (
            lambda tensors: tensors | {"bert.pooler.dense.bias": torch.zeros(31)},
            r"bert\.pooler\.dense\.bias has the shape 31, but 32 by its config",
        ),
        (lambda tensors: tensors | {"bert.pooler.dense.bias": torch.full((32,), torch.nan)}, "no finite numbers"),
        (lambda tensors: tensors | {"bert.pooler.dense.bias": torch.zeros(1).expand(32)}, "no plain tensor"),
        (lambda tensors: tensors | {"bert.pooler.dense.bias": torch.zeros(32, device="meta")}, "no plain tensor"),
        (
            lambda tensors: tensors | {"bert.pooler.dense.bias": torch.zeros(32).to(torch.float8_e4m3fn)},
            r"is of torch\.float8_e4m3fn, and means nothing without what it was quantized by",
        ),
        (
            lambda tensors: tensors | {"bert.pooler.dense.weight": torch.zeros(32, 32, dtype=torch.int8)},
            r"'bert\.pooler\.dense\.weight' is of torch\.int8",
        ),
    ],
)
def test_a_checkpoint_that_is_not_what_it_says_is_one_line(
    change: Callable[[Tensors], Tensors], says: str, tmp_path: Path
) -> None:
    with pytest.raises(LingyuError, match=says) as caught:
        imported("sequence", tmp_path, change)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bases").exists()


class Opens:
    """What a pickle may do to whoever reads it without care."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("was-here", "w")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"state_dict": {}, "meta": {"epoch": 3}}, "something else than tensors: 'state_dict' is a dict"),
        ({"a": torch.zeros(1), "step": 3}, "something else than tensors: 'step' is an int"),
        ([torch.zeros(1)], "holds no tensors by name"),
        ({"a": Opens()}, r"something else than tensors \(\w*\.?open\), which may run code"),
    ],
)
def test_a_pickle_of_anything_but_tensors_is_refused(
    content: object, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = checkpoint("sequence", tmp_path / "downloaded")
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(LingyuError, match=says) as caught:
        import_checkpoint(folder, tmp_path / "made")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize("forced", ["0", "1"])
@pytest.mark.parametrize("form", ["archive", "old archive", "bare"])
def test_no_code_of_a_pickle_runs_whatever_the_environment_says(
    form: str, forced: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", forced)
    folder = checkpoint("sequence", tmp_path / "downloaded")
    file, was_here = folder / "pytorch_model.bin", tmp_path / "was-here"
    if form == "bare":
        file.write_bytes(pickle.dumps({"a": Opens()}, protocol=2))
        pickle.loads(file.read_bytes())["a"].close()
    else:
        torch.save({"a": Opens()}, file, _use_new_zipfile_serialization=form == "archive")
        torch.load(file, weights_only=False)["a"].close()
    was_here.unlink()  # so it does run where it is let
    with pytest.raises(
        LingyuError, match=r"pytorch_model\.bin: holds something else than tensors .* may run"
    ) as caught:
        import_checkpoint(folder, tmp_path / "made")
    assert "\n" not in str(caught.value)
    assert not was_here.exists()
    assert not (tmp_path / "made").exists()


def test_a_pickle_of_the_old_kind_is_read_and_a_broken_one_is_one_line(tmp_path: Path) -> None:
    folder = checkpoint("backbone", tmp_path / "downloaded")
    file = folder / "pytorch_model.bin"
    tensors = torch.load(file, weights_only=True)
    torch.save(tensors, file, _use_new_zipfile_serialization=False)
    assert not zipfile.is_zipfile(file)
    import_checkpoint(folder, tmp_path / "made")
    torch.save(tensors, file)
    whole = file.read_bytes()
    for broken in (whole[: len(whole) // 2], b"<html>no such model</html>", b""):
        file.write_bytes(broken)
        with pytest.raises(LingyuError, match=r"pytorch_model\.bin: ") as caught:
            import_checkpoint(folder, tmp_path / "another")
        assert "\n" not in str(caught.value)


def test_shards_and_safetensors_are_read_alike(tmp_path: Path) -> None:
    whole = checkpoint("sequence", tmp_path / "whole")
    facts = import_checkpoint(whole, tmp_path / "of-one")
    tensors = torch.load(whole / "pytorch_model.bin", weights_only=True)
    parts = checkpoint("sequence", tmp_path / "parts")
    (parts / "pytorch_model.bin").unlink()
    names = {name: f"pytorch_model-{i % 2 + 1:05}-of-00002.bin" for i, name in enumerate(tensors)}
    for file in set(names.values()):
        torch.save({name: tensors[name] for name in names if names[name] == file}, parts / file)
    (parts / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    sharded = import_checkpoint(parts, tmp_path / "of-parts")
    assert (sharded.weights_fingerprint, len(sharded.files)) == (facts.weights_fingerprint, 2)
    safe = checkpoint("sequence", tmp_path / "safe", lambda _: {"not": torch.zeros(1)})
    save_file(tensors, safe / "model.safetensors")
    assert import_checkpoint(safe, tmp_path / "of-safe").weights_fingerprint == facts.weights_fingerprint


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        ({}, MOODS),
        ({"configuration.json": {"dataset": {"train": {"labels": ["a", "b", "c"]}}}}, ("a", "b", "c")),
        (
            {"label_mapping.json": None, "configuration.json": {"model": {"id2label": {"0": "x", "1": "y", "2": "z"}}}},
            "xyz",
        ),
        (
            {
                "label_mapping.json": None,
                "configuration.json": {"preprocessor": {"label2id": {"x": 2, "y": 0, "z": 1}}},
            },
            "yzx",
        ),
        ({"label_mapping.json": None, "config.json": {"id2label": {"1": "y", "0": "x", "2": "z"}}}, "xyz"),
        ({"label_mapping.json": {"a": 0, "b": 1}}, ()),
        ({"label_mapping.json": None}, ()),
    ],
)
def test_labels_are_those_that_modelscope_would_take(
    files: dict[str, dict[str, object] | None], labels: tuple[str, ...], tmp_path: Path
) -> None:
    folder = checkpoint("sequence", tmp_path / "downloaded")
    for name, change in files.items():
        if change is None:
            (folder / name).unlink()
        elif name == "label_mapping.json":
            (folder / name).write_text(json.dumps(change))
        else:
            (folder / name).write_text(json.dumps(json.loads((folder / name).read_text("utf-8")) | change))
    facts = import_checkpoint(folder, tmp_path / "made")
    assert facts.labels == tuple(labels)
    names = labels or ("LABEL_0", "LABEL_1", "LABEL_2")
    assert AutoConfig.from_pretrained(facts.out).id2label == dict(enumerate(names))
    assert bool(facts.notes) == (not labels)


def test_labels_without_a_number_each_are_one_line(tmp_path: Path) -> None:
    folder = checkpoint("sequence", tmp_path / "downloaded")
    (folder / "label_mapping.json").write_text('{"a": 0, "b": 2, "c": 3}')
    with pytest.raises(LingyuError, match=r"label_mapping\.json: numbers its labels 0, 2, 3\. Number them 0, 1"):
        import_checkpoint(folder, tmp_path / "made")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config.json", '{"model_type": "gpt2"}', "'gpt2' is not known here"),
        ("config.json", '{"hidden_size": 32}', "names no architecture"),
        ("config.json", "[", "is not JSON"),
        ("config.json", '{"model_type": "structbert", "hidden_size": "wide"}', "no model can be built by its config"),
        ("config.json", '{"model_type": "structbert", "auto_map": {"AutoModel": "x.Y"}}', "auto_map"),
        ("config.json", '{"model_type": "bert", "quantization_config": {"bits": 4}}', "is quantized already"),
        ("tokenizer_config.json", "[1]", r"tokenizer_config\.json: is not JSON with names and values"),
        ("config.json", '{"model_type": "structbert", "architectures": 5}', "architectures is no list of names"),
        ("label_mapping.json", '{"a": Infinity, "b": 1, "c": 2}', "holds labels without a number each"),
        ("label_mapping.json", '{"a": NaN, "b": 1, "c": 2}', "holds labels without a number each"),
        ("label_mapping.json", '{"a": null, "b": 1, "c": 2}', "holds labels without a number each"),
        ("label_mapping.json", '{"a": 0.5, "b": 1, "c": 2}', "holds labels without a number each"),
        ("vocab.txt", None, r"holds no vocab\.txt"),
        ("vocab.txt", "\n".join(tiny_vocabulary() + list("ABCDEFGHIJKLMNOPQRSTUVWXYZÀÁÂÃ")), "its tokenizer has"),
        ("pytorch_model.bin", None, "holds neither model.safetensors nor pytorch_model.bin"),
    ],
)
def test_files_that_are_wrong_or_missing_are_one_line(
    name: str, content: str | None, says: str, tmp_path: Path
) -> None:
    folder = checkpoint("sequence", tmp_path / "downloaded")
    (folder / "configuration.json").unlink()
    (folder / name).touch()
    (folder / name).unlink() if content is None else (folder / name).write_text(content, "utf-8")
    with pytest.raises(LingyuError, match=says) as caught:
        import_checkpoint(folder, tmp_path / "bases" / "made")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bases").exists()


def test_a_place_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    folder = checkpoint("backbone", tmp_path / "downloaded")
    import_checkpoint(folder, tmp_path / "made")
    before = (tmp_path / "made" / LINEAGE).stat().st_mtime_ns
    with pytest.raises(LingyuError, match="exists already"):
        import_checkpoint(folder, tmp_path / "made")
    assert (tmp_path / "made" / LINEAGE).stat().st_mtime_ns == before


@pytest.mark.parametrize("model_type", ["bert", "electra", "roberta"])
def test_another_family_that_is_a_pickle_keeps_every_number(model_type: str, tiny_base: Path, tmp_path: Path) -> None:
    shape = {"vocab_size": 180, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    shape |= {"intermediate_size": 64, "embedding_size": 32, "max_position_embeddings": 64}
    model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(model_type, **shape)).eval()
    model.save_pretrained(tmp_path / "safe")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    torch.save(load_file(tmp_path / "safe" / "model.safetensors"), pickled / "pytorch_model.bin")
    for file in (tmp_path / "safe" / "config.json", *tiny_base.glob("*token*"), tiny_base / "vocab.txt"):
        shutil.copyfile(file, pickled / file.name)
    facts = import_checkpoint(pickled, tmp_path / "made")
    assert facts.weights_fingerprint == weights_fingerprint(tmp_path / "safe")
    ids = torch.randint(5, 180, (2, 9))
    with torch.no_grad():
        again = loaded(AutoModelForMaskedLM, facts.out)(input_ids=ids).logits
        torch.testing.assert_close(again, model(input_ids=ids).logits, atol=1e-5, rtol=0)
