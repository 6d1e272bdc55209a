"""What the start knew: measured once, and read back as it was measured."""

from pathlib import Path

import numpy as np
import pytest

from lingyu.dapt.before import BEFORE, measured_once
from lingyu.dapt.measuring import Masked


def masked(seed: int) -> Masked:
    draw = np.random.default_rng(seed)
    return Masked(draw.random(3), *(draw.integers(0, 9, 3) for _ in range(3)))


@pytest.mark.parametrize("parts", [("held_out", "general"), ("held_out",)])
def test_a_run_that_goes_on_reads_what_was_measured_in_its_order(parts: tuple[str, ...], tmp_path: Path) -> None:
    found = {part: masked(seed) for seed, part in enumerate(parts)}
    assert measured_once(tmp_path, lambda: found) is found
    again = measured_once(tmp_path, lambda: pytest.fail("measured a second time"))
    assert list(again) == list(parts), "the order in which metrics.json holds them"
    for part in parts:
        for name, values in vars(found[part]).items():
            assert np.array_equal(getattr(again[part], name), values)


def test_what_can_not_be_read_is_measured_anew(tmp_path: Path) -> None:
    (tmp_path / BEFORE).write_bytes(b"cut off")
    found = {"held_out": masked(0)}
    assert measured_once(tmp_path, lambda: found) is found
