"""Adapters of every task, of one text or two, merged and as graphs: as they answer in plain PEFT on their base."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from lingyu.errors import LingyuError
from lingyu.release import Graph, combine, export_graph, merge, verify_graph, verify_merged
from lingyu.serving import load
from lingyu.store import Store, Version
from lingyu.text import Encoded

from ..serving.every_task import ADAPTERS, store_of_every_task
from ..serving.random_adapters import logits_by_plain_peft

TEXTS = ("房间很干净，下次还来", "早餐差", "物流快，书便宜" * 6)
PAIR = "服务态度，推荐"
PROBLEM_TYPES = {
    "hotel": "single_label_classification",
    "restaurant": "single_label_classification",
    "aspects": "multi_label_classification",
    "slots": None,
    "stars": "multi_label_classification",
    "price": "regression",
    "replies": "regression",
}


@pytest.fixture(scope="module")
def store(tiny_base: Path) -> Store:
    return Store(store_of_every_task(tiny_base))


def pairs_of(name: str) -> list[str] | None:
    return [PAIR] * len(TEXTS) if ADAPTERS[name].text_pair else None


def by_plain_peft(version: Version, base: Path, tokenizer: object) -> list[torch.Tensor]:
    batch = tokenizer(list(TEXTS), pairs_of(version.manifest.name), truncation=True)
    rows = Encoded(batch["input_ids"], [False] * len(TEXTS), batch["token_type_ids"])
    return logits_by_plain_peft(version.folder, base, rows)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROBLEM_TYPES)
def test_every_task_merges_to_what_transformers_alone_answers(
    name: str, store: Store, tiny_base: Path, tmp_path: Path
) -> None:
    version, task = store.open(name), ADAPTERS[name].answers
    merged = merge(version, tmp_path / "merged")
    auto = AutoModelForSequenceClassification if task.head == "row" else AutoModelForTokenClassification
    model, tokenizer = auto.from_pretrained(tmp_path / "merged"), AutoTokenizer.from_pretrained(tmp_path / "merged")
    for text, expected in zip(TEXTS, by_plain_peft(version, tiny_base, tokenizer), strict=True):
        pair = PAIR if ADAPTERS[name].text_pair else None
        with torch.no_grad():
            (logits,) = model(**tokenizer(text, pair, truncation=True, return_tensors="pt")).logits
        assert (logits - expected).abs().max() < 1e-5
    assert tuple(model.config.id2label.values()) == task.output_names
    assert model.config.problem_type == PROBLEM_TYPES[name]
    assert merged.certificate.text_pair == ADAPTERS[name].text_pair
    assert merged.certificate.gate.largest_difference < 1e-5
    assert verify_merged(tmp_path / "merged") == merged.certificate


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("restaurant", 'classify({"text": "这里写一句话", "text_pair": "这里写另一句话"}, truncation=True)'),
        ("aspects", "A label is given from its own probability on, in their order: 0.4000, 0.5000, 0.6000, 0.5000."),
        ("slots", 'pipeline("token-classification", "this folder", aggregation_strategy="simple")'),
        ("slots", "\n- The pipeline cuts a text at 32 tokens, as in training."),
        ("stars", "It gives a text one of the 5 steps of a scale."),
        ("price", "The number is 120.5 + 30 times the logit."),
        ("replies", "The logit is the score. A score says nothing alone"),
    ],
)
def test_the_page_of_a_merged_model_says_what_becomes_of_its_logits(
    name: str, says: str, store: Store, tmp_path: Path
) -> None:
    merge(store.open(name), tmp_path / "merged", texts=TEXTS)
    assert says in (tmp_path / "merged/README.md").read_text("utf-8")


def assert_answers_as_torch(graph: Path, version: Version) -> None:
    pairs = pairs_of(version.manifest.name)
    ours = Graph.load(graph).classify(TEXTS, text_pairs=pairs)
    theirs = load(version).classify(TEXTS, text_pairs=pairs)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.text, one.text_pair, one.version) == (other.text, other.text_pair, other.version)
        found, expected = one.answer.as_json(), other.answer.as_json()
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert found[key] == (pytest.approx(value, rel=1e-4) if isinstance(value, float | dict) else value)
    assert verify_graph(graph).answers_as_made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "runtime"), [("restaurant", "onnx"), ("aspects", "onnx"), ("stars", "openvino"), ("price", "onnx"),
                          ("replies", "onnx")],
)  # fmt: skip
def test_a_graph_answers_tasks_of_rows_as_torch_does(name: str, runtime: str, store: Store, tmp_path: Path) -> None:
    exported = export_graph(store.open(name), tmp_path / "graph", runtime=runtime, texts=TEXTS)
    assert exported.manifest.text_pair == exported.manifest.token_type_ids == ADAPTERS[name].text_pair
    assert_answers_as_torch(tmp_path / "graph", store.open(name))


def test_a_graph_of_two_texts_takes_two_and_answers_as_torch_does(store: Store, tmp_path: Path) -> None:
    export_graph(store.open("restaurant"), tmp_path / "graph", runtime="openvino", texts=TEXTS)
    assert_answers_as_torch(tmp_path / "graph", store.open("restaurant"))
    graph = Graph.load(tmp_path / "graph")
    with pytest.raises(LingyuError, match=r"restaurant@v1 reads two texts, and here is one\. Give the second one"):
        graph.classify(["好"])
    with pytest.raises(LingyuError, match="1 texts but 2 second texts"):
        graph.classify(["好"], text_pairs=["好", "差"])
    (failed,) = graph.classify(["好"], text_pairs=[" "])
    assert failed.error.what == "the second text is empty"
    page = (tmp_path / "graph/README.md").read_text("utf-8")
    assert "inputs `input_ids`, `attention_mask`, `token_type_ids`, int64" in page
    assert 'classify(["这里写一句话"], text_pairs=["这里写另一句话"])' in page
    one, two = (graph.classify(["好吃"], text_pairs=[pair])[0].probability for pair in ("服务", "住前台"))
    assert np.abs(one - two) > 1e-4


@pytest.mark.parametrize(
    ("name", "int8", "says"),
    [
        (
            "slots",
            False,
            "slots@v1: is for the task token; graphs are written of tasks that give a text one answer. "
            "Merge it instead, and serve that with torch: python merge.py {store}/slots/v1 --out merged/slots",
        ),
        ("price", True, "price@v1: is for the task regression; an int8 graph is judged by its labels"),
    ],
)
def test_what_no_graph_is_written_of_is_told_before_anything_is(
    name: str, int8: bool, says: str, store: Store, nowhere: Path
) -> None:
    with pytest.raises(LingyuError) as caught:
        export_graph(store.open(name), nowhere, runtime="onnx", int8=int8)
    assert str(caught.value).startswith(says.format(store=store.root))
    assert not nowhere.parent.exists()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("aspects@v1", "aspects@v2"), "aspects@v1: is for the task multi_label; only single_label is combined"),
        (("restaurant@v1", "restaurant@v2"), "restaurant@v1: reads two texts; only adapters of one are combined"),
    ],
)
def test_what_is_not_averaged_is_refused_by_name(names: tuple[str, ...], says: str, store: Store) -> None:
    with pytest.raises(LingyuError) as caught:
        combine([store.open(name) for name in names], store.root, "both")
    assert str(caught.value).startswith(says)
    assert "both" not in store.adapters()
