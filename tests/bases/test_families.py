"""What the table of families says, held against the models of transformers and the page about bases."""

import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, BertModel

from lingyu.bases import FAMILIES, Classifier, find_base, masked_lm_of
from lingyu.errors import LingyuError
from lingyu.lora.attaching import attach_lora
from lingyu.lora.saving import load_adapter, save_adapter
from lingyu.recipe import Lora

from ..tiny_families import SHIPPED, write_family

TAGS = ("O", "B-品牌", "I-品牌")
TEXTS = ("酒店房间很干净，下次还来", "早餐差")


@pytest.mark.parametrize("family", SHIPPED)
def test_a_token_head_is_saved_whole_and_read_back_by_plain_peft(family: str, tmp_path: Path) -> None:
    """Under another seed, so that a weight that was left out would show."""
    base = find_base(str(write_family(tmp_path / "base", family)))
    classifier = base.load_classifier(TAGS, head="token")
    lora = Lora(r=2, lora_alpha=4.0)
    adapted = attach_lora(classifier, base, lora).eval()
    torch.manual_seed(1)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)
    save_adapter(adapted, base, lora, tmp_path / "adapter", initial=None)

    torch.manual_seed(99)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = AutoModelForTokenClassification.from_pretrained(base.folder, num_labels=len(TAGS))
        reloaded = PeftModel.from_pretrained(plain, str(tmp_path / "adapter")).eval()
    for ids in base.encode(TEXTS, 32).input_ids:
        with torch.inference_mode():
            ours, theirs = (model(input_ids=torch.tensor([ids])).logits for model in (adapted, reloaded))
        assert ours.shape == (1, len(ids), len(TAGS))
        assert torch.allclose(ours, theirs, atol=1e-6)
        assert ours.abs().max() > 0.1


@pytest.mark.parametrize("family", SHIPPED)
@pytest.mark.parametrize("head", ["row", "token"])
def test_every_linear_has_lora_or_is_the_head(family: str, head: str, tmp_path: Path) -> None:
    base = find_base(str(write_family(tmp_path / "base", family)))
    adapted = attach_lora(base.load_classifier(TAGS, head=head), base, Lora())
    trained = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    of_head = {name for name in trained if ".modules_to_save." in name}
    with_lora = {name.partition(".lora_")[0] for name in trained - of_head}
    linears = {name for name, module in adapted.named_modules() if hasattr(module, "lora_A")}
    assert with_lora == linears
    assert len({name.partition(".modules_to_save.")[0] for name in of_head}) == len(base.family.head_of(head))
    inner = adapted.base_model.model
    bare = {name for name, module in inner.named_modules() if type(module) is torch.nn.Linear}
    assert all(re.search(r"\.(base_layer|lora_[AB]|original_module|modules_to_save)", name) for name in bare)


# ModernBERT's head, a part of which comes from the base


def without_head(folder: Path) -> Path:
    """As ModernBertModel saves it: the encoder alone."""
    tensors = load_file(folder / "model.safetensors")
    own = {name: tensor for name, tensor in tensors.items() if name.startswith("model.")}
    assert len(own) < len(tensors)
    save_file(own, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_norm_of_the_head_comes_from_the_base_or_is_one(tmp_path: Path) -> None:
    whole = find_base(str(write_family(tmp_path / "whole", "ModernBERT")))
    bare = find_base(str(without_head(write_family(tmp_path / "bare", "ModernBERT"))))
    stored = load_file(whole.folder / "model.safetensors")
    assert head_of(whole.load_classifier(TAGS))["norm.weight"].equal(stored["head.norm.weight"])
    assert head_of(whole.load_classifier(TAGS))["dense.weight"].equal(stored["head.dense.weight"])
    assert whole.load_classifier(TAGS).fresh == {"classifier.weight", "classifier.bias"}
    classifier = bare.load_classifier(TAGS)
    assert head_of(classifier)["norm.weight"].equal(torch.ones(32))
    assert classifier.fresh == {"head.dense.weight", "classifier.weight", "classifier.bias"}
    assert whole.weights_fingerprint != bare.weights_fingerprint


def head_of(classifier: Classifier) -> dict[str, torch.Tensor]:
    head = classifier.model.get_submodule("head")
    return {name: parameter.detach() for name, parameter in head.named_parameters()}


def test_an_adapter_on_an_encoder_without_a_head_is_whole(tmp_path: Path) -> None:
    base = find_base(str(without_head(write_family(tmp_path / "bare", "ModernBERT"))))
    lora = Lora()
    adapted = attach_lora(base.load_classifier(TAGS, seed=1), base, lora).eval()
    save_adapter(adapted, base, lora, tmp_path / "adapter", initial=None)
    reloaded = load_adapter(base, TAGS, tmp_path / "adapter", seed=2)
    ids = torch.tensor(base.encode(TEXTS[:1], 32).input_ids)
    with torch.inference_mode():
        assert torch.equal(adapted(input_ids=ids).logits, reloaded(input_ids=ids).logits)


# A real vocabulary


def test_a_real_vocabulary_with_its_special_tokens_at_100_and_a_config_of_one_label(
    shared_data: Path, tmp_path: Path
) -> None:
    """BAAI/bge-small-zh-v1.5 as it is published, its weights but for its width."""
    folder = tmp_path / "base"
    shutil.copytree(shared_data.parent / "weights/layouts/bge-small-zh-v1.5", folder)
    config = AutoConfig.from_pretrained(folder, hidden_size=32, num_attention_heads=2, intermediate_size=64)
    assert config.num_labels == 1
    BertModel(config).save_pretrained(folder)
    base = find_base(str(folder))
    assert base.max_length == 512
    assert len(base.word_pieces) == 21128
    (ids,) = base.encode(["酒店[MASK]"], 32).input_ids
    assert (ids[0], ids[-1], base.tokenizer.pad_token_id) == (101, 102, 0)
    assert base.tokenizer.mask_token_id == 103
    assert 103 not in ids
    for head in ("row", "token"):
        classifier = base.load_classifier(TAGS, head=head)
        assert classifier.model.config.id2label == dict(enumerate(TAGS))
        assert classifier.model.get_submodule("classifier").out_features == len(TAGS)
        assert classifier.fresh == {"classifier.weight", "classifier.bias"}


# RoFormer's tokenizer


def test_roformer_finds_the_words_of_its_vocabulary_in_a_bare_vocab_txt(tmp_path: Path) -> None:
    """transformers alone looks for them in the file's name (5.23), and its own saved form then reads otherwise."""
    base = find_base(str(write_family(tmp_path / "base", "RoFormer")))
    assert base.tokenizer.tokenize("酒店的早餐很好") == ["酒店", "的", "早餐", "很", "好"]
    base.load_tokenizer().save_pretrained(tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").tokenize("酒店的早餐") == ["酒店", "的", "早餐"]


def test_roformer_without_rjieba_is_one_line_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = find_base(str(write_family(tmp_path / "base", "RoFormer")))
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(LingyuError, match=r"rjieba.*lingyu\[dapt\]"):
        _ = base.tokenizer


# The page


def rows_of_the_page(repo: Path, heading: str) -> dict[str, list[str]]:
    """First cell -> the others, of the first table after a heading of docs/bases.md."""
    _, _, rest = (repo / "docs/bases.md").read_text("utf-8").partition(f"\n## {heading}\n")
    assert rest, f"docs/bases.md has no heading {heading!r}"
    rows = []
    for line in rest.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
        elif rows:
            break
    return {first: others for first, *others in rows[2:]}


def test_the_page_has_a_row_for_every_family_that_is_run(repo: Path) -> None:
    assert list(rows_of_the_page(repo, "What was run")) == list(SHIPPED)


def test_the_page_says_where_lora_and_head_are_as_the_table_does(repo: Path, tmp_path: Path) -> None:
    rows = rows_of_the_page(repo, "Where LoRA goes, and the head")
    assert set(rows) == set(FAMILIES) == {shipped.model_type for shipped in SHIPPED.values()} | {"roberta"}
    for model_type, (targets, head, token_head, *_) in rows.items():
        family = FAMILIES[model_type]
        assert tuple(head.split(", ")) == family.head
        assert tuple(token_head.split(", ")) == family.token_head
        shipped = [name for name, shipped in SHIPPED.items() if shipped.model_type == model_type]
        if shipped:
            base = find_base(str(write_family(tmp_path / model_type, shipped[0])))
            adapted = attach_lora(base.load_classifier(TAGS), base, Lora())
            assert set(targets.split(", ")) == adapted.peft_config["default"].target_modules


def test_the_page_says_what_is_refused(repo: Path) -> None:
    run = rows_of_the_page(repo, "What was run")
    for name, shipped in SHIPPED.items():
        family = FAMILIES[shipped.model_type]
        *_, mixed, _merge, _onnx, _openvino, masked_lm, _token = run[name]
        assert mixed.startswith("one forward") == family.mixes_rows, name
        assert (masked_lm == "yes") == (family.masked_lm is not None), name


def test_what_the_page_quotes_of_refusals_is_what_is_said(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bases").mkdir()
    said = {asked: line for asked, (line,) in rows_of_the_page(repo, "What is refused").items()}

    def one_line(act: Callable[[], object]) -> str:
        with pytest.raises(LingyuError) as caught:
            act()
        return str(caught.value)

    (write_family(Path("bases/albert"), "BERT") / "config.json").write_text('{"model_type": "albert"}', "utf-8")
    assert one_line(lambda: find_base("./bases/albert")) == said.pop("another family")

    families = ("RoFormer", "DeBERTa-v2", "MegatronBERT", "ModernBERT")
    line = said.pop(f"dapt.py on {', '.join(families)}")
    for name in families:
        model_type = SHIPPED[name].model_type
        found = one_line(lambda asked=model_type: masked_lm_of(asked, "./bases/x"))
        assert found == line.replace("roformer'", f"{model_type}'")

    base = find_base(str(write_family(Path("bases/roformer"), "RoFormer")))
    monkeypatch.setitem(sys.modules, "rjieba", None)
    assert one_line(lambda: base.tokenizer) == said.pop("RoFormer without rjieba")

    file = write_family(Path("bases/x"), "BERT") / "model.safetensors"
    weights = {key: tensor for key, tensor in load_file(file).items() if "layer.0.output.dense.weight" not in key}
    save_file(weights, file, {"format": "pt"})
    incomplete = find_base("./bases/x")
    line = said.pop("a base that lacks weights that no adapter would save")
    assert one_line(lambda: attach_lora(incomplete.load_classifier(TAGS), incomplete, Lora())) == line
    assert not said
