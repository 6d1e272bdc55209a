"""What a manifest lists of a file, and whether a file is still that one."""

from pathlib import Path

import pytest

from lingyu.digests import file_record, require_as_listed
from lingyu.errors import LingyuError


def test_a_file_that_became_a_symlink_since_it_was_looked_at_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("房间很干净", "utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic"):
        file_record(tmp_path / "link")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"abcd", "has 4 bytes, but 3 in lingyu.json: the file was changed or cut short"),
        (b"abd", "has SHA-256 a52d159f262b, but ba7816bf8f01 in lingyu.json: the file was changed"),
    ],
)
def test_a_file_that_was_changed_is_told_from_the_one_that_is_listed(content: bytes, what: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    listed = file_record(file)
    require_as_listed(file, listed, "lingyu.json", "Copy it anew")
    file.write_bytes(content)
    with pytest.raises(LingyuError) as caught:
        require_as_listed(file, listed, "lingyu.json", "Copy it anew", status=1)
    error = caught.value
    assert (error.what, error.where, error.next, error.status) == (what, str(file), "Copy it anew", 1)
