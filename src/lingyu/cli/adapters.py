"""`lingyu adapters list` and `lingyu adapters show`: what a store holds."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lingyu.cli import Group
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.store import Manifest, Store, Version

_STORE = click.option("--store", default="adapters", show_default=True, help="The folder of the adapters.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")


@dataclass(frozen=True)
class Row:
    """One version in the list. What can't be read has an error in place of everything after the channels."""

    adapter: str
    version: str
    channels: tuple[str, ...]
    base: str | None = None
    labels: int | None = None
    rows: int | None = None
    test_accuracy: float | None = None
    error: str | None = None


@click.group(cls=Group)
def adapters() -> None:
    """The adapters of a store, their versions and channels.

    \b
    Example: lingyu adapters list
    """


@adapters.command("list")
@_STORE
@_JSON
def list_adapters(store: str, as_json: bool) -> None:
    """Every version in the store, without verifying its files.

    \b
    Example: lingyu adapters list --store adapters
    """
    from lingyu.store import Store

    rows = [row for name in Store(store).adapters() for row in _rows(Store(store), name)]
    if as_json:
        click.echo(json.dumps({"adapters": [asdict(row) for row in rows]}, ensure_ascii=False))
    elif rows:
        Console().print(_list_table(rows))
    else:
        click.echo(f"{store} holds no adapter yet. Train one: accelerate launch train_lora.py recipes/quickstart.yaml")


@adapters.command()
@click.argument("reference", metavar="ADAPTER")
@_STORE
@_JSON
def show(reference: str, store: str, as_json: bool) -> None:
    """What a version is, after verifying every file of it.

    ADAPTER is NAME, NAME@VERSION, NAME@CHANNEL, or the folder.

    \b
    Example: lingyu adapters show hotel@v3
    """
    from lingyu.store import open_adapter

    version = open_adapter(reference, store)
    if as_json:
        click.echo(json.dumps(version.manifest.model_dump(mode="json"), ensure_ascii=False))
    else:
        Console().print(_summary_table(version))


def _rows(store: "Store", name: str) -> list[Row]:
    try:
        channels = store.channels(name)
    except LingyuError as error:
        return [Row(name, "", (), error=str(error))]
    versions = store.versions(name)
    named = {version: tuple(sorted(c for c, at in channels.items() if at == version)) for version in versions}
    return [_row(store, name, version, named[version]) for version in versions]


def _row(store: "Store", name: str, version: str, channels: tuple[str, ...]) -> Row:
    from lingyu.store import METRICS, read_scores

    try:
        manifest = store.manifest(name, version)
        folder = store.root / name / version
        accuracy = read_scores(folder).test.accuracy.value if METRICS in manifest.files else None
    except LingyuError as error:
        return Row(name, version, channels, error=str(error))
    rows = sum(part.rows for part in manifest.data.values())
    return Row(name, version, channels, manifest.base.id, len(manifest.labels), rows, accuracy)


def _plain(value: str) -> Text:
    """Text for a terminal: a label of somebody's adapter can neither be rich's markup nor move the cursor."""
    return Text(printable(value))


def _list_table(rows: list[Row]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("adapter", "version", "channels", "base"):
        table.add_column(heading)
    for heading in ("labels", "rows", "test accuracy"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*map(_plain, _cells(row)))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    named = (row.adapter, row.version, ", ".join(row.channels))
    if row.error is not None:
        return (*named, row.error)
    accuracy = "" if row.test_accuracy is None else f"{row.test_accuracy:.3f}"
    return (*named, str(row.base), f"{row.labels:,}", f"{row.rows:,}", accuracy)


def _summary_table(version: "Version") -> Table:
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for what, value in _summary(version.manifest).items():
        table.add_row(what, _plain(value))
    table.add_row("folder", _plain(f"{version.folder} (every file verified)"))
    return table


def _summary(manifest: "Manifest") -> dict[str, str]:
    base = manifest.base
    return {
        "adapter": f"{manifest.name}@{manifest.version}",
        "created": manifest.created.isoformat(),
        "task": manifest.task,
        "labels": ", ".join(manifest.labels),
        "max_length": f"{manifest.max_length} tokens",
        "base": f"{base.id} (weights {base.weights_fingerprint[:12]}, tokenizer {base.tokenizer_fingerprint[:12]})",
        "text steps": ", ".join(manifest.text_steps) or "none",
        "rows": ", ".join(f"{part} {record.rows:,}" for part, record in manifest.data.items()),
        "size": f"{sum(file.size for file in manifest.files.values()) / 1e6:.1f} MB in {len(manifest.files)} files",
        "packages": ", ".join(f"{name} {number}" for name, number in sorted(manifest.packages.items())),
    }
