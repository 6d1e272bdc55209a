"""What can be chosen by name, each from its recipe to what it leaves: nf4, FGM, rare classes, head, full."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from lingyu.bases import Base, find_base
from lingyu.cli import main as lingyu
from lingyu.cli.train import main as train
from lingyu.lora import load_adapter, read_weights
from lingyu.lora.methods import METHODS
from lingyu.recipe import Recipe
from lingyu.store import ANSWERS, read_answers
from lingyu.training import logits_of

from ..e2e.conftest import Workplace, make_workplace

SHORT = ("train.num_train_epochs=3", "train.eval_strategy=epoch", "train.eval_steps=null", "lora=null")
Trained = Callable[..., Workplace]


@pytest.fixture
def trained(tmp_path: Path, tiny_base_in_blocks: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """trained("method=head"): a workplace in which a short run of it has ended."""

    def run(*overrides: str, rare: int = 0) -> Workplace:
        place = make_workplace(tmp_path / f"work{len(list(tmp_path.iterdir()))}", tiny_base_in_blocks)
        if rare:
            _keep_few(place.folder / "data" / "reviews.csv", rare)
        monkeypatch.chdir(place.folder)
        assert train([str(place.recipe), *SHORT, *overrides]) == 0
        return place

    return run


def _keep_few(file: Path, rows: int) -> None:
    """So many rows of label 1, all of label 0."""
    head, *lines = file.read_text("utf-8").splitlines()
    ones = [line for line in lines if line.startswith("1")][:rows]
    file.write_text("\n".join([head, *(line for line in lines if line.startswith("0")), *ones]) + "\n", "utf-8")


def adapter_of(place: Workplace) -> dict[str, torch.Tensor]:
    return load_file(place.folder / "adapters/tiny/v1/adapter_model.safetensors")


def _at(state: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    return state[name.removeprefix("base_model.model.")]


def metrics_of(place: Workplace) -> dict[str, object]:
    return json.loads((place.folder / "adapters/tiny/v1/metrics.json").read_text("utf-8"))


def predicted(place: Workplace, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert lingyu(["predict", "--adapter", "tiny", "--json", "房间很好", "服务很差"]) == 0
    return [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()]


def test_an_adapter_trained_in_4_bits_is_one_for_the_full_base(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bitsandbytes")
    place = trained("quantization=nf4", "train.num_train_epochs=4", "train.learning_rate=1e-2")
    said = capsys.readouterr().err
    gap = metrics_of(place)["quantization"]
    assert gap["type"] == "nf4"
    assert 0 < gap["largest_logit_difference"] < 1
    assert gap["changed_rows"] <= gap["dev_rows"] == 30
    assert gap["dev_in_full_precision"]["macro_f1"] == metrics_of(place)["dev"]["macro_f1"]
    assert gap["dev_in_4_bits"]["macro_f1"] > 0.8, "nothing was learnt"
    line = f"the logits differ by {gap['largest_logit_difference']:.2g} at most"
    assert line in " ".join(said.split())
    assert line in " ".join((place.folder / "adapters/tiny/v1/README.md").read_text("utf-8").split())
    config = json.loads((place.folder / "adapters/tiny/v1/adapter_config.json").read_text("utf-8"))
    assert "bnb" not in str(config)
    assert predicted(place, capsys) == ["正面", "负面"]
    assert lingyu(["verify", "adapters/tiny/v1"]) == 0


def test_a_head_alone_is_an_adapter_without_lora(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    place = trained("method=head")
    assert {name.removeprefix("base_model.model.") for name in adapter_of(place)} == {
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias",
    }  # fmt: skip
    version = place.folder / "adapters/tiny/v1"
    assert not read_weights(version).lora
    assert "A head without LoRA for the Chinese encoder" in (version / "README.md").read_text("utf-8")
    assert lingyu(["verify", str(version)]) == 0
    assert "no LoRA, head bert.pooler.dense, classifier" in capsys.readouterr().out
    assert len(predicted(place, capsys)) == 2
    base = find_base("./bases/tiny")
    untrained = base.load_classifier(("负面", "正面"), seed=42).model.state_dict()
    changed = [name for name, tensor in adapter_of(place).items() if not torch.equal(tensor, _at(untrained, name))]
    assert len(changed) == 4, "the head was not trained"
    rows = base.encode(["早餐很差"], 32)
    plain = load_adapter(base, ("负面", "正面"), version, seed=5)
    again = load_adapter(base, ("负面", "正面"), version, seed=6)
    assert torch.equal(logits_of(plain, rows, pad_token_id=0), logits_of(again, rows, pad_token_id=0))


def test_a_model_trained_whole_stays_in_its_run(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    place = trained("method=full", "train.layerwise_lr_decay=0.9", "train.learning_rate=2e-3")
    said = capsys.readouterr()
    out = " ".join(said.out.split())
    assert "it is no adapter; nothing is published" in out
    assert "model" in out.partition("TF-IDF")[0], "the table's column"
    assert out.count("adapter") == 1
    assert "Loading weights" not in said.err
    assert "Writing model" not in said.err
    assert not (place.folder / "adapters").exists()
    (run,) = place.runs()
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    assert metrics["test"]["accuracy"]["value"] > 0.8
    answers = read_answers(run / ANSWERS)
    assert (answers.logits.argmax(axis=1) == answers.labels).mean() == metrics["test"]["accuracy"]["value"]
    assert (run / "curves.png").stat().st_size
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(run / "model").eval()
    ids = AutoTokenizer.from_pretrained(run / "model")("房间很好", return_tensors="pt")
    with torch.no_grad():
        assert model.config.id2label[int(model(**ids).logits.argmax())] == "正面"
    assert str(place.folder) not in (run / "model" / "config.json").read_text("utf-8")
    own = find_base("./bases/tiny").encoder_weights()["embeddings.word_embeddings.weight"]
    assert not torch.equal(model.get_input_embeddings().weight, own), "the embeddings were not trained"


def test_a_norm_within_the_head_learns_at_the_heads_rate(tmp_path: Path) -> None:
    """ModernBERT's, which no base brings: it is not saved where it is 1 and 0, and trained with the head."""
    config = AutoConfig.for_model(
        "modernbert", vocab_size=10, hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2,
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_config(config)
    data = {"train": "t.csv", "labels": {"0": "负面", "1": "正面"}}
    way = {"method": "full", "train": {"layerwise_lr_decay": 0.5}}
    recipe = Recipe.model_validate({"name": "a", "task": "single_label", "data": data, **way})
    factor = METHODS["full"].rate_factor(model, Base("modern", None, tmp_path), recipe)
    rates = {name: factor(name) for name, _ in model.named_parameters() if name.startswith(("head", "classifier"))}
    assert "head.norm.weight" in rates
    assert set(rates.values()) == {1.0}


@pytest.mark.slow
def test_fgm_trains_something_else_than_the_plain_run(trained: Trained) -> None:
    plain, adversarial = trained(), trained("train.fgm_epsilon=0.5")
    one, other = adapter_of(plain), adapter_of(adversarial)
    assert one.keys() == other.keys()
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_copies_of_rare_rows_are_counted_and_no_rows_of_the_split(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = trained(rare=20)
    augmented = trained("data.augment={}", rare=20)
    said = " ".join(capsys.readouterr().err.split())
    manifests = [
        json.loads((place.folder / "adapters/tiny/v1/lingyu.json").read_text("utf-8")) for place in (plain, augmented)
    ]
    assert manifests[0]["data"] == manifests[1]["data"], "copies were counted as rows"
    rows = 16  # of 20, two went to dev and two to test
    copies = min(4 * rows, manifests[0]["data"]["train"]["rows"] // 2 - rows)
    note = f"changed copies of rows of rare labels, in training alone: {copies} an epoch (正面 {copies})"
    assert note in said
    assert note in (augmented.folder / "adapters/tiny/v1/README.md").read_text("utf-8")
