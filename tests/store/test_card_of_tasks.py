"""The card of each task: what it gives, how it is called, and figures of its kind."""

from dataclasses import replace

import pytest

from lingyu.store import BaseRecord, CardFacts, PartRecord, VersionFacts, render_card
from lingyu.tasks import Calibration


def interval(value):
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


def metrics(figures, difference=0.1, **of_test):
    """All figures of the adapter at 0.7, of the baseline at 0.6."""
    return {
        "test": {"rows": 200, **dict.fromkeys(figures, interval(0.7)), **of_test},
        "baseline": {"name": "TF-IDF", **dict.fromkeys(figures, interval(0.6))},
        "versus_baseline": dict.fromkeys(figures, interval(difference)),
        "trivial": {"name": "no entity", **dict.fromkeys(figures, interval(0.1))},
        "alarms": [],
    }


def of_label(precision, recall, f1, support):
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def card(task, labels, document, *, pictures=(), calibration=None, text_pair=False):
    facts = VersionFacts(
        task=task,
        labels=labels,
        max_length=64,
        base=BaseRecord(id="embedded", weights_fingerprint="1" * 64, tokenizer_fingerprint="2" * 64),
        calibration=calibration or Calibration(),
        data={"test": PartRecord(rows=200, fingerprint="a" * 64)},
        text_pair=text_pair,
    )
    return CardFacts("hotel", "v1", facts, document, pictures=pictures)


def test_multi_label_has_a_line_a_label_with_its_threshold():
    per_class = {"动力": of_label(0.8, 0.7, 0.747, 90), "油耗|新": of_label(0.5, 0.4, 0.444, 20)}
    document = metrics(("micro_f1", "macro_f1", "exact_match"), per_class=per_class)
    facts = card("multi_label", ("动力", "油耗|新"), document, calibration=Calibration(thresholds=(0.5, 0.314)))
    page = render_card(facts)
    assert "It gives a text any number of 2 labels, none among them." in page
    head = "| | test texts | macro-F1 (95 % interval) | micro-F1 (95 % interval) | exact match (95 % interval) |"
    assert head in page.replace("|  |", "| |")
    assert "| TF-IDF | 200 | 0.600 (0.580 to 0.620) | 0.600" in page
    assert "| no entity | 200 |" in page
    assert "**The encoder earns its keep:** +10.0 points of macro-F1 over TF-IDF" in page
    assert "| label | in the test | precision | recall | F1 | threshold |" in page
    assert "| 动力 | 90 | 0.800 | 0.700 | 0.747 | 0.500 |" in page
    assert "| 油耗\\|新 | 20 | 0.500 | 0.400 | 0.444 | 0.314 |" in page
    assert "not calibrated" not in page


def test_token_has_a_line_a_kind_of_entity_and_its_own_head():
    document = metrics(("span_f1", "precision", "recall"), per_class={"品牌": of_label(0.8, 0.6, 0.686, 40)})
    page = render_card(card("token", ("品牌", "产品"), document))
    assert "pipeline_tag: token-classification" in page
    assert "It finds the entities of a text, of 2 kinds." in page
    assert "AutoModelForTokenClassification.from_pretrained(base, num_labels=5)" in page
    assert "Kinds: 品牌, 产品." in page
    assert "| 1 | B-品牌 |" in page
    assert "| entities | in the test | precision | recall | F1 |" in page
    assert "| 品牌 | 40 | 0.800 | 0.600 | 0.686 |" in page
    assert "threshold" not in page


def test_ordinal_has_its_confusion_and_the_column_that_says_most_alone():
    document = metrics(
        ("qwk", "mae", "accuracy", "macro_f1"), difference=0.021, confusion=[[90, 9, 1], [5, 40, 5], [0, 1, 1049]]
    )
    document["column_baseline"] = {"name": "film alone", **dict.fromkeys(("qwk", "mae"), interval(0.65))}
    document["versus_column_baseline"] = dict.fromkeys(("qwk", "mae"), interval(-0.05))
    document["test_without_leaks"] = {**document["test"], "rows": 150}
    document["column_baseline"]["test_without_leaks"] = dict.fromkeys(("qwk", "mae"), interval(0.63))
    page = render_card(card("ordinal", ("1星", "2星", "3星"), document, pictures=("curves.png", "confusion.png")))
    assert "It gives a text one of the 3 steps of a scale." in page
    assert "In order: 1星, 2星, 3星." in page
    assert "| 0 | &gt;1星 |" in page
    assert "num_labels=2)" in page
    assert "| QWK (95 % interval) | MAE (95 % interval) |" in page
    assert "**The encoder earns its keep:** +0.021 of QWK over TF-IDF (95 % interval +0.001 to +0.041)." in page
    assert "**The encoder does not earn its keep, film alone is better:** -0.050 of QWK over film alone" in page
    assert "| film alone | 200 | 0.650 (0.630 to 0.670) | 0.650 (0.630 to 0.670) |  |  |" in page
    assert "| film alone, without texts that stand in train | 150 | 0.630 (0.610 to 0.650) |" in page
    assert "| 3星 | 0 | 1 | 1,049 |" in page
    assert "![confusion.png](confusion.png)" in page


def test_regression_has_a_scatter_and_no_labels():
    page = render_card(
        card("regression", (), metrics(("pearson", "mae", "rmse")), pictures=("curves.png", "scatter.png"))
    )
    assert "It gives a text a number." in page
    assert "| 0 | value |" in page
    assert "| Pearson r (95 % interval) | MAE (95 % interval) | RMSE (95 % interval) |" in page
    assert "![scatter.png](scatter.png)" in page
    assert "confusion" not in page
    assert "+0.100 of Pearson r over TF-IDF" in page
    assert "MAE: the mean error, in the unit of the data or in steps of the scale; RMSE: the root of" in page


def test_preference_is_accuracy_beside_a_coin_and_reads_two_texts():
    document = metrics(("accuracy",))
    document["trivial"] = {"name": "a coin", "accuracy": {"value": 0.5, "low": 0.5, "high": 0.5}}
    page = render_card(card("preference", (), document, text_pair=True))
    assert "It gives a reply to a context a score" in page
    assert "| a coin | 200 | 0.500 (0.500 to 0.500) |" in page
    assert "| | test pairs | accuracy (95 % interval) |" in page.replace("|  |", "| |")
    assert "lingyu predict --adapter hotel@v1 这里写上文 --pair 这里写回复" in page
    assert 'classify(["这里写上文"] * 2, text_pairs=["一个回复", "另一个回复"], tenants="hotel@v1")' in page
    assert "print([answer.answer.score for answer in answers])" in page
    assert "of longer ones the longer text is cut at its beginning." in page
    assert 'and a tokenizer with `truncation_side="left"`' in page


def test_two_texts_are_said_of_any_task():
    page = render_card(card("single_label", ("差", "好"), metrics(("accuracy", "macro_f1"), ece=0.03), text_pair=True))
    assert "It gives two texts, read together, one of 2 labels." in page
    assert "Both together are read up to 64 tokens; of longer ones the longer text is cut at its end." in page
    assert "lingyu predict --adapter hotel@v1 这里写一句话 --pair 第二句话" in page
    assert "print([answer.label for answer in answers])" in page
    assert "`tokenizer(text, text_pair, truncation=True, max_length=64)`." in page


def test_a_head_alone_is_not_called_an_adapter_of_lora():
    facts = card("single_label", ("差", "好"), metrics(("accuracy", "macro_f1"), ece=0.03))
    page = render_card(replace(facts, facts=facts.facts.model_copy(update={"method": "head"})))
    assert "A head without LoRA for the Chinese encoder embedded." in page
    assert "LoRA adapter" not in page
    assert "- lora" not in page
    assert "- lora" in render_card(facts)


@pytest.mark.parametrize(
    ("accuracy", "macro_f1", "says"),
    [
        (0.045, 0.04, "**The encoder earns its keep:** +4.5 points of accuracy over TF-IDF (95 % interval"),
        (
            0.01,
            0.04,
            "**The encoder earns its keep:** +4.0 points of macro-F1 over TF-IDF (95 % interval +2.0 to +6.0). "
            "By accuracy that is open: +1.0 points (95 % interval -1.0 to +3.0).",
        ),
        (
            0.045,
            -0.094,
            "**Whether the encoder earns its keep is mixed:** -9.4 points of macro-F1 over TF-IDF "
            "(95 % interval -11.4 to -7.4). By accuracy it is better: +4.5 points (95 % interval +2.5 to",
        ),
        (0.045, 0.0, "**Whether the encoder earns its keep is open:** +0.0 points of macro-F1 over TF-IDF "),
        (-0.045, -0.04, "**The encoder does not earn its keep, TF-IDF is better:** -4.5 points of accuracy over"),
    ],
)
def test_macro_f1_judges_and_accuracy_is_told_where_it_says_otherwise(accuracy, macro_f1, says):
    document = metrics(("accuracy", "macro_f1"), ece=0.03)
    document["versus_baseline"] = {"accuracy": interval(accuracy), "macro_f1": interval(macro_f1)}
    assert says in render_card(card("single_label", ("差", "好"), document))


@pytest.mark.parametrize("task", ["multi_label", "token", "ordinal", "regression", "preference"])
def test_a_card_of_every_task_without_scores_is_rendered(task):
    labels = () if task in ("regression", "preference") else ("差", "好")
    page = render_card(replace(card(task, labels, None)))
    assert "No scores are known." in page
    assert "None" not in page
