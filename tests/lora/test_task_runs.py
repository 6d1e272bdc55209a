"""Each task from made-up rows to a version whose stored answers plain PEFT gives again."""

import json
import random
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from rich.console import Console
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from lingyu.chain import evaluate_adapter
from lingyu.cli import main as cli
from lingyu.data import TURN_MARK, Part, load_splits
from lingyu.lora.training import train
from lingyu.recipe import Recipe, load_recipe
from lingyu.store import ANSWERS, Version, read_answers
from lingyu.tasks import Asked, Read, task_named
from lingyu.tasks.task import measured

ROWS = 60
WORDS = "房间早餐服务前台物流书酒店"
Row = dict[str, Any]


def review(draw: random.Random, said: str) -> str:
    words = [*draw.sample(WORDS, draw.randint(2, 6)), said]
    draw.shuffle(words)
    return "".join(words)


def pairs(draw: random.Random) -> Row:
    """The aspect decides: the text says the same of both."""
    aspect = draw.choice(["早餐", "服务"])
    return {"text": review(draw, "很好"), "aspect": aspect, "label": "好" if aspect == "早餐" else "差"}


def several(draw: random.Random) -> Row:
    labels = [label for label in ("好", "快", "贵") if draw.random() < 0.5]
    return {"text": review(draw, "".join(labels)), "label": labels}


def entities(draw: random.Random) -> Row:
    tokens = [token for word in draw.sample(["酒店", "早餐", "很", "好", "物流"], 4) for token in word]
    tags = ["O"] * len(tokens)
    for at in range(len(tokens) - 1):
        if tokens[at] + tokens[at + 1] in ("酒店", "早餐"):
            kind = "PLACE" if tokens[at] == "酒" else "FOOD"
            tags[at : at + 2] = [f"B-{kind}", f"I-{kind}"]
    return {"text": tokens, "label": tags}


def steps(draw: random.Random) -> Row:
    step = draw.randint(1, 3)
    return {"text": review(draw, ["很差", "还", "很好"][step - 1]), "label": step, "film": draw.choice("甲乙")}


def values(draw: random.Random) -> Row:
    good = draw.randint(0, 3)
    return {"text": review(draw, "好" * good), "label": 20 + 5 * good}


def replies(draw: random.Random) -> Row:
    turns = [review(draw, "很好"), review(draw, "推荐")]
    return {"context": turns, "good": review(draw, "满意"), "bad": review(draw, "失望" * draw.randint(1, 3))}


CASES: dict[str, tuple[str, Callable[[random.Random], Row], dict[str, Any]]] = {
    "pair": ("single_label", pairs, {"text_pair": "aspect", "labels": ["差", "好"]}),
    "multi_label": ("multi_label", several, {"labels": ["好", "快", "贵"]}),
    "token": ("token", entities, {"labels": {"PLACE": "地方", "FOOD": "食物"}}),
    "ordinal": ("ordinal", steps, {"labels": ["1", "2", "3"], "baseline_column": "film"}),
    "regression": ("regression", values, {}),
    "preference": ("preference", replies, {"text": "context", "chosen": "good", "rejected": "bad"}),
}


@pytest.fixture
def recipe_of(tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """A recipe of a case in a folder of its own, with rows for it."""

    def recipe_of(case: str, **train_keys: Any) -> Recipe:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "tiny").symlink_to(tiny_base)
        task, make, data = CASES[case]
        draw = random.Random(3)
        rows = [json.dumps(make(draw), ensure_ascii=False) for _ in range(ROWS)]
        (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
        training = {"learning_rate": 5e-3, "num_train_epochs": 2, "tokens_per_batch": 512, "max_length": 48}
        content = {
            "name": case,
            "base": "./tiny",
            "task": task,
            "data": {"train": "rows.jsonl", **data},
            "train": {**training, **train_keys},
        }
        (tmp_path / "r.yaml").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        return load_recipe("r.yaml")

    return recipe_of


def published(recipe: Recipe) -> Version:
    outcome = train(recipe, console=Console(file=StringIO()))
    assert outcome is not None
    assert outcome.verdict
    return outcome.version


def plain_logits(version: Version, part: Part, outputs: int) -> list[np.ndarray]:
    """Of each row, by transformers and PEFT alone: (outputs,), (tokens, outputs), or the scores of two replies."""
    of_tokens = version.manifest.task == "token"
    kind = AutoModelForTokenClassification if of_tokens else AutoModelForSequenceClassification
    torch.manual_seed(99)
    base = kind.from_pretrained("tiny", num_labels=outputs)
    model = PeftModel.from_pretrained(base, str(version.folder)).eval()
    tokenizer = AutoTokenizer.from_pretrained("tiny")

    def logits(text: str, pair: str | None) -> np.ndarray:
        inputs = tokenizer(text, pair, truncation=True, max_length=48, return_tensors="pt")
        with torch.inference_mode():
            return np.asarray(model(**inputs).logits[0])

    seconds = part.pairs or (None,) * part.rows
    if part.rejected is None:
        return [logits(text, pair) for text, pair in zip(part.texts, seconds, strict=True)]
    rows = zip(part.texts, seconds, part.rejected, strict=True)
    return [np.concatenate([logits(text, chosen), logits(text, rejected)]) for text, chosen, rejected in rows]


@pytest.mark.parametrize("case", CASES)
def test_a_version_of_each_task_answers_by_plain_peft_as_it_was_measured(
    case: str, recipe_of: Callable[..., Recipe]
) -> None:
    recipe = recipe_of(case)
    version = published(recipe)
    manifest, task = version.manifest, task_named(recipe.task, tuple(recipe.data.labels.values()))
    assert (manifest.task, manifest.labels) == (recipe.task, task.labels)
    assert manifest.text_pair == (case in ("pair", "preference"))

    test = load_splits(recipe.data, recipe.task).test
    stored = read_answers(version.folder / ANSWERS)
    order = np.argsort(test.hashes, kind="stable")
    rows = plain_logits(version, test.take(order), task.num_outputs)
    assert len(rows) == len(stored.logits) == len(stored.labels)
    for plain, kept in zip(rows, stored.logits, strict=True):
        assert np.abs(plain - kept[: len(plain)]).max() < 1e-4
    metrics = json.loads((version.folder / "metrics.json").read_text("utf-8"))
    calibration = manifest.calibration
    told = measured(task, task.probabilities(stored.logits, calibration), calibration, stored.labels)
    for figure in task.figures:
        assert metrics["test"][figure]["value"] == pytest.approx(told[figure])
        assert figure in metrics["baseline"]
        assert figure in metrics["dev"]
    anew = evaluate_adapter(version.reference, recipe, store="adapters", to=Path("test.json"))
    assert {"dev": metrics["dev"], **anew.metrics.as_json()} == metrics


def predicted(case: str, *columns: str) -> list[Row]:
    """The rows of the file with the answers that lingyu predict gives them."""
    assert cli(["predict", "--adapter", case, "--file", "rows.jsonl", *columns, "--out", "out.jsonl"]) == 0
    return [json.loads(line) for line in Path("out.jsonl").read_text("utf-8").splitlines()]


def test_predict_reads_tokens_of_a_file_as_training_read_them(recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of("token")
    version = published(recipe)
    task, calibration = task_named("token", version.manifest.labels), version.manifest.calibration
    test = load_splits(recipe.data, recipe.task).test
    texts = test.take(np.argsort(test.hashes, kind="stable")).texts
    stored = task.probabilities(read_answers(version.folder / ANSWERS).logits, calibration)
    spans = AutoTokenizer.from_pretrained("tiny")(list(texts), return_offsets_mapping=True)["offset_mapping"]
    wanted = {
        text: task.answer(probabilities, calibration, Asked(read=Read(text, np.array(of_text)))).as_json()["entities"]
        for text, probabilities, of_text in zip(texts, stored, spans, strict=True)
    }
    answered = {"".join(row["text"]): row["entities"] for row in predicted("token")}
    assert any(wanted.values())
    for text, entities in wanted.items():
        assert [pytest.approx(entity.pop("probability"), abs=1e-4) for entity in entities] == [
            entity.pop("probability") for entity in answered[text]
        ]
        assert answered[text] == entities


def test_entities_that_are_cut_off_stand_in_no_figure_and_the_card_says_so(recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of("token", max_length=8, num_train_epochs=1)  # six characters and two marks of the tokenizer
    version = published(recipe)
    test = load_splits(recipe.data, recipe.task).test
    beyond = sum(end > 6 for entities in test.labels for _, end, _ in entities)
    assert beyond > 0
    assert f"beyond max_length {beyond} (in no figure)" in (version.folder / "README.md").read_text("utf-8")


def test_predict_reads_turns_of_a_file_as_training_read_them(recipe_of: Callable[..., Recipe]) -> None:
    recipe = recipe_of("preference")
    version = published(recipe)
    test = load_splits(recipe.data, recipe.task).test
    test = test.take(np.argsort(test.hashes, kind="stable"))
    stored = read_answers(version.folder / ANSWERS).logits
    for column, replies_, scores in (("good", test.pairs, stored[:, 0]), ("bad", test.rejected, stored[:, 1])):
        assert replies_ is not None
        rows = predicted("preference", "--column", "context", "--pair-column", column)
        answered = {(TURN_MARK.join(row["context"]), row[column]): row["score"] for row in rows}
        found = [answered[text, reply] for text, reply in zip(test.texts, replies_, strict=True)]
        assert found == pytest.approx(scores.tolist(), abs=1e-4)


def test_what_two_replies_say_is_read_in_two_segments(recipe_of: Callable[..., Recipe]) -> None:
    from lingyu.bases import find_base
    from lingyu.lora.encoding import encode_part

    recipe = recipe_of("preference")
    part = load_splits(recipe.data, recipe.task).train
    encoded = encode_part(find_base(recipe.base), part, task_named("preference", ()), recipe.train.max_length)
    batch = encoded.rows.collator(0)([encoded.rows[row] for row in range(part.rows)])
    assert len(batch["input_ids"]) == 2 * part.rows
    assert (batch["token_type_ids"] * batch["attention_mask"] == batch["token_type_ids"]).all()
    assert batch["token_type_ids"].any(dim=1).all()
    assert part.rejected is not None
    lengths = (batch["token_type_ids"].sum(dim=1) - 1).tolist()  # without the mark at the end
    assert lengths[part.rows :] == [len(reply) for reply in part.rejected]
