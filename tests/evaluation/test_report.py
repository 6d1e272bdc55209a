"""What metrics.json says, on answers whose figures are known by construction."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import cohen_kappa_score, f1_score, mean_absolute_error, precision_recall_fscore_support

from lingyu import evaluation
from lingyu.evaluation import (
    Answers,
    Baseline,
    Baselines,
    Inputs,
    evaluate_answers,
    majority_baseline,
    pictures_of,
    table_of,
    tfidf_baseline,
    verdict,
)
from lingyu.evaluation.report import judgement
from lingyu.recipe import load_recipe
from lingyu.store import Store, read_answers
from lingyu.tasks import IGNORED, Calibration, MultiLabel, Ordinal, Preference, Regression, SingleLabel, Token

NAMES = ("负面", "正面")
TASK = SingleLabel(NAMES)
TRAIN = np.array([0] * 30 + [1] * 70)
BEFORE = json.loads(Path(__file__).with_name("single_label.json").read_text("utf-8"))["reports"]


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
    baselines = Baselines(Baseline("TF-IDF", theirs), majority_baseline(TRAIN, len(labels), 2))
    return evaluate_answers(TASK, Answers(logits_for(ours), labels, leaked), baselines, seed=0)


def printed(found):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table_of(found))
    return console.export_text()


def test_report_holds_the_figures_of_the_test():
    found = report(some_wrong(LABELS, 20), some_wrong(LABELS, 60)).as_json()
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
    logits = logits_for(some_wrong(LABELS, 20), 4.0)
    cool = Answers(logits, LABELS, np.zeros(400, dtype=bool), Calibration(temperature=2.0))
    rival = majority_baseline(TRAIN, 400, 2)
    found = evaluate_answers(TASK, cool, Baselines(rival, rival), seed=0)
    assert found.test.ece == pytest.approx(abs(0.9 - np.exp(2) / (np.exp(2) + 1)))
    assert found.test.scores["accuracy"].value == pytest.approx(0.9)


def test_leaked_rows_are_measured_apart():
    leaked = np.arange(400) < 160
    ours = np.where(leaked, LABELS, some_wrong(LABELS, 100))  # the leaked rows are known by heart
    theirs = some_wrong(LABELS, 40)
    measured = report(ours, theirs, leaked=leaked)
    measured_alone = report(ours[~leaked], theirs[~leaked], LABELS[~leaked])
    found, alone = measured.as_json(), measured_alone.as_json()
    without = found["test_without_leaks"]
    assert without["rows"] == 240
    assert without["accuracy"] == alone["test"]["accuracy"]
    assert without["accuracy"]["value"] < found["test"]["accuracy"]["value"]
    assert "confusion" not in without
    assert found["baseline"]["test_without_leaks"]["macro_f1"] == alone["baseline"]["macro_f1"]
    assert found["versus_baseline"]["test_without_leaks"]["accuracy"] == alone["versus_baseline"]["accuracy"]
    assert "without leaks" in verdict(measured)
    assert judgement(measured) == judgement(measured_alone)


def test_rows_known_by_heart_silence_no_alarm():
    """Right on what it has read, and one answer to everything else."""
    leaked = np.arange(400) < 200
    found = report(np.where(leaked, LABELS, 1), np.ones(400, dtype=np.int64), leaked=leaked)
    assert found.alarms == (
        "the model does not beat always answering 正面: accuracy +0.0 points [0.0, 0.0] against that",
    )


def test_a_test_that_stands_in_train_whole_is_an_alarm():
    found = report(LABELS, LABELS, leaked=np.ones(400, dtype=bool))
    assert found.alarms == ("every test text stands in train, so the test proves nothing",)
    assert "test_without_leaks" not in found.as_json()


def test_one_answer_to_everything_is_an_alarm():
    found = report(np.ones(400, dtype=np.int64), LABELS)
    assert found.alarms == (
        "the model answers 正面 to every test text",
        "the model does not beat always answering 正面: accuracy +0.0 points [0.0, 0.0] against that",
    )


def test_no_gain_over_the_majority_is_an_alarm_even_where_answers_differ():
    found = report(some_wrong(LABELS, 50), LABELS)
    assert len(found.alarms) == 1
    assert "does not beat always answering 正面" in found.alarms[0]


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


def losing_the_rare_label():
    """(ours, theirs): ours never answers the rare label, theirs has 100 rows of the frequent one wrong."""
    theirs = LABELS.copy()
    theirs[np.flatnonzero(LABELS == 1)[:100]] = 0
    return np.ones_like(LABELS), theirs


def test_macro_f1_which_chose_judges_and_accuracy_is_told_where_it_judges_otherwise():
    found = report(*losing_the_rare_label())
    assert judgement(found) == "worse"
    assert verdict(found).startswith("Worse than TF-IDF: accuracy +0.0 points")
    assert "(noise), macro-F1 -" in verdict(found)


def test_a_verdict_is_mixed_where_accuracy_rises_and_macro_f1_falls():
    ours, theirs = losing_the_rare_label()
    theirs[np.flatnonzero(LABELS == 1)[100:150]] = 0
    found = report(ours, theirs)
    assert judgement(found) == "mixed"
    assert verdict(found).startswith("Mixed against TF-IDF, better by one figure and worse by another: accuracy +")
    assert "] (better), macro-F1 -" in verdict(found)
    assert verdict(found).endswith("] (worse).")


def test_table_shows_model_and_baselines_with_their_intervals():
    found = report(some_wrong(LABELS, 20), some_wrong(LABELS, 60), leaked=np.arange(400) < 100)
    lines = printed(found).splitlines()
    assert "…" not in "".join(lines), "cut on a terminal of 80 columns"
    adapter = next(line for line in lines if "adapter " in line)
    assert str(found.test.scores["accuracy"]) in adapter
    assert f"{found.test.ece:.3f}" in adapter
    for name, rows in (
        ("TF-IDF", 400),
        ("majority", 400),
        ("adapter, no leaks", 300),
        ("TF-IDF, no leaks", 300),
    ):
        assert any(name in line and f" {rows} " in line for line in lines), name


# ---- as it was before there were other tasks


def made(seed, classes, rows=160):
    """Labels, texts with a word of the label in most, logits that are mostly right, and which rows are leaked."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    words = np.array(["好", "坏", "平", "新"])[:classes]
    texts = [
        "".join(
            random.permutation(
                [
                    words[label] if random.random() < 0.7 else random.choice(words),
                    *random.choice(list("房间早餐服务"), 4),
                ]
            )
        )
        for label in labels
    ]
    logits = (np.eye(classes)[labels] * 2 + random.normal(size=(rows, classes)) * 1.5).astype(np.float32)
    return labels, texts, logits, random.random(rows) < 0.2


@pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 4)])
def test_metrics_of_single_label_are_byte_for_byte_what_they_were(seed, classes):
    labels, texts, logits, leaked = made(seed, classes)
    train, test = slice(0, 80), slice(80, None)
    answers = Answers(logits[test], labels[test], leaked[test], Calibration(temperature=1.3))
    baselines = Baselines(
        tfidf_baseline(Inputs(texts[train]), labels[train], Inputs(texts[test]), classes),
        majority_baseline(labels[train], 80, classes),
    )
    found = evaluate_answers(SingleLabel(tuple("甲乙丙丁"[:classes])), answers, baselines, 42)
    before = BEFORE[str(classes)]
    assert json.dumps(found.as_json()) == json.dumps(before["metrics"])
    assert verdict(found) == before["verdict"]


@pytest.mark.parametrize("name", ["hotel", "ecommerce", "customer_service", "restaurant"])
def test_the_shipped_adapters_measure_as_they_say(repo, name):
    version = Store(repo / "adapters").open(name)
    stored, says = read_answers(version.folder / "answers.safetensors"), _json(version.folder / "metrics.json")
    rows, task = len(stored.labels), SingleLabel(version.manifest.labels)
    answers = Answers(stored.logits, stored.labels, np.zeros(rows, dtype=bool), version.manifest.calibration)
    majority = majority_baseline(stored.labels, rows, len(task.labels))
    seed = load_recipe(version.folder / "recipe.yaml").train.seed
    found = evaluate_answers(task, answers, Baselines(majority, majority), seed).as_json()["test"]
    # stored in another order of rows, which the last digit of a sum can tell
    assert found.pop("ece") == pytest.approx(says["test"].pop("ece"), abs=1e-12)
    ours, theirs = found.pop("macro_f1"), says["test"].pop("macro_f1")
    # published before that interval was moved for its bias, as a whole
    assert ours["value"] == theirs["value"]
    assert ours["high"] - ours["low"] == pytest.approx(theirs["high"] - theirs["low"], abs=1e-12)
    assert json.dumps(found) == json.dumps(says["test"])


def _json(path):
    return json.loads(path.read_text("utf-8"))


# ---- every task

NONE_LEAKED = np.zeros(200, dtype=bool)


def test_multi_label_is_measured_by_its_thresholds_and_told_label_by_label():
    random = np.random.default_rng(0)
    task = MultiLabel(("动力", "油耗", "外观"))
    targets = (random.random((200, 3)) < 0.4).astype(np.int64)
    logits = (2.0 * targets - 1 + random.normal(size=(200, 3))).astype(np.float32)
    answers = Answers(logits, targets, NONE_LEAKED, Calibration(thresholds=(0.5, 0.3, 0.9)))
    nothing = np.zeros_like(targets)
    found = evaluate_answers(task, answers, Baselines(Baseline("TF-IDF", nothing), Baseline("none", nothing)), 0)
    predictions = 1 / (1 + np.exp(-logits)) >= np.array([0.5, 0.3, 0.9])
    assert list(found.test.scores) == ["macro_f1", "micro_f1", "exact_match"]
    for average in ("micro", "macro"):
        expected = f1_score(targets, predictions, average=average)
        assert found.test.scores[f"{average}_f1"].value == pytest.approx(expected)
    assert found.test.scores["exact_match"].value == pytest.approx((predictions == targets).all(axis=1).mean())
    columns = precision_recall_fscore_support(targets, predictions)
    for label, *expected in zip(task.labels, *columns, strict=True):
        assert list(found.test.per_class[label].values()) == pytest.approx(expected)
    document = found.as_json()
    assert "confusion" not in document["test"]
    assert "mcnemar_p" not in document["versus_baseline"]
    assert document["trivial"]["name"] == "none"
    assert verdict(found).startswith("Better than TF-IDF: macro-F1 +")
    assert pictures_of(task, found, answers) == {}
    json.dumps(document)


def test_ordinal_is_judged_by_kappa_and_keeps_its_confusion_and_a_columns_figures():
    random = np.random.default_rng(1)
    task = Ordinal(("1星", "2星", "3星", "4星"))
    targets = random.integers(0, 4, 200)
    median = np.clip(targets + random.integers(-1, 2, 200), 0, 3)
    logits = np.where(np.arange(3) < median[:, None], 3.0, -3.0).astype(np.float32)
    other = np.clip(targets + random.integers(-2, 3, 200), 0, 3)
    answers = Answers(logits, targets, NONE_LEAKED)
    baselines = Baselines(Baseline("TF-IDF", other), majority_baseline(targets, 200, 4), Baseline("film alone", median))
    found = evaluate_answers(task, answers, baselines, 0)
    kappa = cohen_kappa_score(targets, median, weights="quadratic")
    assert found.test.scores["qwk"].value == pytest.approx(kappa)
    assert found.test.scores["mae"].value == pytest.approx(mean_absolute_error(targets, median))
    assert found.as_json()["test"]["confusion"][0][1] == int(((targets == 0) & (median == 1)).sum())
    assert found.as_json()["versus_column_baseline"]["qwk"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found.as_json()["column_baseline"]["name"] == "film alone"
    assert 0 < found.as_json()["versus_baseline"]["mcnemar_p"] < 1
    assert verdict(found).startswith("Neither better nor worse than film alone, the difference is noise: QWK +0.000 [")
    assert "; against TF-IDF QWK +0." in verdict(found)
    assert verdict(found).endswith("] (better).")
    assert len(found.alarms) == 1
    assert found.alarms[0].startswith("the model does not beat film alone: QWK +0.000 [")
    without = evaluate_answers(task, answers, Baselines(baselines.rival, baselines.trivial), 0)
    assert without.alarms == ()
    assert verdict(without).startswith("Better than TF-IDF: QWK +0.")
    assert "MAE -0." in verdict(without)
    assert "(worse)" not in verdict(without), "a smaller error is no loss"
    assert pictures_of(task, found, answers).keys() == {"confusion.png"}
    assert "film alone" in printed(found)


def test_leaked_rows_are_left_out_of_every_baseline():
    random = np.random.default_rng(3)
    task, targets = Ordinal(("差", "中", "好")), random.integers(0, 3, 200)
    right = np.where(np.arange(2) < targets[:, None], 3.0, -3.0).astype(np.float32)
    guess = Baseline("TF-IDF", random.integers(0, 3, 200))
    column = Baseline("film alone", np.where(np.arange(200) < 100, targets, 0))
    baselines = Baselines(guess, majority_baseline(targets, 200, 3), column)
    found = evaluate_answers(task, Answers(right, targets, np.arange(200) < 100), baselines, 0)
    assert found.as_json()["versus_column_baseline"]["test_without_leaks"]["qwk"]["value"] == pytest.approx(1.0)
    assert [rival.name for rival in found.strongest_first] == [
        rival.name
        for rival in sorted(found.strongest_first, key=lambda rival: -rival.without_leaks.scores["qwk"].value)
    ]
    below = [line.split(", no leaks") for line in printed(found).splitlines() if ", no leaks" in line]
    assert [name for name, _ in below] == ["adapter", "TF-IDF", "film alone"]
    assert {figures.split()[0] for _, figures in below} == {"100"}


def test_token_is_measured_over_entities_where_the_truth_counts():
    task = Token(("品牌", "产品"))
    targets = np.array([[IGNORED, 1, 2, 0, 3, IGNORED], [IGNORED, 0, 0, 3, IGNORED, IGNORED]] * 50)
    predicted = np.array([[0, 1, 2, 0, 1, 3], [0, 0, 0, 3, 3, 3]] * 50)
    answers = Answers(np.eye(5, dtype=np.float32)[predicted] * 5, targets, NONE_LEAKED[:100])
    nothing = Baseline("no entity", np.zeros_like(targets))
    found = evaluate_answers(task, answers, Baselines(nothing, nothing), 0)
    assert {figure: interval.value for figure, interval in found.test.scores.items()} == pytest.approx(
        {"span_f1": 2 / 3, "precision": 2 / 3, "recall": 2 / 3}
    )
    brand = {"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 50}
    assert found.test.per_class["品牌"] == pytest.approx(brand)
    assert found.alarms == ()
    silent = evaluate_answers(
        task, Answers(np.zeros((100, 6, 5)), targets, NONE_LEAKED[:100]), Baselines(nothing, nothing), 0
    )
    assert silent.alarms[0] == "the model answers no entity to every test text"
    assert silent.alarms[1].startswith("the model does not beat no entity: span F1 +0.0 points")


def test_regression_is_told_in_the_unit_of_the_data_with_a_scatter():
    random = np.random.default_rng(2)
    task, targets = Regression(), random.normal(50, 10, 200).astype(np.float32)
    logits = ((targets - 50) / 10 + random.normal(0, 0.3, 200)).astype(np.float32)[:, None]
    answers = Answers(logits, targets, NONE_LEAKED, Calibration(offset=50, scale=10))
    ridge, mean = Baseline("TF-IDF", targets[::-1].copy()), Baseline("the mean", np.full(200, 50, dtype=np.float32))
    found = evaluate_answers(task, answers, Baselines(ridge, mean), 0)
    values = 50 + 10 * logits[:, 0]
    assert found.test.scores["pearson"].value == pytest.approx(np.corrcoef(values, targets)[0, 1], abs=1e-6)
    assert found.test.scores["mae"].value == pytest.approx(np.abs(values - targets).mean(), rel=1e-5)
    assert found.trivial.scores["pearson"].value == 0
    assert pictures_of(task, found, answers)["scatter.png"].startswith(b"\x89PNG")
    assert verdict(found).startswith("Better than TF-IDF: Pearson r +")
    assert len(printed(found).splitlines()[0]) <= 80


def test_preference_is_measured_against_a_coin_that_is_right_on_exactly_half():
    task, targets = Preference(), np.zeros(200, dtype=np.int64)
    scores = np.stack([np.where(np.arange(200) < 140, 1.0, -1.0), np.zeros(200)], axis=1)
    coin = Baseline("a coin", targets, (targets + 1,))
    rival = Baseline("TF-IDF cosine", (np.arange(200) % 2).astype(np.int64))
    found = evaluate_answers(task, Answers(scores, targets, NONE_LEAKED), Baselines(rival, coin), 0)
    assert found.test.scores["accuracy"].value == pytest.approx(0.7)
    assert found.as_json()["trivial"] == {"name": "a coin", "accuracy": {"value": 0.5, "low": 0.5, "high": 0.5}}
    ours, gain = found.test.scores["accuracy"], found.trivial.difference["accuracy"]
    assert [gain.low, gain.high] == pytest.approx([ours.low - 0.5, ours.high - 0.5])
    assert found.alarms == ()
    lost = evaluate_answers(task, Answers(-scores, targets, NONE_LEAKED), Baselines(rival, coin), 0)
    assert lost.alarms[0].startswith("the model does not beat a coin: accuracy -20.0 points")


def test_public_names_are_those_of_all():
    assert sorted(evaluation.__all__) == evaluation.__all__
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
