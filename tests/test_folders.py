"""A result appears whole or not at all, whatever ends its writer, and never in the place of something."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.folders import HIDDEN, REPLACED, clean, new_folder


def fill(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")


def hidden(folder: Path) -> list[Path]:
    return list(folder.glob(f"{HIDDEN}*"))


def test_what_was_filled_gets_its_name_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "merged" / "deep" / "hotel"
    with new_folder(out) as folder:
        fill(folder)
        assert folder.parent == out.parent
        assert not out.exists()
    assert [file.name for file in out.iterdir()] == ["model.safetensors"]
    assert hidden(out.parent) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, LingyuError("no"), ValueError])
def test_an_exception_leaves_nothing_not_even_the_folder_around(error: BaseException, tmp_path: Path) -> None:
    def write() -> None:
        with new_folder(tmp_path / "merged" / "hotel") as folder:
            fill(folder)
            raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    with pytest.raises(ValueError), new_folder(tmp_path / "merged" / "hotel"):  # noqa: PT011
        raise ValueError
    assert [entry.name for entry in tmp_path.iterdir()] == ["merged"]


def test_whatever_stands_at_the_place_stays_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("empty", "file", "link"):
        with pytest.raises(LingyuError, match=r"exists already.*Name another with --out"), new_folder(tmp_path / name):
            pytest.fail("it must not come to writing")
    assert not any((tmp_path / "empty").iterdir())
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_came_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    def write() -> None:
        with new_folder(tmp_path / "hotel") as folder:
            fill(folder)
            (tmp_path / "hotel").mkdir()

    with pytest.raises(LingyuError, match="exists already"):
        write()
    assert [entry.name for entry in tmp_path.iterdir()] == ["hotel"]
    assert not any((tmp_path / "hotel").iterdir())


@pytest.mark.parametrize("out", [".", "/", "merged/.hotel", "merged/.."])
def test_a_place_that_is_no_name_is_refused(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LingyuError), new_folder(Path(out)):
        pytest.fail("it must not come to writing")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_replaced_is_gone_as_a_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with new_folder(tmp_path / "hotel", replace=True) as folder:
            (folder / name).touch()
            assert (tmp_path / "hotel" / "old").exists() == (name == "new"), "the old one stays until the end"
    assert [file.name for file in (tmp_path / "hotel").iterdir()] == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["hotel"]


def test_after_a_failure_what_was_to_be_replaced_is_there(tmp_path: Path) -> None:
    (tmp_path / "hotel").mkdir()
    (tmp_path / "hotel" / "old").touch()
    with pytest.raises(ValueError), new_folder(tmp_path / "hotel", replace=True):  # noqa: PT011
        raise ValueError
    assert [file.name for file in (tmp_path / "hotel").iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["hotel"]


@pytest.mark.parametrize("name", ["file", "link"])
def test_only_a_folder_is_replaced(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(".")
    with pytest.raises(LingyuError, match="exists already"), new_folder(tmp_path / name, replace=True):
        pytest.fail("it must not come to writing")


def test_a_folder_that_lost_its_name_to_a_killed_writer_gets_it_back(tmp_path: Path) -> None:
    for name in ("hotel", "books"):
        (tmp_path / f"{REPLACED}{name}").mkdir()
        (tmp_path / f"{REPLACED}{name}" / "old").touch()
    (tmp_path / "books").mkdir()
    clean(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["books", "hotel"]
    assert (tmp_path / "hotel" / "old").exists()
    assert not (tmp_path / "books" / "old").exists(), "the new one had its name"


WRITER = """
import sys, time
from pathlib import Path
from lingyu.folders import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "model.safetensors").write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path: Path):
    """A process in the middle of writing tmp_path/slow."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "slow")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    yield process
    process.kill()
    process.communicate()


def test_a_killed_writer_leaves_a_hidden_folder_that_the_next_one_removes(writer, tmp_path: Path) -> None:
    writer.kill()
    writer.wait()
    assert len(hidden(tmp_path)) == 1
    assert not (tmp_path / "slow").exists()
    with new_folder(tmp_path / "hotel") as folder:
        fill(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["hotel"]


def test_a_writer_at_work_is_left_alone(writer, tmp_path: Path) -> None:
    with new_folder(tmp_path / "hotel") as folder:
        fill(folder)
    assert len(hidden(tmp_path)) == 1
    os.kill(writer.pid, signal.SIGINT)
    writer.wait(timeout=20)
    assert [entry.name for entry in tmp_path.iterdir()] == ["hotel"], "Ctrl-C leaves nothing"


def test_a_hidden_name_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / f"{HIDDEN}1").symlink_to(tmp_path / "precious")
    with new_folder(tmp_path / "hotel") as folder:
        fill(folder)
    assert (tmp_path / "precious" / "file").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from lingyu.errors import exit_status
from lingyu.folders import new_folder
def write():
    with new_folder(Path(sys.argv[1])) as folder:
        (folder / "model.safetensors").write_bytes(bytes(10_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
sys.exit(exit_status(write))
"""
    out = tmp_path / "merged" / "hotel"
    process = subprocess.run([sys.executable, "-c", script, str(out)], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.startswith(f"{out}: ")
    assert process.stderr.endswith("Nothing half-written was kept\n")
    assert list(tmp_path.iterdir()) == []
