"""Which task object answers for a stored adapter."""

import pytest

from lingyu.errors import LingyuError
from lingyu.tasks import SingleLabel, task_named


def test_a_stored_task_is_found_by_its_name() -> None:
    assert task_named("single_label", ["负面", "正面"]) == SingleLabel(labels=("负面", "正面"))


def test_a_task_of_a_later_lingyu_is_one_line() -> None:
    with pytest.raises(LingyuError, match=r"does not know the task 'multi_label'\. Update it: pip install -U lingyu"):
        task_named("multi_label", ["负面", "正面"])
