"""The texts of a file that a gate compares on, read as the adapter's training read them."""

import json
from pathlib import Path

import pytest

from lingyu.cli.comparing import texts_of
from lingyu.errors import LingyuError


@pytest.mark.parametrize(("task", "text"), [("token", "房间很好"), ("preference", "房间|很好")])
def test_lists_are_joined_as_for_training(task: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": ["房间", "很好"]}\n{"text": "前台"}\n{"n": 1}\n', "utf-8")
    assert texts_of(str(file), "text", "utf-8", task) == (text, "前台", "")


def test_a_list_for_a_task_that_reads_texts_is_told_with_its_row(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in ("好", ["好"])), "utf-8")
    with pytest.raises(LingyuError, match=f"{file}:2: `text` is a list, and ordinal reads a text"):
        texts_of(str(file), "text", "utf-8", "ordinal")
