"""lingyu predict: texts from the command line, a file, a pipe, or a person."""

import codecs
import itertools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lingyu.cli.stdin import at_a_terminal, piped_bytes
from lingyu.errors import LingyuError

if TYPE_CHECKING:
    from .classifier import Classifier

PIPED = "-"

_EPILOG = """\b
A line is what the adapter's task gives, a tab, and the text:
  a label             正面  0.987
  several labels      动力 0.912, 空间 0.671       - where there is none
  entities            品牌 兰蔻 3:5 0.954          characters 3 and 4 of the text
  a place on a scale  4星  0.530  3.91 of 5       the middle one, and the mean
  a number            128.500
  a score             +1.204                     of two replies the better one has more
--json and --out have the same in full; in a csv file a list is JSON.
A csv file begins with a byte order mark: without it Excel reads the Chinese as
GBK. Programs read it as utf-8-sig, or take .jsonl, which has none.

\b
Examples:
  lingyu predict --adapter hotel 房间很干净 前台态度很差
  lingyu predict --adapter hotel --file in.csv --column review --out out.csv
  lingyu predict --adapter goods 兰蔻新款面霜50ml
  lingyu predict --adapter restaurant 菜好吃，就是上菜慢 --pair 服务 --pair 味道
  lingyu predict --adapter replies "有货吗|有的亲" --pair 好的谢谢 --pair 圆通
  lingyu predict --adapter restaurant --file in.csv --pair-column aspect --out out.jsonl
  cat in.csv | lingyu predict --map tenant --file - --out out.csv
"""


@click.command(epilog=_EPILOG)
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--adapter", metavar="NAME", help="NAME[@VERSION|@CHANNEL] in the store, or a folder.")
@click.option(
    "--pair",
    "pairs",
    metavar="TEXT",
    multiple=True,
    help="The second text, for an adapter that reads two: an aspect, a reply ...",
)
@click.option("--map", "tenant_column", metavar="COLUMN", help="The column of --file that names each row's tenant.")
@click.option("--store", default="adapters", show_default=True, type=click.Path(), help="The folder of adapters.")
@click.option("--tenants", metavar="FILE", help="For --map: a tenants.yaml elsewhere than in the store.")
@click.option("--file", "source", metavar="FILE", help="Answer a csv, tsv, jsonl, parquet or xlsx file; - is a pipe.")
@click.option("--format", "format_", type=click.Choice(["csv", "tsv", "jsonl"]), help="Of --file -. Default: csv.")
@click.option("--column", default="text", show_default=True, help="The column of --file that holds the text.")
@click.option("--pair-column", metavar="COLUMN", help="The column of --file that holds the second text.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --file: utf-8, gb18030 ...")
@click.option("--out", type=click.Path(), help="Where the answers to --file go: its columns and ours, .csv or .jsonl.")
@click.option(
    "--threshold",
    default=0.0,
    type=click.FloatRange(0, 1),
    help="Below this probability: uncertain. Of several labels: in place of dev's thresholds.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def predict(
    texts: tuple[str, ...],
    adapter: str | None,
    pairs: tuple[str, ...],
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
    """Labels, entities, numbers or scores for TEXTs, a file or a pipe; without any of them, for what you type.

    With --adapter all of it by one adapter; with --map each row of a file by the adapter of its own tenant. --pair is
    said once for all TEXTs, or as often as there are TEXTs, or several times for one TEXT. A column of --file may hold
    lists, as training reads them: of tokens, which are joined, or of the turns of a dialogue, with | between.
    """
    has_pair = bool(pairs) or pair_column is not None
    who = _Who(adapter, tenant_column, store, tenants, threshold, has_pair, as_json)
    who.check()
    _check_file_options(texts, source, format_, out, tenant_column)
    _check_pairs(pairs, pair_column, source)
    if source:
        from .predict_file import TableRequest, classify_table, open_table

        # what is wrong with the file is told before torch is waited for
        table = open_table(source, format_, encoding, out)
        request = TableRequest(table, column, pair_column, tenant_column, out)
        request.check()
        classify_table(who.classifier(), request)
    elif texts:
        rows = _beside(texts, pairs)
        _classify_texts(who.classifier(), rows)
    else:
        pair = _pair_of_lines(pairs)
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


def _check_pairs(pairs: tuple[str, ...], pair_column: str | None, source: str | None) -> None:
    if pairs and source:
        raise LingyuError("--pair and --file exclude each other", next="Name its column instead: --pair-column COLUMN")
    if pair_column is not None and not source:
        raise LingyuError("--pair-column needs --file", next="Add --file FILE, or --pair TEXT for all texts")


def _beside(texts: tuple[str, ...], pairs: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Each text with its second one. Raises LingyuError where it is not clear which that is."""
    count = max(len(texts), len(pairs))
    if len(texts) not in (1, count) or len(pairs) not in (0, 1, count):
        what = f"{len(texts)} TEXTs but {len(pairs)} --pair"
        raise LingyuError(what, next="Give one a TEXT, or one for all of them")
    firsts = texts if len(texts) == count else texts * count
    seconds = pairs if len(pairs) == count else (pairs or (None,)) * count
    return list(zip(firsts, seconds, strict=True))


def _pair_of_lines(pairs: tuple[str, ...]) -> str | None:
    """The second text of all lines that come."""
    if len(pairs) > 1:
        raise LingyuError(f"--pair is given {len(pairs)} times, without a TEXT", next="Give one, for all lines")
    return pairs[0] if pairs else None


def _first_given(*options: str) -> str | None:
    """The first of these options that stands on the command line."""
    source_of = click.get_current_context().get_parameter_source
    return next((option for option in options if source_of(option) is ParameterSource.COMMANDLINE), None)


def _classify_texts(classifier: "Classifier", rows: list[tuple[str, str | None]]) -> None:
    """rows: a text and its second one, each."""
    from lingyu.tasks import Failed, Result

    answers = classifier.answer([text for text, _ in rows], pairs=[pair for _, pair in rows])
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
    stdin, is_person = piped_bytes(), at_a_terminal()
    if is_person:
        print("Type a text and press Enter; Ctrl-D ends.", file=sys.stderr)
    failed = 0
    for number in itertools.count(1):
        if is_person:
            print("> ", end="", file=sys.stderr, flush=True)
        line = stdin.readline()
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
