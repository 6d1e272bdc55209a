"""When rows were written: dates, dates with a time, or numbers, brought into one order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError

from .whole_tables import first_of

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_BY_EXCEL = re.compile(  # 2025/1/31 8:05, as a Chinese Excel saves a date into csv, and 2025年1月31日
    r"([0-9]{4})(?:([-/])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)"
    r"(?: +([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
)
_SHOWN = 40


@dataclass(frozen=True)
class _Time:
    kind: str
    value: Decimal | datetime


def time_ranks(values: Sequence[str], wheres: Sequence[str], column: str) -> NDArray[np.int64]:
    """(rows,) the place of each row's time among all times, from 0; equal times have the same.

    values: as they stand in the file; numbers are seconds, years or 20240131: only their order counts.

    Raises LingyuError for the first value that is no time, or of another kind than the first one.
    """
    times = {value: _time(value.strip()) for value in dict.fromkeys(values)}
    kind = next((time.kind for time in times.values() if time), "")
    faults = [
        _fault(value, times[value], where, column, kind)
        for value, where in zip(values, wheres, strict=True)
        if (time := times[value]) is None or time.kind != kind
    ]
    if faults:
        raise first_of(faults)
    keys = {value: time.value for value, time in times.items() if time}
    order = {key: rank for rank, key in enumerate(sorted(set(keys.values())))}  # of one kind
    return np.array([order[keys[value]] for value in values], dtype=np.int64)


def _time(value: str) -> _Time | None:
    if _NUMBER.fullmatch(value):
        return _Time("a number", Decimal(value))
    try:
        time = datetime.fromisoformat(_as_iso(value))
    except ValueError:
        return None
    return _Time("a date" if time.tzinfo is None else "a date with a time zone", time)


def _as_iso(value: str) -> str:
    match = _BY_EXCEL.fullmatch(value)
    if match is None:
        return value
    year, _, month, day, other_month, other_day, hour, *later = match.groups()
    date = f"{year}-{(month or other_month):0>2}-{(day or other_day):0>2}"
    return ":".join([f"{date}T{hour or 0:0>2}", *(part or "00" for part in later)])


def _fault(value: str, time: _Time | None, where: str, column: str, kind: str) -> LingyuError:
    shown = f'"{value[:_SHOWN]}"' if value else "an empty value"
    if time is None:
        what = f"{column}: {shown} is neither a date, like 2024-01-31T18:30 or 2024/1/31, nor a number"
        return LingyuError(what, where, "Correct it, or leave out --time")
    return LingyuError(f"{column}: {shown} is {time.kind}, and the first is {kind}", where, "Write all in one way")
