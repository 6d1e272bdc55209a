"""A failure is one harmless line with what to do next, and an exit status."""

import errno
import io
import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, field_validator

from lingyu.errors import BUG, Faults, LingyuError, exit_status, first_fault, from_os_error, printable, wants_json

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


def test_a_line_says_what_where_and_what_next() -> None:
    assert str(LingyuError("no such key.", "r.yaml:3", "Leave it out")) == "r.yaml:3: no such key. Leave it out"


def test_after_a_question_there_is_no_full_stop() -> None:
    assert (
        str(LingyuError("no such key. Did you mean r?", next="See --help")) == "no such key. Did you mean r? See --help"
    )


def test_what_would_steer_a_terminal_is_shown_instead_of_done() -> None:
    label = "负\x1b]0;x\x07面\u202e\x9b\udcff"
    line = r"data.csv:3: 负\x1b]0;x\x07面\u202e\x9b\udcff is no label. Correct \x7f"
    error = LingyuError(f"{label} is no label", "data.csv:3", "Correct \x7f")
    assert str(error) == line
    assert str(Faults([error, error])) == f"{line}\n{line}"


class Sums(BaseModel):
    sums: dict[str, int]

    @field_validator("sums")
    @classmethod
    def _is_not_empty(cls, sums: dict[str, int]) -> dict[str, int]:
        if not sums:
            raise ValueError("there is no sum")
        return sums


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ('{"sums": {}}', "sums: there is no sum"),
        ("[]", "Input should be an object"),
        ('{"sums": {"a": "x", "b": 1, "c": null}}', "sums.a: Input should be a valid integer, .* and 1 more"),
    ],
)
def test_a_document_s_first_wrong_key_is_a_line_that_counts_the_others(document: str, line: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Sums.model_validate_json(document)
    assert re.fullmatch(line, first_fault(caught.value))


@given(ANY_TEXT)
def test_any_text_becomes_one_line_that_can_be_printed(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert printable(line) == line


def test_chinese_stays_as_it_is() -> None:
    assert printable("房间很大，\n服务　很好！") == "房间很大， 服务 很好！"


@pytest.mark.parametrize("number", sorted({*errno.errorcode} - {0}))
def test_every_failure_of_the_file_system_has_a_next_step(number: int) -> None:
    error = from_os_error(OSError(number, os.strerror(number), "data.csv"))
    assert error.next
    assert "half-written" not in str(error)  # it may have been reading


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_copy_that_can_not_be_written_names_what_it_was_to_become(number: int) -> None:
    assert from_os_error(OSError(number, "", "source", None, "target")).where == "target"
    assert from_os_error(OSError(number, "", "alone")).where == "alone"


def test_a_copy_of_what_is_not_there_names_that(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        (tmp_path / "gone").rename(tmp_path / "target")
    assert from_os_error(caught.value).where == str(tmp_path / "gone")


def test_a_file_that_can_not_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(lambda: (tmp_path / "gone").read_text()) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'gone'}: no such file or folder. Check the path\n"


def test_a_bug_is_status_70_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(lambda: 1 // 0) == BUG
    assert "ZeroDivisionError" in capsys.readouterr().err


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_error_that_stdout_has_no_room_for_is_a_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise LingyuError("no", status=1)

    monkeypatch.setattr(sys, "stdout", Full())
    assert exit_status(fail, as_json=True) == 1
    assert capsys.readouterr().err == "no\n"


def test_another_exit_is_left_alone() -> None:
    with pytest.raises(SystemExit, match="3"):
        exit_status(lambda: sys.exit(3))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list", "--json"], True),
        (["audit", "--json", "--html", "page.html"], True),
        (["audit", "--json", "-"], True),
        (["audit", "--json", "report.json"], False),
        (["data", "audit", "--json", "REPORT.JSON"], False),
        (["data", "audit", "--json=-"], True),
        (["fix", "propose", "--json", "report.json"], True),
        (["audit", "--train", "a.csv"], False),
        ([], False),
    ],
)
def test_errors_are_json_where_the_output_is(words, expected):
    assert wants_json(words) is expected
