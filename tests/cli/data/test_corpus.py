"""`lingyu data corpus` prints counts that add up, or the manifest; what is wrong with its options is one line."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.errors import LingyuError
from lingyu.folders import HIDDEN

REVIEW = "房间很干净，服务员的态度也非常好，早餐种类很多，离地铁站只有五分钟，下次还会再来住的！"


def run(*arguments: object):
    words = ["corpus", *map(str, arguments)]
    return CliRunner().invoke(data, words, catch_exceptions=False, standalone_mode=False)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    Path("raw/a.txt").write_text(f"早餐<br/>很丰富\n{REVIEW}\n好\n早餐 很丰富\n", "utf-8")
    Path("raw/b.csv").write_text("review,id\n打13800138000找老板,1\n", "utf-8")
    Path("test.csv").write_text(f"label,review\n1,{REVIEW}\n", "utf-8")


def test_it_says_what_was_kept_and_why_the_rest_was_not() -> None:
    shown = run("raw/a.txt", "--out", "out", "--exclude", "test.csv:review", "--workers", 1).output
    assert shown.splitlines() == [
        "kept 1 of 4 paragraphs    repeats 1    too short 1    touch an excluded set 1",
        "touch test.csv (1 texts): exact 1, same text 0, near 0, inside 0",
        "note: 1 of 1 sources have no --licence",
        "written: out, 6 characters in 1 shard",
    ]


def test_json_is_the_manifest() -> None:
    notes = ("--licence", "raw/b.csv=CC BY=4.0", "--source", "raw=a site")
    shown = run("raw/b.csv", "--out", "out", "--text", "review", *notes, "--json").output
    document = json.loads(shown)
    assert document == json.loads(Path("out/corpus.json").read_text("utf-8"))
    assert document["counts"] == {"read": 1, "removed": {}, "kept": 1}
    assert document["steps"] == ["html", "control", "width", "urls", "personal"]
    assert (document["sources"][0]["licence"], document["sources"][0]["origin"]) == ("CC BY=4.0", "a site")


def test_without_steps_texts_stay_as_they_are() -> None:
    run("raw/a.txt", "--out", "out", "--steps", "", "--workers", 1)
    assert json.loads(Path("out/corpus.json").read_text("utf-8"))["counts"]["removed"] == {"too short": 1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("raw/c.txt",), "raw/c.txt: no such file or folder. Did you mean raw/a.txt?"),
        (("raw/a.txt", "--licence", "MIT"), "--licence: 'MIT' is not NAME=TEXT. Write --licence \"raw/hotel.txt=MIT\""),
        (("raw/a.txt", "--source", "b.txt=x"), "--source: no source is called 'b.txt'. Name raw/a.txt, for one"),
        (("raw/b.csv",), "raw/b.csv: no column `text` (--text); it has review, id"),
        (("raw/a.txt", "--exclude", "test.csv"), "Name its column: --exclude test.csv:COLUMN"),
        (("raw/a.txt", "--encoding", "utf9"), "--encoding: no encoding is called 'utf9'"),
        (("raw/b.csv", "--encoding", "utf9"), "--encoding: no encoding is called 'utf9'"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_left(arguments, says) -> None:
    with pytest.raises(LingyuError) as caught:
        run(*arguments, "--out", "out")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in Path().iterdir()) == ["raw", "test.csv"]


def test_the_script_is_the_command(run_command, repo, tmp_path) -> None:
    done = run_command(sys.executable, repo / "data_tools" / "corpus.py", "raw/a.txt", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("kept 2 of 4 paragraphs")
    again = run_command(sys.executable, repo / "data_tools" / "corpus.py", "raw/a.txt", "--out", "out", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "out: the corpus is there already. Replace it with --force, or name another folder\n"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "datatrove"])
def test_ctrl_c_leaves_nothing_and_says_nothing(tmp_path, engine) -> None:
    line = "".join(f"第{number}个字" for number in range(60)).encode()
    with Path("raw/big.txt").open("wb") as file:
        file.writelines(b"%d %s\n" % (number, line) for number in range(200_000))
    for name in "cd":  # a task a file, so that both engines have processes to end
        Path(f"raw/{name}.txt").write_bytes(Path("raw/big.txt").read_bytes())
    words = [sys.executable, "-m", "lingyu", "data", "corpus", "raw/big.txt", "raw/c.txt", "raw/d.txt", "--out", "out"]
    words += ["--workers", "2", "--engine", engine]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stderr
        while not list(tmp_path.glob(f"{HIDDEN}*/corpus")):
            time.sleep(0.05)
        time.sleep(5)
        assert process.poll() is None
        subprocess.run(["/bin/kill", "-INT", "--", f"-{process.pid}"], check=True)  # the group, as a terminal does
        assert process.wait(timeout=60) == 130
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw", "test.csv"]
