"""The command's skeleton: help without heavy imports, errors in one line with their status."""

import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lingyu import __version__
from lingyu.cli import COMMANDS, lingyu, main
from lingyu.cli import run as command_line

from ..conftest import RunCommand


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "lingyu", *words], capture_output=True, text=True, check=False)


def modules_after(*words: str) -> set[str]:
    """The modules that a command has imported by its end. The command has to end well."""
    code = f"import sys; from lingyu.cli import main; assert main({list(words)!r}) == 0; print(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_click_and_nothing_heavy() -> None:
    modules = modules_after("--help")
    assert "click" in modules
    assert not modules & {"torch", "transformers", "datasets", "numpy", "pydantic", "ruamel.yaml"}


def test_help_lists_every_command_with_its_line() -> None:
    text = run("--help").stdout
    for name, (_, line) in COMMANDS.items():
        assert f"  {name}" in text
        assert line in text


@pytest.mark.parametrize(
    ("command", "example"),
    [
        ("train:train_lora", "accelerate launch train_lora.py recipes/hotel.yaml lora.r=16"),
        ("dapt:dapt", "accelerate launch dapt.py recipes/dapt-hotel.yaml dapt.mode=lora"),
        ("base:import_", "lingyu base import ~/structbert_large_std --out bases/structbert-large"),
    ],
)
def test_an_example_stands_on_a_line_that_can_be_pasted(command: str, example: str) -> None:
    module, _, name = command.partition(":")
    found = getattr(import_module(f"lingyu.cli.{module}"), name)
    text = CliRunner().invoke(found, ["--help"], terminal_width=80).output
    assert example in [line.strip() for line in text.splitlines()]


def test_the_module_is_the_command() -> None:
    assert run("--version").stdout == f"lingyu {__version__}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["chekc"], "lingyu: chekc: no such command. Did you mean check?"),
        (["check", "--jsn"], "lingyu check: --jsn: no such option. Did you mean --json?"),
        (["check", "--explain"], "lingyu check: Option '--explain' requires an argument. See lingyu check --help"),
        (["--verson"], "lingyu: --verson: no such option. Did you mean --version?"),
        (["data", "gte"], "lingyu data: gte: no such command. Did you mean get?"),
        (["adapters", "promte"], "lingyu adapters: promte: no such command. Did you mean promote?"),
        (["base", "pth"], "lingyu base: pth: no such command. Did you mean path?"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    output = capsys.readouterr()
    assert output.err == f"{line}\n"
    assert output.out == ""


def test_a_hub_without_an_address_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://somebody:secret@127.0.0.1:80a")
    assert main(["base", "list"]) == 2
    assert capsys.readouterr().err == "HF_ENDPOINT: is no address of a hub. Write https://HOST, or unset it\n"


def test_with_json_wrong_use_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chekc", "--json"]) == 2
    assert capsys.readouterr().out == (
        '{"error": {"what": "chekc: no such command", "where": "lingyu", "next": "Did you mean check?", "status": 2}}\n'
    )


def test_no_command_shows_the_help_and_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


def commands() -> list[list[str]]:
    """The words of every command and subcommand."""
    found: list[list[str]] = [[]]
    for name in COMMANDS:
        command = lingyu.get_command(click.Context(lingyu), name)
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, inner] for inner in command.commands]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert "Example" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("closed", "said"), [(">&-", ""), ("2>&-", f"lingyu {__version__}\n"), (">&- 2>&-", "")], ids=["out", "err", "both"]
)
def test_a_closed_stream_is_no_bug(closed: str, said: str, run_command: RunCommand) -> None:
    ran = run_command("sh", "-c", f"lingyu --version {closed}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, said, "")
    failed = run_command("sh", "-c", f"lingyu predict {closed}")
    assert (failed.returncode, failed.stdout) == (2, "")


def test_an_exit_that_is_no_closed_pipe_keeps_its_status() -> None:
    with pytest.raises(SystemExit) as caught:
        command_line(click.Command("leave", callback=lambda: sys.exit(3)), "leave", [])
    assert caught.value.code == 3


def test_the_script_that_prepares_data_is_the_command(repo: Path) -> None:
    script = [sys.executable, str(repo / "data_tools" / "get.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "get.py: Missing argument 'NAME'. See get.py --help\n")
    done = subprocess.run([*script, "hotl"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Did you mean hotel?" in done.stderr
    done = subprocess.run([*script, "-h"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Usage: get.py")


@pytest.mark.parametrize("words", [["check", "--schema"], ["check", "a.yaml", "b.yaml", "--json"], ["doctor"]])
def test_a_reader_that_goes_away_is_no_traceback(words: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lingyu", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    talk = process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 2)
    assert talk == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_says_by_its_status_by_which_signal(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "lingyu", "data", "import", "-", "--out", "rows.csv"]
    running = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(b"text,label\n" + "好,1\n".encode() * 50_000)  # more than a pipe holds: it reads
    running.stdin.flush()
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode == status
    assert not (tmp_path / "rows.csv").exists()
