"""lingyu predict: texts from the command line, a file, a pipe, or a person."""

import codecs
import itertools
import sys

import click

from lingyu.errors import LingyuError

from .classifier import Classifier


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
    if source:
        from .predict_file import classify_file, read_file

        file = read_file(source, encoding, column, out)  # what is wrong with it is told before torch is waited for
        classify_file(Classifier(adapter, store, threshold, as_json), file)
    elif texts:
        classifier = Classifier(adapter, store, threshold, as_json)
        for result in classifier.answer(list(texts)):
            classifier.show(result)
    else:
        _classify_lines(Classifier(adapter, store, threshold, as_json))


def _classify_lines(classifier: Classifier) -> None:
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
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
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
