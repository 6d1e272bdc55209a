"""lingyu export: an adapter on its base as a graph that runs without torch."""

import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lingyu.errors import printable

from .comparing import texts_of
from .screen import progress, say_json

if TYPE_CHECKING:
    from lingyu.release import Exported

_EXAMPLE = """\b
Example:
    lingyu export hotel --to onnx --out graphs/hotel
    lingyu export adapters/hotel --to openvino --int8 --out graphs/hotel-int8
"""


@click.command(epilog=_EXAMPLE)
@click.argument("adapter")
@click.option("--to", "runtime", required=True, type=click.Choice(["onnx", "openvino"]), help="The kind of graph.")
@click.option("--out", required=True, metavar="FOLDER", type=click.Path(path_type=Path), help="A new folder for it.")
@click.option("--int8", is_flag=True, help="Weights in 8 bits: smaller and faster, and not quite the same answers.")
@click.option(
    "--texts", metavar="FILE", help="Texts to compare on: a column of a csv, tsv, jsonl, parquet or xlsx file."
)
@click.option("--column", default="text", show_default=True, help="The column of --texts.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of --texts: utf-8, gb18030 ...")
@click.option("--store", default="adapters", show_default=True, help="The folder of the adapters.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(
    adapter: str,
    runtime: Literal["onnx", "openvino"],
    out: Path,
    int8: bool,
    texts: str | None,
    column: str,
    encoding: str,
    store: str,
    as_json: bool,
) -> None:
    """Write ADAPTER on its base as a graph, if it answers as the two of them do.

    ADAPTER is NAME[@VERSION|@CHANNEL] in the store, or a folder. Without --texts, graph and torch are compared on the
    dev split of the adapter's recipe where that is at hand, else on sentences of lingyu. With an adapter that reads two
    texts these are read each beside the next one; its graph answers pairs:

    \b
      Graph.load("graphs/restaurant").classify(["菜好吃，就是上菜慢"], text_pairs=["服务"])

    No graph is written of an adapter that answers token by token: merge it instead, with python merge.py.
    """
    from lingyu import release
    from lingyu.folders import require_free
    from lingyu.store import open_adapter

    # what is wrong with the words of the command line is told before torch is waited for
    require_free(out)
    version = open_adapter(adapter, store)
    given = texts_of(texts, column, encoding, version.manifest.task)
    # importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for the outcome
    with contextlib.redirect_stdout(sys.stderr), progress() as report:
        exported = release.export_graph(version, out, runtime=runtime, int8=int8, texts=given, report=report)
    for note in exported.notes:
        print(printable(note), file=sys.stderr)
    if as_json:
        say_json(_document(exported))
    else:
        _show(exported)


def _document(exported: "Exported") -> dict[str, object]:
    manifest = exported.manifest
    return {
        "folder": str(exported.folder),
        "adapter": manifest.adapter.reference,
        "runtime": manifest.runtime,
        "precision": manifest.precision,
        "opset": manifest.opset,
        "gate": manifest.gate.model_dump(mode="json"),
        "measured": {name: asdict(measured) for name, measured in exported.measured.items()},
        "timed_texts": exported.timed_texts,
        "threads": exported.threads,
    }


def _show(exported: "Exported") -> None:
    manifest, torch = exported.manifest, exported.measured["torch"]
    gate = manifest.gate
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "size", "texts/s", "largest difference", "changed labels"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, measured in exported.measured.items():
        found = {"float32": gate.float32, "int8": gate.int8}.get(name)
        table.add_row(
            "torch float32" if name == "torch" else f"{manifest.runtime} {name}",
            f"{measured.size_bytes / 1e6:,.1f} MB",
            f"{measured.texts_per_s:,.0f} ({measured.texts_per_s / torch.texts_per_s:.2f}x)",
            f"{found.largest_difference:.1e}" if found else "",
            f"{found.changed_labels:,}" if found else "",
        )
    print(printable(f"{manifest.adapter.reference} on {manifest.base.id}: {exported.folder}"))
    Console().print(table)
    threads = "1 thread" if exported.threads == 1 else f"{exported.threads} threads"
    print(f"compared on {gate.texts:,} texts ({gate.source}), timed on {exported.timed_texts:,} of them, {threads}")
    print(printable(f"check it later: lingyu verify {exported.folder}"))
