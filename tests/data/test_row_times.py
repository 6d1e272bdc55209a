"""Times of rows are put into one order, or the line says which is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data.row_times import time_ranks
from lingyu.errors import LingyuError


def ranks(*values):
    return time_ranks(values, [f"a.csv:{line}" for line in range(2, len(values) + 2)], "written").tolist()


def test_dates_numbers_and_dates_with_a_time_come_in_their_order():
    assert ranks("2024-01-31", "2023-12-01", "2024-01-31T08:00", "2024-01-31") == [1, 0, 2, 1]
    assert ranks("2024/1/31 8:05", "2024/1/31", "2023/12/1", "2024/1/31 08:05:01", "2024-1-31 8:05") == [2, 1, 0, 3, 2]
    assert ranks("2024年1月31日", "2024/1/30 23:59", "2024-01-31", "2024年10月1日 0:00") == [1, 0, 1, 2]
    assert ranks("20240131", "9", "1e3"[:1], "-2.5") == [3, 2, 1, 0]
    assert ranks("2024-01-01T00:00:00+08:00", "2023-12-31T17:00:00Z") == [0, 1]


@given(st.lists(st.datetimes(), min_size=1, max_size=20))
def test_the_order_is_that_of_the_times(times):
    found = ranks(*(time.isoformat() for time in times))
    order = sorted(set(times))
    assert found == [order.index(time) for time in times]


def test_long_numbers_are_compared_to_the_last_digit():
    assert ranks("20240131235959000001", "20240131235959000002") == [0, 1]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["2024-01-31", "yesterday"], r'a\.csv:3: written: "yesterday" is neither a date'),
        (["2024-01-31", ""], "an empty value is neither"),
        (["2024-01-31", "7", "8"], r"a\.csv:3: .*is a number, and the first is a date; and 1 more row has a fault"),
        (["2024-01-31", "2024-01-31T00:00Z"], "is a date with a time zone, and the first is a date"),
        (["nan"], "neither"),
        (["2024/2/30"], "neither"),
        (["2024/1/31 25:00"], "neither"),
        (["2024/1-31"], "neither"),
        (["31/1/2024"], "neither"),
        (["2024年1月"], "neither"),
    ],
)
def test_what_is_no_time_or_of_another_kind_is_told_with_its_line(values, says):
    with pytest.raises(LingyuError, match=says):
        ranks(*values)
