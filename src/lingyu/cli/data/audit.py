"""lingyu data audit: what is wrong with labelled rows, before anything is trained on them."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lingyu.cli.data.listing import listed
from lingyu.cli.screen import progress
from lingyu.errors import LingyuError, did_you_mean
from lingyu.reporting import Report

if TYPE_CHECKING:
    from lingyu.bases import Base
    from lingyu.data import Audit, Audited, AuditReading, AuditRequest
    from lingyu.data.audit.report import Verdict

_EXAMPLE = """\b
Examples:
    lingyu data audit --train a.tsv --dev b.tsv --test c.tsv --text text_a --label label --html report.html
    lingyu data audit recipes/hotel.yaml --json report.json --fail-on leakage,conflicts
    lingyu data audit --train hotel.csv --text review --against online_shopping.csv --against corpus/travel
"""
_STDOUT = "-"


@dataclass(frozen=True)
class _Asked:
    """The command line, as it was given."""

    arguments: tuple[str, ...]
    files: Mapping[str, str]
    text: str | None
    text_pair: str | None
    label: str | None
    clean: str | None
    encoding: str | None
    base: str | None
    max_length: int | None
    against: tuple[str, ...]
    against_text: str | None


@click.command(epilog=_EXAMPLE)
@click.argument("arguments", nargs=-1, metavar="[RECIPE.yaml [KEY=VALUE]...]")
@click.option("--train", help="The file that is trained on: csv, tsv, jsonl, parquet, xlsx.")
@click.option("--dev", help="The file that settings are chosen by.")
@click.option("--test", help="The file that is measured on at the end.")
@click.option("--text", help="The column that holds the text. Default: text.")
@click.option("--text-pair", help="The column of a second text, where a row is a pair.")
@click.option("--label", help="The column that holds the label. Default: label, where there is one.")
@click.option("--clean", metavar="STEPS", help="Steps that texts go through first: html,control,width. Default: none.")
@click.option("--encoding", help="Of csv, tsv and jsonl files. Default: utf-8.")
@click.option(
    "--base", help="Count tokens, and those that are unknown, as this base reads them: embedded, a folder ..."
)
@click.option("--max-length", type=click.IntRange(min=1), help="Tokens that are read of a text. Default: the base's.")
@click.option("--against", multiple=True, metavar="PATH", help="Another table, or a corpus; may be given again.")
@click.option("--against-text", metavar="COLUMN", help="The column of the text in those tables. Default: --text.")
@click.option(
    "--json",
    "json_out",
    is_flag=False,
    flag_value=_STDOUT,
    metavar="[FILE]",
    help="The report, on stdout or in a file.",
)
@click.option("--html", "html_out", metavar="FILE", help="One page with plots and the worst samples.")
@click.option(
    "--fail-on",
    metavar="CHECKS",
    help="End with status 1 where these find anything, 2 where one could not run: leakage,conflicts.",
)
@click.option("--force", is_flag=True, help="Replace report files that stand there already.")
def audit(
    arguments: tuple[str, ...],
    train: str | None,
    dev: str | None,
    test: str | None,
    json_out: str | None,
    html_out: str | None,
    fail_on: str | None,
    force: bool,
    **asked: Any,
) -> None:
    """Find duplicates, leaks between parts, one text with two labels, doubted labels and personal data, and say how
    the texts are: balance, lengths, languages, tokens that a base does not know.

    Of a RECIPE the given files are audited, or what is split off its train file. Texts count as equal at two levels:
    exactly, and as the same text (letters and digits only). Samples of texts go onto the page and nowhere else.

    Checks: leakage, conflicts, labels, near_leakage, duplicates, near_duplicates, noise, overlap, personal.
    """
    files = {name: path for name, path in (("train", train), ("dev", dev), ("test", test)) if path}
    gates = _gates(fail_on)
    json_file = None if json_out in (None, _STDOUT) else Path(json_out)
    html_file = None if html_out is None else Path(html_out)
    _require_writable("--json", json_file, (".json",), force=force)
    _require_writable("--html", html_file, (".html", ".htm"), force=force)
    audited = _audited(_Asked(arguments, files, **asked))
    if json_file:
        _write(json_file, audited.audit.model_dump_json(indent=1) + "\n")
    if html_file:
        _write(html_file, _page(audited))
    if json_out == _STDOUT:
        _say(audited.audit.model_dump_json())
    else:
        _show(audited.audit, json_file, html_file)
    _close(audited.audit, gates, as_json=json_out == _STDOUT)


def _gates(fail_on: str | None) -> tuple[str, ...]:
    from lingyu.data import CHECKS

    return _known(fail_on, CHECKS, "check", "--fail-on")


def _require_writable(option: str, path: Path | None, endings: tuple[str, ...], *, force: bool) -> None:
    """Raises LingyuError for a file that can't be written, before hours are spent on what it is for."""
    if path is None:
        return
    if path.suffix.lower() not in endings:  # `--json recipes/hotel.yaml` would take the recipe for its file
        hint = f"Name it *{endings[0]}" + (", or write --json - for stdout" if option == "--json" else "")
        raise LingyuError(f"{option} is written as {endings[0]}", path, hint)
    if not path.parent.is_dir():
        raise LingyuError(f"{option}: no such folder", path.parent, "Make it first")
    if path.exists() and not (force and path.is_file()):
        raise LingyuError(f"{option}: this is there already", path, "Replace it with --force, or name another")


def _audited(asked: _Asked) -> "Audited":
    from lingyu.cli.predict_file import in_options
    from lingyu.data import audit_parts

    try:
        with progress() as report:
            return audit_parts(_request(asked, report), report)
    except LingyuError as error:
        raise (error if asked.arguments else in_options(error)) from None


def _request(asked: _Asked, report: Report) -> "AuditRequest":
    from lingyu.data import AuditReading, AuditRequest, parts_of_files

    if asked.arguments:
        return _request_of_recipe(asked, report)
    if "train" not in asked.files:
        what = "no rows are named" if not asked.files else "--train is missing"
        raise LingyuError(what, "lingyu data audit", "Give a recipe, or --train FILE")
    reading = AuditReading(
        text=asked.text or "text",
        text_pair=asked.text_pair,
        label=asked.label or "label",
        encoding=asked.encoding or "utf-8",
        clean=_steps(asked.clean),
        needs_label=asked.label is not None,
    )
    base = _base(asked.base, None, asked.max_length)
    return AuditRequest(
        parts_of_files(asked.files, reading, report),
        reading,
        base=base,
        max_length=asked.max_length,
        against=asked.against,
        against_reading=_against(reading, asked),
    )


def _request_of_recipe(asked: _Asked, report: Report) -> "AuditRequest":
    from lingyu.data import AuditReading, AuditRequest, is_table_name, parts_of_recipe
    from lingyu.recipe import load_recipe

    recipe, overrides = asked.arguments[0], asked.arguments[1:]
    if is_table_name(recipe):
        hint = f"A table goes after --train: --train {recipe}"
        raise LingyuError("this is a table, where a recipe stands", recipe, hint)
    _require_recipe_alone(asked)
    found = load_recipe(recipe, overrides)
    max_length = asked.max_length or found.train.max_length
    reading = AuditReading.of_recipe(found.data, found.task)
    base = _base(asked.base or found.base, None if asked.base else found.revision, max_length)
    return AuditRequest(
        parts_of_recipe(found.data, report, found.task),
        reading,
        base=base,
        max_length=max_length,
        drops_leaked=found.data.drop_leaked,
        against=asked.against,
        against_reading=_against(reading, asked),
    )


def _require_recipe_alone(asked: _Asked) -> None:
    """Raises LingyuError for an option that says what the recipe says already."""
    given: dict[str, str | None] = {f"--{name}": value for name, value in asked.files.items()}
    given |= {"--text": asked.text, "--text-pair": asked.text_pair, "--label": asked.label}
    given |= {"--clean": asked.clean, "--encoding": asked.encoding}
    for option, value in given.items():
        if value is not None:
            key = option.removeprefix("--").replace("-", "_")
            hint = f"Override it: data.{key}={value}, or leave the recipe out"
            raise LingyuError(f"{option} is what the recipe says", asked.arguments[0], hint)


def _against(reading: "AuditReading", asked: _Asked) -> "AuditReading":
    from dataclasses import replace

    text = asked.against_text or reading.text
    return replace(reading, text=text, needs_label=False, keys=("--against-text", *reading.keys[1:]))


def _base(name: str | None, revision: str | None, max_length: int | None) -> "Base | None":
    if name is None:
        if max_length is not None:
            raise LingyuError("--max-length counts tokens of a base", "--max-length", "Add --base embedded")
        return None
    from lingyu.bases import find_base  # with torch

    return find_base(name, revision)


def _steps(clean: str | None) -> tuple[str, ...]:
    from lingyu.text import STEPS

    return _known(clean, tuple(STEPS), "step", "--clean")


def _known(names: str | None, known: Sequence[str], kind: str, option: str) -> tuple[str, ...]:
    """The names of a list with commas. Raises LingyuError for one that is not known."""
    found = listed(names)
    for name in found:
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"Did you mean {near}?" if near else f"There are {', '.join(known)}"
            raise LingyuError(f"{name}: no such {kind}", option, hint)
    return found


def _page(audited: "Audited") -> str:
    from lingyu.data import page

    return page(audited.audit, audited.samples)


def _show(audit: "Audit", json_file: Path | None, html_file: Path | None) -> None:
    from lingyu.data import terminal_lines

    for line in terminal_lines(audit, report=json_file, page=html_file):
        _say(line)
    if written := [str(path) for path in (json_file, html_file) if path]:
        _say(f"written: {', '.join(written)}")


def _say(line: str) -> None:
    """A line on stdout. Where its reader has gone (`| head`) the rest goes nowhere, and what --fail-on says stands."""
    try:
        click.echo(line)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _close(audit: "Audit", gates: Sequence[str], *, as_json: bool) -> None:
    """Raises LingyuError where a check of --fail-on found anything (status 1), or could not run (status 2)."""
    failure = _failure([verdict for verdict in audit.verdicts if verdict.check in gates])
    if failure and as_json:  # stdout has its one document
        click.echo(failure, err=True)
        sys.exit(failure.status)
    if failure:
        raise failure


def _failure(gated: "Sequence[Verdict]") -> LingyuError | None:
    failed = [verdict for verdict in gated if verdict.grade in ("look", "stop")]
    found = [f"{verdict.check} {verdict.rows:,}" if verdict.rows else verdict.check for verdict in failed]
    if found:
        hint = "Look at the rows with --html, or mend them with: lingyu data fix"
        return LingyuError(f"rows found: {', '.join(found)}", "--fail-on", hint, status=1)
    unchecked = [verdict for verdict in gated if verdict.grade == "unchecked"]
    missing = [f"{verdict.check} could not be checked: {verdict.says}" for verdict in unchecked]
    return LingyuError("; ".join(missing), "--fail-on", "Give what it lacks, or leave it out") if missing else None


def _write(path: Path, document: str) -> None:
    from lingyu.data import in_one_go

    with in_one_go(path) as staged:
        staged.path.write_text(document, encoding="utf-8", newline="")
