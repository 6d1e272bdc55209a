"""What merge.py calls: an adapter into its base."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lingyu.cli import run
from lingyu.cli.combine import CombineOptions, combine, combine_options, refuse_without_into
from lingyu.cli.comparing import texts_of
from lingyu.cli.screen import progress, say_json
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.release import Certificate
    from lingyu.store import Version

_TEXTS = "Texts to compare merged and unmerged on: a column of a csv, tsv, jsonl, parquet or xlsx file."


@click.command(epilog="Example: python merge.py adapters/hotel --out merged/hotel")
@click.argument("adapters", nargs=-1, required=True, metavar="ADAPTER...")
@click.option("--out", metavar="FOLDER", help="Where the merged model goes: a folder that does not exist yet.")
@click.option("--dtype", default="float32", show_default=True, help="Of the weights: float32, bfloat16 or float16.")
@click.option("--texts", metavar="FILE", help=_TEXTS)
@click.option("--column", default="text", show_default=True, help="The column of --texts.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --texts: utf-8, gb18030 ...")
@click.option("--store", default="adapters", show_default=True, help="The folder of the adapters.")
@combine_options
@click.option("--json", "as_json", is_flag=True, help="Print the certificate, or the version made, as JSON on stdout.")
def merge(
    adapters: Sequence[str],
    out: str | None,
    dtype: str,
    texts: str | None,
    column: str,
    encoding: str,
    store: str,
    as_json: bool,
    **combining: Unpack[CombineOptions],
) -> None:
    """Merge ADAPTER into its base, if the merged model answers as the two of them do, and write it to FOLDER.

    ADAPTER is NAME[@VERSION|@CHANNEL] in the store, or a folder, of any task. Base, labels, tokenizer and max_length
    are the adapter's own. One that reads two texts is compared on each text beside the next one, but for the dev split.

    With --into, merge several adapters of single_label, of one base with the same labels, into one: the average of what
    they change and of their heads, by --weights. It is published as an adapter, which --out then merges like any other:

    \b
      python merge.py adapters/hotel adapters/ecommerce --into adapters/reviews
    """
    if combining["into"] is not None:
        _refuse_with_into(out=out, texts=texts, dtype=None if dtype == "float32" else dtype)
        combine(adapters, combining, store, as_json=as_json, progress=progress)
        return
    refuse_without_into(combining)
    if len(adapters) > 1:
        raise LingyuError(
            f"--out takes one adapter, and here are {len(adapters)}",
            where="merge.py",
            next="Combine them into a version first (--into adapters/NAME), then merge that one",
        )
    if out is None:
        raise LingyuError("--out is missing", where="merge.py", next=f"Add --out merged/{Path(adapters[0]).name}")
    from lingyu.folders import require_free
    from lingyu.release import require_dtype
    from lingyu.store import open_adapter

    # what is wrong with the words of the command line is told before torch is waited for
    require_free(Path(out))
    require_dtype(dtype)
    version = open_adapter(adapters[0], store)
    merge_one(version, Path(out), dtype, texts_of(texts, column, encoding, version.manifest.task), as_json)


def _refuse_with_into(**options: str | None) -> None:
    """Raises LingyuError where an option of --out stands beside --into."""
    for name, value in options.items():
        if value is not None:
            raise LingyuError(
                f"--{name} does not go with --into, which makes an adapter and no model",
                where="merge.py",
                next="Combine first, then merge what came of it with --out",
            )


def merge_one(version: "Version", out: Path, dtype: str, texts: tuple[str, ...] | None, as_json: bool) -> None:
    """Into a new folder, with what there is to say of it on the screen."""
    from lingyu import release

    # importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for the outcome
    with contextlib.redirect_stdout(sys.stderr), progress() as report:
        merged = release.merge(version, out, dtype=dtype, texts=texts, report=report)
    for note in merged.notes:
        print(printable(note), file=sys.stderr)
    if as_json:
        document = {"folder": str(out), "size_bytes": merged.size_bytes, **merged.certificate.model_dump(mode="json")}
        say_json(document)
        return
    Console().print(_table(merged.certificate, out, merged.size_bytes))
    print(f"check it later: lingyu verify {out}")


def _table(certificate: "Certificate", out: Path, size_bytes: int) -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for what, value in _summary(certificate, out, size_bytes).items():
        table.add_row(what, Text(printable(value)))
    return table


def _summary(certificate: "Certificate", out: Path, size_bytes: int) -> dict[str, str]:
    gate, cast, seconds = certificate.gate, certificate.cast, certificate.seconds
    summary = {
        "merged": f"{certificate.adapter.reference} into {certificate.base.id}",
        "written": f"{out}: {size_bytes / 1e6:,.1f} MB, {certificate.result.dtype}",
        "seconds": f"writing {seconds.writing:.1f}, comparing {seconds.gate:.1f}",
        "compared": f"{gate.texts:,} texts ({gate.source})",
        "largest difference": f"{gate.largest_difference:.1e} of a logit in float32 (allowed: {gate.tolerance:g}), "
        f"{_labels_changed(gate.changed_labels)}",
    }
    if cast:
        summary[f"after the cast to {certificate.result.dtype}"] = (
            f"{cast.largest_difference:.1e} of a logit, {_labels_changed(cast.changed_labels)}"
        )
    return summary


def _labels_changed(count: int) -> str:
    return "no label changed" if not count else f"{count:,} label{'' if count == 1 else 's'} changed"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of merge.py."""
    return run(merge, "merge.py", arguments)
