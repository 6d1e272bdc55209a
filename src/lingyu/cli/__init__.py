"""The `lingyu` command. Each subcommand lives in a module of its own, which is imported only when it is called."""

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Any
from urllib.parse import urlsplit

import click

from lingyu import __version__
from lingyu.errors import LingyuError, did_you_mean, exit_status, wants_json

COMMANDS = {
    "check": ("lingyu.cli.check:check", "Say everything that is wrong with recipes, before anything runs."),
    "doctor": ("lingyu.cli.doctor:doctor", "Show what this machine has, and what a recipe will use of it."),
    "data": (
        "lingyu.cli.data:data",
        "Import, clean, audit, mend, split texts; build corpora.",
    ),
    "chain": ("lingyu.cli.chain:chain", "Run a recipe of stages: from raw text to a published adapter."),
    "predict": ("lingyu.cli.predict:predict", "Answer texts by an adapter: labels, entities, numbers, scores."),
    "adapters": ("lingyu.cli.adapters:adapters", "A store's adapters: list, compare, promote, roll back, copy."),
    "base": ("lingyu.cli.base:base", "List the bases that are here, show one, import a checkpoint."),
    "verify": ("lingyu.cli.verify:verify", "Prove that an adapter, a base or what was made of them is sound."),
    "export": ("lingyu.cli.export:export", "Write an adapter on its base as a graph: ONNX or OpenVINO."),
}
"""Name -> (where it lives, its line in the help): so that the help imports none of them."""


class Group(click.Group):
    """A group that says what was nearly meant by a command that it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            near = did_you_mean(args[0], known)
            next_step = f"Did you mean {near}?" if near else f"There are {', '.join(known)}"
            raise LingyuError(f"{args[0]}: no such command", where=ctx.command_path, next=next_step)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, *args: Any, places: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.places:
            return None
        module, _, name = self.places[cmd_name][0].partition(":")
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for answers: transformers talks there when imported
            command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.places.items()])


@click.group(cls=LazyGroup, places=COMMANDS)
@click.version_option(__version__, message="lingyu %(version)s")
def lingyu() -> None:
    """Domain adapters for Chinese encoders: train one from a recipe, keep it, answer with it.

    \b
    Example:
      lingyu check recipes/hotel.yaml
      accelerate launch train_lora.py recipes/hotel.yaml
      lingyu predict --adapter hotel 房间很干净，下次还来
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of `lingyu`: runs one command line, and gives back its exit status."""
    return run(lingyu, "lingyu", arguments)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command by a command line, the process's own by default; the exit status (see lingyu.errors)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that can't show a character is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        status = exit_status(lambda: _invoke(command, name, words), as_json=wants_json(words))
    except BrokenPipeError:  # while an error was being reported
        status = 2
    _leave_no_output_behind()
    return status


def _open_closed_streams() -> None:
    """What whoever starts us has closed (`>&-`) goes nowhere: Python has None in its place, of which nobody thinks, and
    the next file that is opened would have its number."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open to the end


def _invoke(command: click.Command, name: str, words: list[str]) -> None:
    """Run a command line; what click says is wrong with it becomes our own error."""
    stdout = sys.stdout
    _require_hub_address()
    try:
        command.main(args=words, prog_name=name, standalone_mode=False, help_option_names=["-h", "--help"])
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        raise LingyuError("a command is missing", where=_path(name, words), next="The lines above name them") from None
    except click.Abort as abort:  # which click makes of Ctrl-C, and of the SIGTERM that is raised as one
        cause = abort.__cause__
        raise (cause if isinstance(cause, KeyboardInterrupt) else KeyboardInterrupt()) from None
    except click.ClickException as error:
        raise _as_our_error(error, _path(name, words)) from None
    except SystemExit as stop:
        # rich answers a closed pipe so, and click, which puts a wrapper around stdout then
        if isinstance(stop.__context__, BrokenPipeError) or sys.stdout is not stdout:
            raise BrokenPipeError from None
        raise


def _require_hub_address() -> None:
    """The hub's client, and so transformers, can't even be imported while this is no address."""
    try:
        _ = urlsplit(os.environ.get("HF_ENDPOINT", "")).port
    except ValueError:
        raise LingyuError(
            "is no address of a hub", where="HF_ENDPOINT", next="Write https://HOST, or unset it"
        ) from None


def _as_our_error(error: click.ClickException, fallback: str) -> LingyuError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    path = ctx.command_path if ctx else fallback
    next_step = f"See {path} --help"
    if isinstance(error, click.NoSuchOption):
        known = [name for param in ctx.command.get_params(ctx) for name in param.opts] if ctx else []
        near = did_you_mean(error.option_name, known)
        return LingyuError(
            f"{error.option_name}: no such option", where=path, next=f"Did you mean {near}?" if near else next_step
        )
    return LingyuError(error.format_message().rstrip("."), where=path, next=next_step)


def _path(name: str, words: list[str]) -> str:
    """The command that a command line is for, where click does not say."""
    return f"{name} {words[0]}" if words and words[0] in COMMANDS else name


def _leave_no_output_behind() -> None:
    """Send what is left for a closed pipe (`lingyu ... | head`) nowhere: at its end Python would complain about it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
