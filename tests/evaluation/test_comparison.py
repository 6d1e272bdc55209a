"""Two versions compared by their stored answers, against the same sums done slowly by hand."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from lingyu.errors import LingyuError
from lingyu.evaluation import compare_versions, comparison, scores_of
from lingyu.store import (
    ANSWERS,
    HASHES,
    BaseRecord,
    Interval,
    PartRecord,
    Store,
    Version,
    VersionFacts,
    write_answers,
    write_hashes,
)
from lingyu.tasks import IGNORED, Calibration, SingleLabel, task_named

RECIPE = "name: hotel\nlora:\n  r: 8\ndata:\n  labels:\n    '0': 负面\n    '1': 正面\ntrain:\n  seed: 5\n"


@dataclass(frozen=True)
class Made:
    """What a version is made of. test: text's hash -> (true label, answer). Without answers, neither are hashes."""

    test: list[tuple[int, str, str]] | None
    train: tuple[int, ...] = ()
    labels: tuple[str, ...] = ("负面", "正面")
    recipe: str | None = RECIPE
    metrics: dict[str, object] | None = None


def write(made: Made, folder: Path) -> VersionFacts:
    (folder / "README.md").write_text("# hotel")
    if made.recipe is not None:
        (folder / "recipe.yaml").write_text(made.recipe)
    if made.metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(made.metrics))
    rows = made.test or []
    if made.test is not None:
        hashes = np.array([row[0] for row in rows], dtype=np.int64)
        true, answered = (np.array([made.labels.index(row[i]) for row in rows], dtype=np.int64) for i in (1, 2))
        write_hashes(folder / HASHES, train=np.array(made.train, dtype=np.int64), dev=hashes[:0], test=hashes)
        write_answers(folder / ANSWERS, np.eye(len(made.labels), dtype=np.float32)[answered], true, hashes)
    part = PartRecord(rows=len(rows), fingerprint=f"{abs(hash(tuple(rows))):064x}"[-64:])
    return VersionFacts(
        task="single_label",
        labels=made.labels,
        max_length=64,
        base=BaseRecord(id="embedded", weights_fingerprint="1" * 64, tokenizer_fingerprint="2" * 64),
        data={"test": part} if rows else {},
    )


def publish(store: Store, *all_made: Made) -> list[Version]:
    return [
        store.publish("hotel", lambda folder, version, made=made: write(made, folder), channel=None, why="a test")
        for made in all_made
    ]


def compare(folder: Path, one: Made, other: Made):
    return compare_versions(*publish(Store(folder), one, other))


def answers(count: int, accuracy: float, seed: int, first: int = 0) -> list[tuple[int, str, str]]:
    """Rows of texts first, first + 1 ..., whose true labels depend on the text alone."""
    random = np.random.default_rng(seed)
    rows = []
    for text in range(first, first + count):
        label = "正面" if text % 3 else "负面"
        wrong = "负面" if text % 3 else "正面"
        rows.append((text * 1_000_003 % 2**40, label, label if random.random() < accuracy else wrong))
    return rows


def slow_scores(rows: list[tuple[int, str, str]]) -> tuple[float, float]:
    true, answered = zip(*[row[1:] for row in rows], strict=True)
    accuracy = sum(a == b for a, b in zip(true, answered, strict=True)) / len(rows)
    return accuracy, f1_score(true, answered, average="macro", zero_division=0)


def test_the_better_of_two_on_the_same_test_is_told_with_its_interval(tmp_path):
    one, other = answers(400, 0.7, seed=1), answers(400, 0.9, seed=2)
    found = compare(tmp_path, Made(one), Made(other))
    paired = found.paired
    assert paired is not None
    for scores, rows in ((paired.one, one), (paired.other, other)):
        assert (scores["accuracy"].value, scores["macro_f1"].value) == pytest.approx(slow_scores(rows))
    assert paired.difference["accuracy"].value == pytest.approx(slow_scores(other)[0] - slow_scores(one)[0])
    assert (paired.rows, paired.judgement) == (400, "better")
    assert found.verdict.startswith("hotel@v2 is better than hotel@v1 on the 400 texts of both tests: accuracy +")
    right = [(a[1] == a[2], b[1] == b[2]) for a, b in zip(one, other, strict=True)]
    only_one, only_other = right.count((True, False)), right.count((False, True))
    assert (paired.only_one_is_right, paired.only_other_is_right) == (only_one, only_other)
    discordant = only_one + only_other
    tail = sum(math.comb(discordant, k) for k in range(only_one + 1)) / 2**discordant
    assert paired.mcnemar_p == pytest.approx(2 * tail)


def test_the_order_decides_who_is_the_better(tmp_path):
    found = compare(tmp_path, Made(answers(400, 0.9, seed=2)), Made(answers(400, 0.7, seed=1)))
    assert found.paired.judgement == "worse"
    assert found.verdict.startswith("hotel@v2 is worse than hotel@v1")


def test_a_small_difference_is_called_noise(tmp_path):
    found = compare(tmp_path, Made(answers(300, 0.80, seed=1)), Made(answers(300, 0.82, seed=2)))
    assert found.paired.judgement == "noise"
    assert found.verdict.startswith("Between hotel@v1 and hotel@v2 the difference is noise on the 300 texts")


def test_a_rare_label_that_is_found_at_the_cost_of_a_common_one_is_no_noise(tmp_path):
    """Accuracy and McNemar's test, which is of it, see as many rows won as lost; macro-F1, which judges, does not."""
    true = ["负面" if text < 50 else "正面" for text in range(1000)]
    blind = [(text, label, "负面" if text < 15 else "正面") for text, label in enumerate(true)]
    keen = [(text, label, "负面" if text < 35 or text >= 982 else "正面") for text, label in enumerate(true)]
    found = compare(tmp_path, Made(blind), Made(keen)).paired
    assert found.difference["accuracy"].judgement == "noise"
    assert found.mcnemar_p > 0.5
    assert found.difference["macro_f1"].low > 0
    assert found.judgement == "better"


@pytest.mark.parametrize("one_more_wrong", [False, True])
def test_of_labels_that_are_rare_macro_f1_judges_however_much_accuracy_rises_with_it(tmp_path, one_more_wrong):
    true = ["负面"] * 150 + ["中性"] * 145 + ["正面"] * 5
    blind = [(text, label, "负面" if label == "正面" else label) for text, label in enumerate(true)]
    keen = [(text, label, label) for text, label in enumerate(true)]
    keen[0] = (0, "负面", "中性" if one_more_wrong else "负面")
    found = compare(
        tmp_path, Made(blind, labels=("负面", "中性", "正面")), Made(keen, labels=("负面", "中性", "正面"))
    ).paired
    assert found.mcnemar_p > 0.05
    assert found.judgement == "better"


def test_versions_that_are_right_and_wrong_together_do_not_differ(tmp_path):
    found = compare(tmp_path, Made(answers(60, 0.8, seed=1)), Made(answers(60, 0.8, seed=1), recipe=None))
    assert (
        found.verdict
        == "No difference: on the 60 texts of both tests hotel@v1 and hotel@v2 are right and wrong together."
    )
    assert found.paired.difference["accuracy"] == Interval(0, 0, 0)
    assert found.recipe is None


def test_five_texts_are_too_few_whatever_they_say(tmp_path):
    right = [(text, "正面", "正面") for text in range(5)]
    wrong = [(text, "正面", "负面") for text in range(5)]
    found = compare(tmp_path, Made(wrong), Made(right))
    assert found.paired.difference["accuracy"].judgement == "better"  # the bootstrap of rows that are all alike
    assert found.paired.judgement == "noise"
    assert "too few to judge by" in found.verdict


def test_tests_without_a_common_text_are_not_compared(tmp_path):
    found = compare(tmp_path, Made(answers(50, 0.6, seed=1)), Made(answers(50, 0.9, seed=2, first=500)))
    assert found.paired is None
    assert found.verdict == "Their tests share no text: the figures are of different tests and can't be compared."
    assert [scores["accuracy"].value for scores in found.scores] == pytest.approx(
        [slow_scores(answers(50, 0.6, seed=1))[0], slow_scores(answers(50, 0.9, seed=2, first=500))[0]]
    )


def test_of_different_tests_the_common_texts_are_compared_and_it_is_said(tmp_path):
    one, other = answers(200, 0.7, seed=1), answers(200, 0.95, seed=2, first=100)
    found = compare(tmp_path, Made(one), Made(other))
    assert found.paired.rows == 100
    assert found.paired.one["accuracy"].value == pytest.approx(slow_scores(one[100:])[0])
    assert found.paired.other["accuracy"].value == pytest.approx(slow_scores(other[:100])[0])
    assert found.verdict.endswith("The rest of the two tests differs, and with it their figures.")
    assert found.parts[2].texts_in_both == 100


def test_texts_that_one_was_trained_on_are_left_out_and_counted(tmp_path):
    one, other = answers(100, 0.7, seed=1), answers(100, 0.95, seed=2)
    found = compare(tmp_path, Made(one), Made(other, train=tuple(row[0] for row in other[:40])))
    assert (found.paired.rows, found.paired.trained_on) == (60, 40)
    assert found.paired.other["accuracy"].value == pytest.approx(slow_scores(other[40:])[0])
    assert found.notes == ("40 of 100 test texts (40.0%) stand in the training data of hotel@v2",)


def test_where_every_text_was_trained_on_nothing_is_proved(tmp_path):
    rows = answers(40, 0.7, seed=1)
    found = compare(tmp_path, Made(rows, train=tuple(row[0] for row in rows)), Made(answers(40, 0.9, seed=2)))
    assert found.paired is None
    assert found.verdict.startswith("All 40 texts of both tests stand in training data")


def test_labels_are_matched_by_name_and_texts_with_another_truth_are_left_out(tmp_path):
    one = answers(100, 0.8, seed=1)
    other = [(text, "中立", "中立") if i < 10 else (text, label, given) for i, (text, label, given) in enumerate(one)]
    found = compare(tmp_path, Made(one), Made(other, labels=("中立", "正面", "负面")))
    assert (found.paired.rows, found.paired.relabelled) == (90, 10)
    assert found.paired.one == found.paired.other


def test_labels_of_other_names_can_not_be_compared(tmp_path):
    other = [(text, "b" if label == "正面" else "a", "a") for text, label, _ in answers(50, 0.8, seed=1)]
    found = compare(tmp_path, Made(answers(50, 0.8, seed=1)), Made(other, labels=("a", "b")))
    assert found.paired is None
    assert "no text has the same true label in both" in found.verdict


@given(
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=25),
    st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=25),
)
@settings(max_examples=150)
def test_rows_are_paired_as_by_crossing_them_off_a_list(one, other):
    """Any tests, repeated texts among them: the n-th row of a text there is paired with its n-th row here."""
    a, b = (np.sort(np.array([row[0] for row in rows], dtype=np.int64)) for rows in (one, other))
    left = list(enumerate(b.tolist()))
    expected = []
    for row, text in enumerate(a.tolist()):
        match = next((entry for entry in left if entry[1] == text), None)
        if match:
            left.remove(match)
            expected.append((row, match[0]))
    rows_of_a, rows_of_b = comparison._same_texts(a, b)
    assert list(zip(rows_of_a.tolist(), rows_of_b.tolist(), strict=True)) == expected


def test_figures_of_the_own_test_are_drawn_as_training_drew_them(tmp_path):
    rows = sorted(answers(120, 0.8, seed=1))
    found = compare(tmp_path, Made(rows), Made(answers(120, 0.8, seed=2), recipe=None))
    true, answered = (np.array([row[i] == "正面" for row in rows], dtype=np.int64) for i in (1, 2))
    assert found.scores[0] == scores_of(
        SingleLabel(("负面", "正面")), true, answered, seed=5
    )  # train.seed of the recipe


def test_a_seed_that_nobody_can_draw_with_is_not_taken_from_a_strangers_recipe(tmp_path):
    rows = answers(120, 0.8, seed=1)
    strange = Made(rows, recipe=RECIPE.replace("seed: 5", "seed: -5"))
    found = compare(tmp_path, strange, Made(rows, recipe=RECIPE.replace("seed: 5", "seed: 42")))
    assert found.scores[0] == found.scores[1]


def test_versions_that_keep_neither_recipe_nor_answers_are_still_shown_side_by_side(tmp_path):
    interval = {"value": 0.8, "low": 0.7, "high": 0.9}
    measured = {"test": {"rows": 50, "accuracy": interval, "macro_f1": interval}}
    bare, with_metrics = Made(None, recipe=None), Made(None, recipe=None, metrics=measured)
    found = compare(tmp_path, bare, with_metrics)
    assert (found.recipe, found.paired, found.notes) == (None, None, ())
    assert found.scores[0] is None
    assert found.scores[1]["accuracy"] == Interval(0.8, 0.7, 0.9)
    assert found.verdict == "hotel@v1 keeps no test answers, so nothing can be compared row by row."
    assert [part.rows for part in found.parts] == [(None, None)] * 3
    json.dumps(found.as_json())


def test_metrics_that_are_of_something_else_are_passed_over(tmp_path):
    other = Made(None, metrics={"parents": {"hotel@v1": {"accuracy": 0.8}}})
    assert compare(tmp_path, Made(answers(40, 0.8, seed=1)), other).scores[1] is None


def test_an_empty_test_is_no_test(tmp_path):
    found = compare(tmp_path, Made([]), Made(answers(40, 0.8, seed=1)))
    assert found.verdict.startswith("hotel@v1 keeps no test answers")


def test_recipes_differ_by_dotted_keys_and_the_order_of_labels_counts(tmp_path):
    other = RECIPE.replace("r: 8", "r: 16\n  use_dora: true").replace(
        "'0': 负面\n    '1': 正面", "'1': 正面\n    '0': 负面"
    )
    found = compare(tmp_path, Made(None), Made(None, recipe=other))
    assert [(s.key, s.one, s.other) for s in found.recipe] == [
        ("lora.r", 8, 16),
        ("data.labels", [["0", "负面"], ["1", "正面"]], [["1", "正面"], ["0", "负面"]]),
        ("lora.use_dora", None, True),
    ]


def test_a_recipe_that_extends_a_file_does_not_have_it_opened(tmp_path):
    """A stored recipe may have been written by anybody: what it names is shown, never read."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("lora:\n  r: 99\n")
    found = compare(tmp_path / "adapters", Made(None), Made(None, recipe=f"extends: {outside}\n" + RECIPE))
    assert [(s.key, s.other) for s in found.recipe] == [("extends", str(outside))]


@pytest.mark.parametrize("recipe", ["a: [", "a: &x 1\nb: *x\n", "a: !!python/object:os.system x\n", "a: 1\na: 2\n"])
def test_a_recipe_that_is_no_plain_yaml_is_one_line(tmp_path, recipe):
    with pytest.raises(LingyuError, match=r"recipe\.yaml") as caught:
        compare(tmp_path, Made(None), Made(None, recipe=recipe))
    assert "\n" not in str(caught.value)


def test_answers_that_do_not_fit_their_test_are_refused(tmp_path):
    def write_short(folder: Path, version: str) -> VersionFacts:
        facts = write(Made(answers(40, 0.8, seed=1)), folder)
        hashes = np.arange(39)
        write_answers(folder / ANSWERS, np.zeros((39, 2), np.float32), np.zeros(39, np.int64), hashes)
        return facts

    store = Store(tmp_path)
    (whole,) = publish(store, Made(answers(40, 0.8, seed=1)))
    short = store.publish("hotel", write_short, channel=None, why="a test")
    with pytest.raises(LingyuError, match=r"answers\.safetensors: does not fit 40 test texts and 2 labels"):
        compare_versions(whole, short)


def test_a_version_is_not_compared_with_itself(tmp_path):
    (version,) = publish(Store(tmp_path), Made(None))
    with pytest.raises(LingyuError, match=r"both are hotel@v1\. Name two versions"):
        compare_versions(version, Store(tmp_path).open("hotel@v1"))


def test_a_version_is_not_compared_with_itself_by_another_path(tmp_path, monkeypatch):
    (one,) = publish(Store(tmp_path / "adapters"), Made(answers(30, 0.9, seed=1)))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LingyuError, match="both are hotel@v1"):
        compare_versions(one, Store("adapters").open("hotel@v1"))


def test_two_stores_versions_of_one_name_are_called_by_their_folders(tmp_path):
    (one,), (other,) = (publish(Store(tmp_path / name), Made(answers(40, 0.8, seed=1))) for name in ("ours", "theirs"))
    found = compare_versions(one, other)
    assert (found.one, found.other) == (str(tmp_path / "ours/hotel/v1"), str(tmp_path / "theirs/hotel/v1"))


# ---- every task


def publish_task(store: Store, task: str, labels, logits, targets, calibration=None) -> Version:
    """A version whose test texts have the hashes 0, 1, 2 ..."""
    hashes = np.arange(len(targets))

    def write_it(folder: Path, version: str) -> VersionFacts:
        (folder / "README.md").write_text("# a card")
        write_hashes(folder / HASHES, train=hashes[:0], dev=hashes[:0], test=hashes)
        write_answers(folder / ANSWERS, np.asarray(logits, dtype=np.float32), np.asarray(targets), hashes)
        return VersionFacts(
            task=task,
            labels=labels,
            max_length=64,
            base=BaseRecord(id="embedded", weights_fingerprint="1" * 64, tokenizer_fingerprint="2" * 64),
            calibration=calibration or Calibration(),
            data={},
        )

    return store.publish("hotel", write_it, channel=None, why="a test")


def of_task(task: str, error: float):
    """(labels, logits, targets) of 120 rows, answered with errors in so many of them."""
    random = np.random.default_rng(int(error * 100))
    spoilt = random.random(120) < error
    if task == "regression":
        targets = np.linspace(-2, 2, 120, dtype=np.float32)
        return (), (targets + np.where(spoilt, 2.0, 0.1))[:, None], targets
    if task == "preference":
        return (), np.stack([np.where(spoilt, -1.0, 1.0), np.zeros(120)], axis=1), np.zeros(120, dtype=np.int64)
    if task == "multi_label":
        targets = np.stack([np.arange(120) % 2, np.arange(120) % 3 == 0], axis=1).astype(np.int64)
        return ("动力", "油耗"), np.where(spoilt[:, None], 1 - targets, targets) * 8.0 - 4.0, targets
    if task == "ordinal":
        targets = np.arange(120) % 4
        answered = np.where(spoilt, 3 - targets, targets)
        return ("1", "2", "3", "4"), np.where(np.arange(3) < answered[:, None], 4.0, -4.0), targets
    targets = np.tile([IGNORED, 1, 2, 0, 3, IGNORED], (120, 1))
    answered = np.where(spoilt[:, None], 0, np.maximum(targets, 0))
    return ("品牌", "产品"), np.eye(5)[answered] * 4.0, targets


@pytest.mark.parametrize("task", ["multi_label", "token", "ordinal", "regression", "preference"])
def test_versions_of_every_task_are_compared_by_the_figure_that_judges_it(tmp_path, task):
    store = Store(tmp_path)
    one, other = (publish_task(store, task, *of_task(task, error)) for error in (0.4, 0.1))
    found = compare_versions(one, other)
    assert found.verdict.startswith("hotel@v2 is better than hotel@v1 on the 120 texts of both tests: ")
    for version, scores, error in zip((one, other), found.scores, (0.4, 0.1), strict=True):
        labels, logits, targets = of_task(task, error)
        measuring = task_named(task, labels)
        calibration = version.manifest.calibration
        predictions = measuring.predictions(measuring.probabilities(logits, calibration), calibration)
        sums = measuring.statistics(predictions, targets).sum(axis=0)
        expected = {figure: float(value) for figure, value in measuring.figures_of(sums).items()}
        assert {figure: interval.value for figure, interval in scores.items()} == pytest.approx(expected, abs=1e-5)
    document = json.loads(json.dumps(found.as_json()))
    assert document["paired"]["judgement"] == "better"
    assert ("mcnemar_p" in document["paired"]) == (task in ("ordinal", "preference"))
    assert compare_versions(other, one).paired.judgement == "worse"


def test_on_a_scale_a_smaller_error_is_a_difference_though_the_same_rows_are_right(tmp_path):
    targets, store = np.arange(120) % 4, Store(tmp_path)
    near, far = (np.where(np.arange(120) % 3, targets, answered) for answered in (targets ^ 1, 3 - targets))
    one, other = (
        publish_task(store, "ordinal", tuple("1234"), np.where(np.arange(3) < answered[:, None], 4.0, -4.0), targets)
        for answered in (far, near)
    )
    found = compare_versions(one, other)
    assert (found.paired.only_one_is_right, found.paired.only_other_is_right) == (0, 0)
    assert found.paired.judgement == "better"
    assert found.verdict.startswith("hotel@v2 is better than hotel@v1 on the 120 texts of both tests: QWK +")


def test_numbers_far_from_0_are_compared_about_one_and_the_same_offset(tmp_path):
    """About 0 their squares would leave too few digits for a correlation. The versions were trained on other rows."""
    store = Store(tmp_path)
    steps = np.arange(120) % 16 / 4
    answered = np.where(np.arange(120) % 7, steps, 2.0)
    targets = (4e6 + 8 * steps).astype(np.float32)
    one = publish_task(store, "regression", (), answered[:, None], targets, Calibration(offset=4e6, scale=8.0))
    same = publish_task(store, "regression", (), answered[:, None] - 1, targets, Calibration(offset=4e6 + 8, scale=8.0))
    found = compare_versions(one, same)
    assert found.paired.alike
    for scores in found.scores:
        assert scores["pearson"].value == pytest.approx(np.corrcoef(answered, steps)[0, 1], abs=1e-9)


def test_thresholds_decide_what_stored_multi_label_answers_say(tmp_path):
    store, (labels, logits, targets) = Store(tmp_path), of_task("multi_label", 0.0)
    loose = publish_task(store, "multi_label", labels, logits / 4, targets)
    strict = publish_task(store, "multi_label", labels, logits / 4, targets, Calibration(thresholds=(0.9, 0.9)))
    found = compare_versions(loose, strict)
    assert [scores["macro_f1"].value for scores in found.scores] == [1.0, 0.0]


def test_tags_that_were_padded_further_in_one_test_are_still_the_same(tmp_path):
    store, (labels, logits, targets) = Store(tmp_path), of_task("token", 0.0)
    wider = np.pad(targets, ((0, 0), (0, 3)), constant_values=IGNORED)
    one = publish_task(store, "token", labels, logits, targets)
    other = publish_task(store, "token", labels, np.pad(logits, ((0, 0), (0, 3), (0, 0))), wider)
    assert "are right and wrong together" in compare_versions(one, other).verdict


def test_a_text_of_which_one_tag_is_another_has_another_truth(tmp_path):
    store, (labels, logits, targets) = Store(tmp_path), of_task("token", 0.0)
    corrected = targets.copy()
    corrected[:7, 2] = 1
    found = compare_versions(*(publish_task(store, "token", labels, logits, truth) for truth in (targets, corrected)))
    assert (found.paired.rows, found.paired.relabelled) == (113, 7)


def test_of_many_labels_another_order_is_not_compared_and_data_that_nobody_says_is_not_the_same(tmp_path):
    store, (labels, logits, targets) = Store(tmp_path), of_task("multi_label", 0.1)
    one, turned = (publish_task(store, "multi_label", names, logits, targets) for names in (labels, labels[::-1]))
    found = compare_versions(one, turned)
    assert found.verdict.startswith("Their labels are others, or in another order")
    assert not any(part.is_same for part in found.parts)


@pytest.mark.parametrize(("rows", "opening"), [(29, "Only 29 of the texts"), (30, "hotel@v2 is better than hotel@v1")])
def test_thirty_texts_are_enough_to_judge_by(tmp_path, rows, opening):
    right = answers(rows, 1.0, seed=1)
    wrong = [(text, true, "正面" if true == "负面" else "负面") for text, true, _ in right]
    assert compare(tmp_path, Made(wrong), Made(right)).verdict.startswith(opening)


def test_answers_of_two_tasks_and_of_two_scales_are_not_compared(tmp_path):
    store, (labels, logits, targets) = Store(tmp_path), of_task("ordinal", 0.1)
    ordinal = publish_task(store, "ordinal", labels, logits, targets)
    plain = publish_task(store, "single_label", labels, np.eye(4)[targets], targets)
    turned = publish_task(store, "ordinal", labels[::-1], logits, targets)
    assert compare_versions(ordinal, plain).verdict.startswith("One is ordinal and the other single_label")
    assert compare_versions(ordinal, plain).figures == ("qwk", "mae", "accuracy", "macro_f1")
    assert compare_versions(ordinal, turned).verdict.startswith("Their labels are others, or in another order")


@pytest.mark.parametrize("task", ["multi_label", "token", "ordinal", "regression", "preference"])
def test_answers_of_another_kind_than_the_task_are_refused(tmp_path, task):
    store, (labels, logits, targets) = Store(tmp_path), of_task(task, 0.1)
    whole = publish_task(store, task, labels, logits, targets)
    narrow = publish_task(
        store, task, labels, logits[..., :-1] if task != "regression" else np.zeros((120, 3)), targets
    )
    with pytest.raises(LingyuError, match=r"answers\.safetensors: does not fit 120 test texts"):
        compare_versions(whole, narrow)
    wrong = np.full_like(targets, 9) if task != "regression" else np.zeros(120, dtype=np.int64)
    with pytest.raises(LingyuError, match=r"answers\.safetensors: does not fit 120 test texts"):
        compare_versions(whole, publish_task(store, task, labels, logits, wrong))
