import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lingyu.evaluation import OverlapNote, overlaps, rows_in
from lingyu.text import content_hashes

hashes = st.lists(st.integers(-5, 5), max_size=12).map(lambda values: np.array(values, dtype=np.int64))


@given(hashes, hashes)
def test_rows_in_equals_a_plain_loop_whatever_the_order(ours, others):
    expected = [value in others.tolist() for value in ours.tolist()]
    assert rows_in(ours, others).tolist() == expected
    assert rows_in(ours, np.sort(others)).tolist() == expected


def test_notes_name_the_collections_that_hold_a_test_text_and_count_rows():
    test = content_hashes(["房间很大！", "服务不错", "服务，不错", "早餐一般"])
    found = overlaps(
        test,
        {
            "base embedded": content_hashes(["别的文字"]),
            "adapter hotel@v3 (train)": np.sort(content_hashes(["服务不错。", "早餐一般", "早餐一般"])),
            "an empty one": np.empty(0, dtype=np.int64),
        },
    )
    assert found == [OverlapNote("adapter hotel@v3 (train)", 3, 4)]
    assert str(found[0]) == "3 of 4 test texts (75.0%) stand in adapter hotel@v3 (train)"
