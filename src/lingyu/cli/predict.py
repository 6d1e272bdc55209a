"""lingyu predict: texts from the command line, a file, a pipe, or a person."""

import contextlib
import csv
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from lingyu.errors import LingyuError

if TYPE_CHECKING:
    from lingyu.data import Table, TableRow
    from lingyu.serving import Result

_CHUNK_ROWS = 256
_ADDED = ("predicted_label", "probability", "version", "truncated", "error")


@click.command(epilog="Example: lingyu predict --adapter hotel 房间很干净 前台态度很差")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("--adapter", required=True, metavar="NAME", help="NAME[@VERSION|@CHANNEL] in the store, or a folder.")
@click.option("--store", default="adapters", show_default=True, type=click.Path(), help="The folder of adapters.")
@click.option("--file", "source", metavar="FILE", help="Classify a column of a csv, tsv, jsonl, parquet or xlsx file.")
@click.option("--column", default="text", show_default=True, help="The column of --file that holds the text.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --file: utf-8, gb18030 ...")
@click.option("--out", type=click.Path(), help="Where the answers to --file go: its columns and ours, as csv.")
@click.option("--threshold", default=0.0, type=click.FloatRange(0, 1), help="Below this probability: uncertain.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def predict(
    texts: tuple[str, ...],
    adapter: str,
    store: str,
    source: str | None,
    column: str,
    encoding: str,
    out: str | None,
    threshold: float,
    as_json: bool,
) -> None:
    """Classify TEXTs, a file, or what comes from a pipe; without any of them, what you type."""
    if source and texts:
        raise LingyuError("TEXT and --file exclude each other", next="Leave one of them out")
    if out and not source:
        raise LingyuError("--out needs --file", next="Add --file, or redirect the output: > answers.txt")
    classifier = _Classifier(adapter, store, threshold, as_json)
    if source:
        _classify_file(classifier, source, column, encoding, out)
    elif texts:
        for result in classifier.answer(list(texts)):
            classifier.show(result)
    else:
        _classify_lines(classifier)


class _Classifier:
    """One adapter, one threshold, one way to show an answer."""

    def __init__(self, adapter: str, store: str, threshold: float, as_json: bool) -> None:
        with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
            from lingyu.serving import Lingyu

        self.lingyu: Lingyu = Lingyu.load(store)
        self.adapter = adapter
        self.threshold = threshold
        self.as_json = as_json
        self.lingyu.adapter(adapter)  # a wrong name is told before the first text is asked for

    def answer(self, texts: list[str]) -> "list[Result]":
        return self.lingyu.classify(texts, self.adapter, threshold=self.threshold)

    def show(self, result: "Result") -> None:
        if self.as_json:
            print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
        else:
            cut = "  (cut)" if result.truncated else ""
            print(f"{result.label}\t{result.probability:.3f}\t{result.text}{cut}", flush=True)

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False), flush=True)
        else:
            print(error, file=sys.stderr, flush=True)


def _classify_lines(classifier: _Classifier) -> None:
    """Each line is answered as it comes; one that can't be is reported and the next goes on."""
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
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if is_person and not text.strip():
            continue
        try:
            classifier.show(classifier.answer([_decoded(line)])[0])
        except LingyuError as error:
            failed += 1
            classifier.show_error(text, LingyuError(error.what, f"line {number}", error.next))
    if failed:
        raise LingyuError(f"{failed} of {number - 1} lines could not be answered", status=2)


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise LingyuError("not UTF-8", next="Convert it first: iconv -f gb18030 -t utf-8") from None


def _classify_file(classifier: _Classifier, source: str, column: str, encoding: str, out: str | None) -> None:
    """Every row of the file in its order, those that can't be read too, with what is wrong in the column `error`."""
    from lingyu.data import read_table

    if out and Path(out).exists() and Path(out).samefile(source):
        raise LingyuError("--out is the file itself", where=out, next="Name another file")
    table = read_table(source, encoding)
    table.needs(column, "--column")
    failed = total = 0
    with _writer(classifier, table, column, out) as write, _progress(source) as advance:
        for rows in _chunks(table.rows):
            for row, answer in _answers(classifier, rows, column):
                total += 1
                failed += isinstance(answer, LingyuError)
                write(row, answer)
            advance(len(rows))
    if out:
        print(f"{out}: {total - failed:,} of {total:,} rows answered", file=sys.stderr)
    if failed:
        raise LingyuError(
            f"{failed:,} of {total:,} rows could not be answered", source, "See the column `error`", status=2
        )


def _answers(
    classifier: _Classifier, rows: "tuple[TableRow, ...]", column: str
) -> "Iterator[tuple[TableRow, Result | LingyuError]]":
    """(row, its answer or what is wrong with it), in order; the good ones go through the model together."""
    loaded = classifier.lingyu.adapter(classifier.adapter)
    errors: dict[int, LingyuError] = {}
    for at, row in enumerate(rows):
        if row.fault:
            errors[at] = row.fault
            continue
        try:
            loaded.clean(row.cells.get(column, ""))
        except LingyuError as error:
            errors[at] = LingyuError(error.what, row.where, error.next)
    good = [at for at in range(len(rows)) if at not in errors]
    results = dict(zip(good, classifier.answer([rows[at].cells[column] for at in good]), strict=True))
    for at, row in enumerate(rows):
        yield row, errors[at] if at in errors else results[at]


@contextlib.contextmanager
def _writer(classifier: _Classifier, table: "Table", column: str, out: str | None) -> Iterator[Any]:
    """Writes a row with its answer: to --out through a temporary sibling, or to the screen."""
    if out is None:

        def show(row: "TableRow", answer: "Result | LingyuError") -> None:
            if isinstance(answer, LingyuError):
                classifier.show_error(row.cells.get(column, ""), answer)
            else:
                classifier.show(answer)

        yield show
        return
    target = Path(out)
    temporary = target.with_name(f".{target.name}.writing")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            yield _csv_writer(stream, table.columns)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _csv_writer(stream: IO[str], columns: tuple[str, ...]) -> Any:
    writer = csv.writer(stream)
    writer.writerow([*columns, *(name if name not in columns else f"lingyu_{name}" for name in _ADDED)])

    def write(row: "TableRow", answer: "Result | LingyuError") -> None:
        cells = [row.cells.get(name, "") for name in columns]
        if isinstance(answer, LingyuError):
            writer.writerow([*cells, "", "", "", "", str(answer)])
        else:
            writer.writerow(
                [*cells, answer.label, f"{answer.probability:.6f}", answer.version, str(answer.truncated).lower(), ""]
            )

    return write


@contextlib.contextmanager
def _progress(source: str) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}  {task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source)
        yield lambda rows: bar.advance(task, rows)


def _chunks(rows: "Iterator[TableRow]") -> "Iterator[tuple[TableRow, ...]]":
    while chunk := tuple(itertools.islice(rows, _CHUNK_ROWS)):
        yield chunk
