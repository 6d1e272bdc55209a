"""What a row of a table becomes in a file of answers."""

import io
import json

from lingyu.cli.predict_output import _Jsonl
from lingyu.data.tables import row_of
from lingyu.errors import LingyuError


def refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_a_list_of_numbers_with_one_missing_stays_json_that_any_reader_takes() -> None:
    """Of a parquet file, whose lists may hold NaN."""
    row = row_of({"text": "书", "sizes": [1.5, float("nan")], "of": {"a": float("inf")}}, "in.parquet:1")
    stream = io.StringIO()
    _Jsonl(stream, {"error": "error"}).write(row, LingyuError("no"))
    found = json.loads(stream.getvalue(), parse_constant=refused)
    assert found == {"text": "书", "sizes": [1.5, None], "of": {"a": None}, "error": "no"}
