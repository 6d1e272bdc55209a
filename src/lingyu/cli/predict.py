"""lingyu predict: texts from the command line, a file, a pipe, or a person."""

import codecs
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lingyu.errors import LingyuError

if TYPE_CHECKING:
    from .classifier import Classifier

PIPED = "-"


@click.command()
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--adapter", metavar="NAME", help="NAME[@VERSION|@CHANNEL] in the store, or a folder.")
@click.option("--pair", metavar="TEXT", help="The second text, for an adapter that reads two: an aspect, a reply ...")
@click.option("--map", "tenant_column", metavar="COLUMN", help="The column of --file that names each row's tenant.")
@click.option("--store", default="adapters", show_default=True, type=click.Path(), help="The folder of adapters.")
@click.option("--tenants", metavar="FILE", help="For --map: a tenants.yaml elsewhere than in the store.")
@click.option("--file", "source", metavar="FILE", help="Classify a csv, tsv, jsonl, parquet or xlsx file; - is a pipe.")
@click.option("--format", "format_", type=click.Choice(["csv", "tsv", "jsonl"]), help="Of --file -. Default: csv.")
@click.option("--column", default="text", show_default=True, help="The column of --file that holds the text.")
@click.option("--pair-column", metavar="COLUMN", help="The column of --file that holds the second text.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --file: utf-8, gb18030 ...")
@click.option("--out", type=click.Path(), help="Where the answers to --file go: its columns and ours, .csv or .jsonl.")
@click.option("--threshold", default=0.0, type=click.FloatRange(0, 1), help="Below this probability: uncertain.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def predict(
    texts: tuple[str, ...],
    adapter: str | None,
    pair: str | None,
    tenant_column: str | None,
    store: str,
    tenants: str | None,
    source: str | None,
    format_: str | None,
    column: str,
    pair_column: str | None,
    encoding: str,
    out: str | None,
    threshold: float,
    as_json: bool,
) -> None:
    """Classify TEXTs, a file, or what comes from a pipe; without any of them, what you type.

    With --adapter all of it by one adapter; with --map each row of a file by the adapter of its own tenant. An answer
    is what the adapter's task gives: a label, several, entities of the text, a place on a scale, a number or a score.

    \b
    Examples:
      lingyu predict --adapter hotel 房间很干净 前台态度很差
      lingyu predict --adapter hotel --file in.csv --column review --out out.csv
      lingyu predict --adapter restaurant 菜好吃，就是上菜慢 --pair 服务
      lingyu predict --adapter restaurant --file in.csv --column text --pair-column aspect
      cat in.csv | lingyu predict --map tenant --file - --out out.csv
    """
    has_pair = pair is not None or pair_column is not None
    who = _Who(adapter, tenant_column, store, tenants, threshold, has_pair, as_json)
    who.check()
    _check_file_options(texts, source, format_, out, tenant_column)
    _check_pair(pair, pair_column, source)
    if source:
        from .predict_file import Asked, classify_table, open_table

        # what is wrong with the file is told before torch is waited for
        table = open_table(source, format_, encoding, out)
        asked = Asked(table, column, pair_column, tenant_column, out)
        asked.check()
        classify_table(who.classifier(), asked)
    elif texts:
        _classify_texts(who.classifier(), list(texts), pair)
    else:
        _classify_lines(who.classifier(), pair)


@dataclass(frozen=True)
class _Who:
    """Who answers, as the options say it. has_pair: whether there are second texts."""

    adapter: str | None
    tenant_column: str | None
    store: str
    tenants: str | None
    threshold: float
    has_pair: bool
    as_json: bool

    def check(self) -> None:
        if self.adapter and self.tenant_column:
            next_step = "One adapter answers all rows, or each row's tenant has its own; leave one of them out"
            raise LingyuError("--adapter and --map exclude each other", next=next_step)
        if not self.adapter and not self.tenant_column:
            raise LingyuError("nobody to answer", next="Add --adapter NAME, or --map COLUMN with a --file of tenants")
        if self.tenants and not self.tenant_column:
            raise LingyuError("--tenants needs --map", next="Name the column that names each row's tenant")

    def classifier(self) -> "Classifier":
        from .classifier import Classifier

        if self.adapter:
            return Classifier.of_adapter(
                self.adapter, self.store, self.threshold, has_pair=self.has_pair, as_json=self.as_json
            )
        return Classifier.of_tenants(self.store, self.tenants, self.threshold, as_json=self.as_json)


def _check_file_options(
    texts: tuple[str, ...], source: str | None, format_: str | None, out: str | None, tenant_column: str | None
) -> None:
    if source and texts:
        raise LingyuError("TEXT and --file exclude each other", next="Leave one of them out")
    if out and not source:
        raise LingyuError("--out needs --file", next="Add --file, or redirect the output: > answers.txt")
    if tenant_column and not source:
        raise LingyuError("--map needs --file", next="Add --file FILE, or --file - for what comes from a pipe")
    if format_ and source != PIPED:
        raise LingyuError("--format is for --file -", next="A file says by its ending what it is; leave it out")
    if not source and (option := _first_given("column", "encoding")):
        # left unsaid, the lines of a csv file in a pipe would be taken for texts, its header among them
        raise LingyuError(f"--{option} needs --file", next="Add --file FILE, or --file - for what comes from a pipe")


def _check_pair(pair: str | None, pair_column: str | None, source: str | None) -> None:
    if pair is not None and source:
        raise LingyuError("--pair and --file exclude each other", next="Name its column instead: --pair-column COLUMN")
    if pair_column is not None and not source:
        raise LingyuError("--pair-column needs --file", next="Add --file FILE, or --pair TEXT for all texts")


def _first_given(*options: str) -> str | None:
    """The first of these options that stands on the command line."""
    source_of = click.get_current_context().get_parameter_source
    return next((option for option in options if source_of(option) is ParameterSource.COMMANDLINE), None)


def _classify_texts(classifier: "Classifier", texts: list[str], pair: str | None) -> None:
    from lingyu.tasks import Failed, Result

    answers = classifier.answer(texts, pairs=[pair] * len(texts))
    failed = next((answer for answer in answers if isinstance(answer, Failed)), None)
    if failed:
        raise failed.error
    for answer in answers:
        assert isinstance(answer, Result)
        classifier.show(answer)


def _classify_lines(classifier: "Classifier", pair: str | None) -> None:
    """Each line is answered as it comes; one that can't be is reported and the next goes on.

    pair: the second text of all lines.
    """
    is_person = sys.stdin.isatty()
    if is_person:
        print("Type a text and press Enter; Ctrl-D ends.", file=sys.stderr)
    failed = 0
    for number in itertools.count(1):
        if is_person:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.buffer.readline()
        if not line:
            break
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if is_person and not line.strip():
            continue
        try:
            _classify_line(classifier, line, pair)
        except LingyuError as error:
            failed += 1
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            classifier.show_error(text, LingyuError(error.what, f"line {number}", error.next))
        sys.stdout.flush()
    if failed:
        raise LingyuError(f"{failed} of {number - 1} lines could not be answered", status=2)


def _classify_line(classifier: "Classifier", line: bytes, pair: str | None) -> None:
    from lingyu.tasks import Failed

    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise LingyuError("not UTF-8", next="Convert it first: iconv -f gb18030 -t utf-8") from None
    (answer,) = classifier.answer([text], pairs=[pair])
    if isinstance(answer, Failed):
        raise answer.error
    classifier.show(answer)
