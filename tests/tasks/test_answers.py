"""Answers as JSON, as a line and as cells: keys, order and form are what others read."""

import json

import pytest

from lingyu.tasks import (
    Answer,
    EntitiesAnswer,
    Entity,
    MultiLabelAnswer,
    OrdinalAnswer,
    ScoreAnswer,
    TaskAnswer,
    ValueAnswer,
)

SINGLE = Answer("正面", 0.98765432, {"负面": 0.01234568, "正面": 0.98765432})
MULTI = MultiLabelAnswer(("动力", "空间"), {"动力": 0.75, "油耗": 0.125, "空间": 0.5})
ORDINAL = OrdinalAnswer("2星", 0.5, {"1星": 0.25, "2星": 0.5, "3星": 0.25}, 2.0)
ENTITIES = EntitiesAnswer((Entity(0, 2, "品牌", "华为", 0.75),))

each = pytest.mark.parametrize(
    ("answer", "as_json", "line", "cells"),
    [
        (
            SINGLE,
            '{"label": "正面", "probability": 0.98765432, "probabilities": {"负面": 0.01234568, "正面": 0.98765432}}',
            "正面\t0.988",
            {"predicted_label": "正面", "probability": 0.987654},
        ),
        (
            MULTI,
            '{"labels": ["动力", "空间"], "probabilities": {"动力": 0.75, "油耗": 0.125, "空间": 0.5}}',
            "动力 0.750, 空间 0.500",
            {"predicted_labels": ["动力", "空间"]},
        ),
        (
            MultiLabelAnswer((), {"动力": 0.25}),
            '{"labels": [], "probabilities": {"动力": 0.25}}',
            "-",
            {"predicted_labels": []},
        ),
        (
            ORDINAL,
            '{"label": "2星", "probability": 0.5, "probabilities": {"1星": 0.25, "2星": 0.5, "3星": 0.25}, '
            '"expected": 2.0}',
            "2星\t0.500\t2.00 of 3",
            {"predicted_label": "2星", "probability": 0.5, "expected": 2.0},
        ),
        (
            ENTITIES,
            '{"entities": [{"start": 0, "end": 2, "label": "品牌", "text": "华为", "probability": 0.75}]}',
            "品牌 华为 0:2 0.750",
            {"entities": [{"start": 0, "end": 2, "label": "品牌", "text": "华为", "probability": 0.75}]},
        ),
        (EntitiesAnswer(()), '{"entities": []}', "-", {"entities": []}),
        (ValueAnswer(3.14159265), '{"value": 3.14159265}', "3.142", {"value": 3.141593}),
        (ScoreAnswer(-0.5), '{"score": -0.5}', "-0.500", {"score": -0.5}),
    ],
)


@each
def test_an_answer_is_written_so(answer: TaskAnswer, as_json: str, line: str, cells: dict[str, object]) -> None:
    assert json.dumps(answer.as_json(), ensure_ascii=False) == as_json
    assert answer.line == line
    assert answer.cells == cells


def test_a_line_holds_no_line_end_and_no_command_for_a_terminal() -> None:
    assert Answer("好\n评\x1b[31m", 0.5, {}).line == "好 评 [31m\t0.500"
    assert EntitiesAnswer((Entity(0, 3, "品\r牌", "华\n为", 0.5),)).line == "品 牌 华 为 0:3 0.500"
