import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.store import read_answers, read_hashes, write_answers, write_hashes, write_tensors

HASHES = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30)


@settings(max_examples=40)
@given(train=HASHES, dev=HASHES, test=HASHES)
def test_hashes_come_back_sorted_with_every_repeat(tmp_path_factory, train, dev, test):
    path = tmp_path_factory.getbasetemp() / "hashes.safetensors"
    parts = {"train": train, "dev": dev, "test": test}
    write_hashes(path, **{part: np.array(hashes, dtype=np.int64) for part, hashes in parts.items()})
    found = read_hashes(path)
    assert {part: hashes.tolist() for part, hashes in found.items()} == {p: sorted(h) for p, h in parts.items()}
    assert all(hashes.dtype == np.int64 for hashes in found.values())


@settings(max_examples=40)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_answers_stand_in_the_order_of_the_sorted_hashes(tmp_path_factory, hashes):
    path = tmp_path_factory.getbasetemp() / "answers.safetensors"
    rows = range(len(hashes))
    logits = np.array([[row, -row] for row in rows], dtype=np.float32)
    write_answers(path, logits, np.array(list(rows)), np.array(hashes))
    answers = read_answers(path)
    expected = [row for _, row in sorted(zip(hashes, rows, strict=True))]
    assert answers.labels.tolist() == expected
    assert answers.logits.tolist() == [[row, -row] for row in expected]
    assert answers.logits.dtype == np.float32
    assert answers.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("logits", "labels", "kind"),
    [
        ((3, 4), np.array([2, 0, 1]), np.int64),
        ((3, 2), np.array([[1, 0], [1, 1], [0, 0]]), np.int64),
        ((3, 5, 3), np.array([[-100, 1, 2, 0, -100]] * 3), np.int64),
        ((3, 1), np.array([2.5, -1.0, 0.0], dtype=np.float32), np.float32),
    ],
    ids=["one label", "several labels", "tags", "numbers"],
)
def test_answers_of_every_task_come_back_as_they_were(tmp_path, logits, labels, kind):
    given = np.random.default_rng(0).normal(size=logits).astype(np.float32)
    write_answers(tmp_path / "answers.safetensors", given, labels, np.array([30, 10, 20]))
    answers = read_answers(tmp_path / "answers.safetensors")
    assert answers.logits.tolist() == given[[1, 2, 0]].tolist()
    assert answers.labels.tolist() == labels[[1, 2, 0]].tolist()
    assert answers.labels.dtype == kind


ONE = np.zeros(1, dtype=np.int64)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"train": ONE, "dev": ONE},
        {"train": ONE, "dev": ONE, "test": ONE, "more": ONE},
        {"train": ONE, "dev": ONE, "test": ONE.astype(np.int32)},
        {"train": ONE, "dev": ONE, "test": ONE.astype(np.float32)},
        {"train": ONE, "dev": ONE, "test": ONE.reshape(1, 1)},
        {"train": np.array([2, 1]), "dev": ONE, "test": ONE},
    ],
)
def test_what_are_no_hashes_is_refused(tmp_path, tensors):
    write_tensors(tmp_path / "hashes.safetensors", tensors)
    with pytest.raises(LingyuError, match=r"hashes\.safetensors: .*take it from a copy"):
        read_hashes(tmp_path / "hashes.safetensors")


@pytest.mark.parametrize(
    "tensors",
    [
        {"logits": np.zeros((2, 2), dtype=np.float32)},
        {"logits": np.zeros((2, 2), dtype=np.float32), "labels": ONE},
        {"logits": np.zeros((1, 2), dtype=np.float64), "labels": ONE},
        {"logits": np.zeros(1, dtype=np.float32), "labels": ONE},
        {"logits": np.zeros((1, 2, 2, 2), dtype=np.float32), "labels": ONE},
        {"logits": np.zeros((1, 2), dtype=np.float32), "labels": ONE.astype(np.int32)},
        {"logits": np.zeros((1, 2), dtype=np.float32), "labels": ONE.reshape(1, 1, 1)},
        {"logits": np.zeros((1, 3, 2), dtype=np.float32), "labels": ONE},
        {"logits": np.zeros((1, 3, 2), dtype=np.float32), "labels": np.zeros((1, 2), dtype=np.int64)},
    ],
)
def test_what_are_no_answers_is_refused(tmp_path, tensors):
    write_tensors(tmp_path / "answers.safetensors", tensors)
    with pytest.raises(LingyuError, match=r"answers\.safetensors: .*take it from a copy"):
        read_answers(tmp_path / "answers.safetensors")
