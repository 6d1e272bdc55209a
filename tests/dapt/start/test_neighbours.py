"""Positions on circles, and queries and keys that find the position `offset` further on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.dapt.start.neighbours import OFFSETS, Circles

CIRCLES = Circles(positions=512, number=32)


def logits(circles: Circles, offset: int, head_size: int, radius: float = 1.0) -> np.ndarray:
    """(positions, positions) of a head that sees the points on circles of that radius."""
    points = radius * circles.points()
    query, key = circles.query_and_key(offset, head_size, radius)
    return (points @ query.T) @ (points @ key.T).T / np.sqrt(head_size)


def test_every_position_is_a_point_of_the_same_length_and_no_two_are_near() -> None:
    points = CIRCLES.points()
    assert points.shape == (512, 64)
    assert np.linalg.norm(points, axis=1) == pytest.approx(np.sqrt(32), rel=1e-5)
    cosines = points @ points.T / 32 - 2 * np.eye(512)
    assert cosines.max() < 0.85


@pytest.mark.parametrize("offset", [offset for row in OFFSETS for offset in row])
def test_the_logit_is_largest_at_the_offset_and_as_large_as_was_meant(offset: int) -> None:
    found = logits(CIRCLES, offset, head_size=64)
    here = np.arange(max(0, -offset), min(512, 512 - offset))
    assert (found[here].argmax(axis=1) == here + offset).all()
    assert found[here, here + offset] == pytest.approx(10.0, rel=1e-3)
    probabilities = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert probabilities[here, here + offset].mean() > 0.9


@given(st.integers(2, 48), st.integers(8, 600))
def test_the_slowest_circle_turns_once_over_all_positions_and_no_circle_half_a_turn_from_one_to_the_next(
    number: int, positions: int
) -> None:
    speeds = Circles(positions, number).speeds
    assert len(speeds) == number
    assert speeds.min() * positions == pytest.approx(2 * np.pi)
    assert speeds.max() < np.pi


@given(st.integers(-4, 4), st.integers(8, 48), st.integers(16, 600), st.floats(0.1, 4))
def test_a_logit_depends_on_how_far_apart_two_positions_are_and_on_nothing_else(
    offset: int, number: int, positions: int, radius: float
) -> None:
    found = logits(Circles(positions, number), offset, 2 * number, radius)
    for apart in (-3, 0, 1, 7):
        assert np.ptp(np.diagonal(found, apart)) < 1e-3
    assert np.diagonal(found, offset) == pytest.approx(10.0, rel=1e-3)


@given(st.integers(-3, 3), st.integers(2, 48), st.integers(16, 600))
def test_a_circle_counts_by_the_root_of_its_speed(offset: int, number: int, positions: int) -> None:
    circles = Circles(positions, number)
    query, key = circles.query_and_key(offset, head_size=2 * number, radius=1.0)
    points = circles.points()
    parts = ((points[4] @ query.T) * (points[4 + offset] @ key.T)).reshape(number, 2).sum(axis=1)
    roots = np.sqrt(circles.speeds)
    assert parts / parts.sum() == pytest.approx(roots / roots.sum(), rel=1e-3)
