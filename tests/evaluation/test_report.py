"""What metrics.json says, on answers whose figures are known by construction."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from lingyu import evaluation
from lingyu.evaluation import Answers, Baseline, evaluate_answers, judgement, majority_baseline, table_of, verdict

NAMES = ("负面", "正面")
TRAIN = np.array([0] * 30 + [1] * 70)


def logits_for(predictions, margin=2.0, classes=2):
    return np.eye(classes)[predictions] * margin


def some_wrong(labels, wrong):
    """The labels with the first `wrong` rows of each turned over."""
    predictions = labels.copy()
    for label in (0, 1):
        predictions[np.flatnonzero(labels == label)[:wrong]] = 1 - label
    return predictions


LABELS = np.tile([0, 1, 1, 1], 100)


def report(ours, theirs, labels=LABELS, leaked=None):
    leaked = np.zeros(len(labels), dtype=bool) if leaked is None else leaked
    answers = Answers(NAMES, logits_for(ours), labels, leaked)
    rival = Baseline("TF-IDF", theirs, np.eye(2)[theirs])
    return evaluate_answers(answers, rival, majority_baseline(TRAIN, len(labels), 2), seed=0)


def printed(found):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table_of(found))
    return console.export_text()


def test_report_holds_the_figures_of_the_test():
    found = report(some_wrong(LABELS, 20), some_wrong(LABELS, 60))
    test = found["test"]
    assert test["rows"] == 400
    assert test["accuracy"]["value"] == pytest.approx(0.9)
    assert test["accuracy"]["low"] < 0.9 < test["accuracy"]["high"]
    assert test["confusion"] == [[80, 20], [20, 280]]
    assert test["per_class"]["负面"] == pytest.approx({"precision": 0.8, "recall": 0.8, "f1": 0.8, "support": 100})
    assert test["macro_f1"]["value"] == pytest.approx((0.8 + 280 / 300) / 2)
    confidence = np.exp(2) / (np.exp(2) + 1)
    assert test["ece"] == pytest.approx(abs(0.9 - confidence))
    assert found["baseline"]["name"] == "TF-IDF"
    assert found["baseline"]["accuracy"]["value"] == pytest.approx(0.7)
    assert found["versus_baseline"]["accuracy"]["value"] == pytest.approx(0.2)
    assert found["versus_baseline"]["mcnemar_p"] < 1e-6
    assert found["majority"]["accuracy"]["value"] == pytest.approx(0.75)
    assert found["alarms"] == []
    assert "test_without_leaks" not in found
    assert json.loads(json.dumps(found)) == found


def test_temperature_changes_the_calibration_error_and_nothing_else():
    cool = Answers(NAMES, logits_for(some_wrong(LABELS, 20), 4.0), LABELS, np.zeros(400, dtype=bool), 2.0)
    rival = majority_baseline(TRAIN, 400, 2)
    found = evaluate_answers(cool, rival, rival, seed=0)
    assert found["test"]["ece"] == pytest.approx(abs(0.9 - np.exp(2) / (np.exp(2) + 1)))
    assert found["test"]["accuracy"]["value"] == pytest.approx(0.9)


def test_leaked_rows_are_measured_apart():
    leaked = np.arange(400) < 160
    ours = np.where(leaked, LABELS, some_wrong(LABELS, 100))  # the leaked rows are known by heart
    theirs = some_wrong(LABELS, 40)
    found = report(ours, theirs, leaked=leaked)
    alone = report(ours[~leaked], theirs[~leaked], LABELS[~leaked])
    without = found["test_without_leaks"]
    assert without["rows"] == 240
    assert without["accuracy"] == alone["test"]["accuracy"]
    assert without["accuracy"]["value"] < found["test"]["accuracy"]["value"]
    assert "confusion" not in without
    assert found["baseline"]["test_without_leaks"]["macro_f1"] == alone["baseline"]["macro_f1"]
    assert found["versus_baseline"]["test_without_leaks"]["accuracy"] == alone["versus_baseline"]["accuracy"]
    assert "without leaks" in verdict(found)
    assert judgement(found) == judgement(alone)


def test_a_test_that_stands_in_train_whole_is_an_alarm():
    found = report(LABELS, LABELS, leaked=np.ones(400, dtype=bool))
    assert found["alarms"] == ["every test text stands in train, so the test proves nothing"]
    assert "test_without_leaks" not in found


def test_one_answer_to_everything_is_an_alarm():
    found = report(np.ones(400, dtype=np.int64), LABELS)
    assert found["alarms"] == [
        "the model answers 正面 to every test text",
        "the model does not beat always answering 正面: accuracy +0.0 points [0.0, 0.0] against that",
    ]


def test_no_gain_over_the_majority_is_an_alarm_even_where_answers_differ():
    found = report(some_wrong(LABELS, 50), LABELS)
    assert len(found["alarms"]) == 1
    assert "does not beat always answering 正面" in found["alarms"][0]


@pytest.mark.parametrize(
    ("ours", "theirs", "judged", "opening"),
    [
        (20, 60, "better", "Better than TF-IDF: accuracy +20.0 points ["),
        (60, 20, "worse", "Worse than TF-IDF: accuracy -20.0 points ["),
        (20, 20, "noise", "Neither better nor worse than TF-IDF, the difference is noise: accuracy +0.0 points ["),
    ],
)
def test_verdict_is_one_sentence(ours, theirs, judged, opening):
    found = report(some_wrong(LABELS, ours), some_wrong(LABELS, theirs))
    assert judgement(found) == judged
    assert verdict(found).startswith(opening)
    assert verdict(found).endswith("].")
    assert "\n" not in verdict(found)


def test_verdict_tells_where_macro_f1_judges_otherwise():
    ours = np.ones_like(LABELS)  # the rare label is lost
    theirs = LABELS.copy()
    theirs[np.flatnonzero(LABELS == 1)[:100]] = 0  # as many rows wrong, but of the frequent label
    found = report(ours, theirs)
    assert judgement(found) == "noise"
    assert verdict(found).endswith("] (worse).")


def test_table_shows_model_and_baselines_with_their_intervals():
    found = report(some_wrong(LABELS, 20), some_wrong(LABELS, 60), leaked=np.arange(400) < 100)
    lines = printed(found).splitlines()
    assert "…" not in "".join(lines), "cut on a terminal of 80 columns"
    adapter = next(line for line in lines if "adapter " in line)
    accuracy = found["test"]["accuracy"]
    assert f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]" in adapter
    assert f"{found['test']['ece']:.3f}" in adapter
    for name, rows in (
        ("TF-IDF", 400),
        ("majority", 400),
        ("adapter, no leaks", 300),
        ("TF-IDF, no leaks", 300),
    ):
        assert any(name in line and f" {rows} " in line for line in lines), name


def test_public_names_are_those_of_all():
    assert sorted(evaluation.__all__) == evaluation.__all__
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
