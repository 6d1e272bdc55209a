"""Which texts of a corpus are those of a test set, and for which set each is counted."""

from lingyu.dapt.corpus.gate import Excluded, Gate
from lingyu.text import content_hashes


def of(text: str, *steps: str) -> Excluded:
    return Excluded(text, text, "", 1, steps, content_hashes([text]))


def test_texts_are_compared_after_the_steps_of_every_set_and_counted_for_the_first_that_has_them() -> None:
    gate = Gate((of("好好好", "repeats"), of("房间很好", "html"), of("房间很好")), [None])  # type: ignore[list-item]
    texts = ["好好好好好好", "<b>房间很好</b>", "房间很好", "早餐"]
    assert gate.removes(texts, content_hashes(texts), 0).tolist() == [True, True, True, False]
    assert gate.removed == (1, 2, 0)
