"""A result delegates to its answer, whatever the task; a failure raises what went wrong."""

import gc
import json
import weakref

import pytest

from lingyu.errors import LingyuError
from lingyu.tasks import Answer, Failed, OrdinalAnswer, Result, ValueAnswer

ANSWER = Answer("正面", 0.75, {"负面": 0.25, "正面": 0.75})


def test_a_result_of_one_label_is_written_as_it_always_was() -> None:
    result = Result("很好", ANSWER, "hotel@v1", False)
    assert json.dumps(result.as_json(), ensure_ascii=False) == (
        '{"text": "很好", "label": "正面", "probability": 0.75, "probabilities": {"负面": 0.25, "正面": 0.75}, '
        '"version": "hotel@v1", "truncated": false}'
    )
    assert (result.label, result.probability, result.probabilities) == ("正面", 0.75, {"负面": 0.25, "正面": 0.75})


def test_the_second_text_stands_beside_the_first() -> None:
    result = Result("上菜快", ValueAnswer(2.5), "stars@v1", True, text_pair="服务")
    assert json.dumps(result.as_json(), ensure_ascii=False) == (
        '{"text": "上菜快", "text_pair": "服务", "value": 2.5, "version": "stars@v1", "truncated": true}'
    )


def test_what_an_answer_does_not_have_is_told_with_what_it_has() -> None:
    result = Result("很好", ValueAnswer(2.5), "stars@v1", False)
    with pytest.raises(AttributeError, match=r"^stars@v1 answers no label: its answers have value$"):
        result.label  # noqa: B018
    assert not hasattr(result, "probability")
    assert Result("很好", OrdinalAnswer("2星", 0.5, {"2星": 0.5}, 2.0), "stars@v1", False).label == "2星"


@pytest.mark.parametrize("name", ["answer", "label", "probability", "probabilities", "version", "truncated"])
def test_a_failure_raises_its_error_where_an_answer_is_asked_for(name: str) -> None:
    failed = Failed("很好", "nobody", LingyuError("no such tenant"))
    with pytest.raises(LingyuError, match="no such tenant"):
        getattr(failed, name)


class Text(str):
    """One that a weak reference may point to."""


def test_a_failed_keeps_nothing_alive_of_where_it_failed() -> None:
    def answer(texts: list[Text]) -> Failed:
        try:
            try:
                raise ValueError(texts)
            except ValueError as error:
                raise LingyuError("no") from error
        except LingyuError as error:
            return Failed("", "nobody", error)

    batch = [Text("另一位租户的文本")]
    alive = weakref.ref(batch[0])
    gc.disable()  # nothing may wait for it
    try:
        failed = answer([*batch])
        batch.clear()
        assert alive() is None
        assert str(failed.error) == "no"
    finally:
        gc.enable()
