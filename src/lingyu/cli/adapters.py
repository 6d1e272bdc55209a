"""`lingyu adapters ...`: what a store holds, how two versions differ, and which of them the channels name."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from lingyu.cli import Group
from lingyu.cli.exchange import EXCHANGE
from lingyu.cli.screen import say_json
from lingyu.cli.stdin import at_a_terminal
from lingyu.errors import LingyuError, did_you_mean, printable

if TYPE_CHECKING:
    from lingyu.store import AdapterReference, Change, Manifest, Removal, Store, Version

_STORE = click.option("--store", default="adapters", show_default=True, help="The folder of the adapters.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
_WHY = click.option("--why", required=True, metavar="TEXT", help="The reason, for the adapter's history.")
_CHANNEL_HELP = "The channel, such as stable or canary."


@dataclass(frozen=True)
class Row:
    """One version in the list. What can't be read has an error in place of everything after the channels.

    test_figure: the one that lists show of its task; test_accuracy is the same where that is accuracy.
    """

    adapter: str
    version: str
    channels: tuple[str, ...]
    base: str | None = None
    labels: int | None = None
    rows: int | None = None
    test_accuracy: float | None = None
    task: str | None = None
    test_figure: str | None = None
    test_value: float | None = None
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
        say_json({"adapters": [asdict(row) for row in rows]})
    elif rows:
        Console().print(_list_table(rows), crop=False)
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
        say_json(version.manifest.model_dump(mode="json"))
    else:
        Console().print(_summary_table(version))


@adapters.command()
@click.argument("one", metavar="ADAPTER")
@click.argument("other", metavar="ADAPTER")
@_STORE
@_JSON
def diff(one: str, other: str, store: str, as_json: bool) -> None:
    """Compare two versions: recipe, data, and their answers to the test texts that both have.

    Says whether the second is better than the first, worse, better by one figure and worse by another, or whether the
    difference is noise.

    \b
    Example: lingyu adapters diff hotel@v1 hotel@v2
    """
    from lingyu.store import open_adapter

    versions = open_adapter(one, store), open_adapter(other, store)
    from lingyu.evaluation import compare_versions

    comparison = compare_versions(*versions)
    if as_json:
        say_json(comparison.as_json())
    else:
        from .adapters_diff import diff_page

        Console().print(diff_page(comparison, *versions))


@adapters.command()
@click.argument("reference", metavar="ADAPTER")
@click.option("--to", "channel", required=True, metavar="CHANNEL", help=_CHANNEL_HELP)
@_WHY
@_STORE
@_JSON
def promote(reference: str, channel: str, why: str, store: str, as_json: bool) -> None:
    """Set a channel to a version, after verifying every file of it.

    ADAPTER is NAME@VERSION, or NAME@CHANNEL for what another channel names.

    \b
    Example: lingyu adapters promote hotel@v4 --to stable --why "canary held for a week"
    """
    from lingyu.store import Store

    opened = Store(store)
    found = opened.find(_with_selector(reference, "VERSION"))
    known = opened.channels(found.name)
    change = opened.set_channel(found.name, channel, found.selector, why)
    if change is not None:
        _warn_of_a_slip(channel, known)
        _say(change, f"{found.name}: {_as_words(change)}", as_json)
    elif as_json:
        say_json({"change": None})
    else:
        click.echo(f"{found.name}: {channel} names {found.selector} already; nothing was changed")


@adapters.command()
@click.argument("name", metavar="NAME")
@click.option("--channel", default="stable", show_default=True, help=_CHANNEL_HELP)
@_WHY
@_STORE
@_JSON
def rollback(name: str, channel: str, why: str, store: str, as_json: bool) -> None:
    """Set a channel back to the version that it named before. Again, and it goes back one further.

    \b
    Example: lingyu adapters rollback hotel --why "complaints about breakfast"
    """
    from lingyu.store import Store

    change = Store(store).rollback(name, channel, why)
    _say(change, f"{name}: {_as_words(change)}", as_json)


@adapters.command()
@click.argument("name", metavar="NAME")
@_STORE
@_JSON
def history(name: str, store: str, as_json: bool) -> None:
    """Who changed which channel of an adapter when and why, and which versions were removed.

    \b
    Example: lingyu adapters history hotel
    """
    from lingyu.store import Store

    opened = Store(store)
    lines = opened.history(name)
    if not lines and not opened.versions(name):
        opened.find(name)  # which says what there is
    if as_json:
        say_json({"history": [line.model_dump(by_alias=True) for line in lines]})
    else:
        Console().print(_history_table(lines), crop=False)


@adapters.command()
@click.argument("reference", metavar="NAME@VERSION|NAME@CHANNEL")
@_WHY
@click.option("--yes", is_flag=True, help="Don't ask.")
@_STORE
@_JSON
def remove(reference: str, why: str, yes: bool, store: str, as_json: bool) -> None:
    """Remove a version that no channel names, or a channel, whose version stays.

    The number of a removed version is never given again. On a terminal it is asked whether this is meant.

    \b
    Examples:
      lingyu adapters remove hotel@v2 --why "never used"
      lingyu adapters remove hotel@canary --why "the trial is over"
    """
    from lingyu.store import Store

    opened = Store(store)
    wanted = _with_selector(reference, "VERSION|CHANNEL")
    if wanted.names_version:
        opened.find(wanted)
        _ask(f"Remove {wanted} for ever?", yes)
        removal = opened.remove(wanted.name, wanted.selector, why)
        _say(removal, f"{wanted} was removed; its number is never given again", as_json)
    else:
        _ask(f"Take channel {wanted} away? Its version stays", yes)
        change = opened.remove_channel(wanted.name, wanted.selector, why)
        _say(change, f"{wanted.name}: {_as_words(change)}", as_json)


def _with_selector(reference: str, what: str) -> "AdapterReference":
    """A reference that says which version or channel is meant: what changes a store is not left to a default."""
    from lingyu.store import AdapterReference

    parsed = AdapterReference.parse(reference)
    if "@" not in reference:
        raise LingyuError(
            f"{reference} names no version", next=f"Write {reference}@{what}; lingyu adapters list shows them"
        )
    return parsed


def _ask(question: str, yes: bool) -> None:
    """At a terminal only: a script has said what it means."""
    if not yes and at_a_terminal() and not click.confirm(question, err=True):
        raise LingyuError("nothing was removed", status=1)


def _say(line: "Change | Removal", words: str, as_json: bool) -> None:
    if as_json:
        say_json({"change": line.model_dump(by_alias=True)})
    else:
        click.echo(printable(words))


def _as_words(change: "Change") -> str:
    if change.version is None:
        return f"channel {change.channel} was taken away; it named {change.previous}"
    before = "a new channel" if change.previous is None else f"before: {change.previous}"
    return f"{change.channel} names {change.version} ({before})"


def _warn_of_a_slip(channel: str, known: dict[str, str]) -> None:
    near = did_you_mean(channel, known)
    if channel not in known and near:
        click.echo(f"`{channel}` is a new channel beside `{near}`, which stays where it was", err=True)


def _history_table(lines: "tuple[Change | Removal, ...]") -> Table:
    from lingyu.store import Removal

    whats = [f"{line.removed} removed" if isinstance(line, Removal) else _arrow(line) for line in lines]
    rows = [(_minute(line.when), line.who, what, line.why) for line, what in zip(lines, whats, strict=True)]
    table = Table(box=None, header_style="bold")
    table.add_column("when (UTC)", no_wrap=True, min_width=len("2026-11-23 21:02"))
    for at, heading in enumerate(("who", "what"), 1):
        table.add_column(heading, overflow="fold", min_width=_longest_word(heading, *(row[at] for row in rows)))
    table.add_column("why", overflow="fold", min_width=20)  # a sentence, which may go on below
    for row in rows:
        table.add_row(*map(_plain, row))
    return table


def _minute(when: str) -> str:
    """As the history has it where that is no time."""
    try:
        return f"{datetime.fromisoformat(when).astimezone(UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return when


def _longest_word(*cells: str) -> int:
    """In cells of a terminal. A table may be wider than it: a name or a number that is broken in two is none."""
    return max(cell_len(word) for cell in cells for word in printable(cell).split())


def _arrow(change: "Change") -> str:
    sides = f"{change.channel}: {change.previous or 'new'} → {change.version or 'taken away'}"
    return f"{sides} (rollback)" if change.rollback else sides


def _rows(store: "Store", name: str) -> list[Row]:
    try:
        channels = store.channels(name)
    except LingyuError as error:
        return [Row(name, "", (), error=str(error))]
    versions = store.versions(name)
    named = {version: tuple(sorted(c for c, at in channels.items() if at == version)) for version in versions}
    return [_row(store, name, version, named[version]) for version in versions]


def _row(store: "Store", name: str, version: str, channels: tuple[str, ...]) -> Row:
    from lingyu.tasks import task_named

    try:
        manifest = store.manifest(name, version)
        figure = task_named(manifest.task, manifest.labels).figures[0]
        value = _test_value(store.root / name / version, manifest, figure)
    except LingyuError as error:
        return Row(name, version, channels, error=str(error))
    return Row(
        name,
        version,
        channels,
        manifest.base.id,
        labels=len(manifest.labels),
        rows=sum(part.rows for part in manifest.data.values()),
        test_accuracy=value if figure == "accuracy" else None,
        task=manifest.task,
        test_figure=None if value is None else figure,
        test_value=value,
    )


def _test_value(folder: Path, manifest: "Manifest", figure: str) -> float | None:
    from lingyu.store import METRICS, read_scores

    test = read_scores(folder).test if METRICS in manifest.files else None
    if test is None or figure not in test.figures:
        return None
    return test.figures[figure].value


def _plain(value: str) -> Text:
    """Text for a terminal: a label of somebody's adapter can neither be rich's markup nor move the cursor."""
    return Text(printable(value))


def _list_table(rows: list[Row]) -> Table:
    table = Table(box=None, header_style="bold")
    only_accuracy = all(row.test_figure in (None, "accuracy") for row in rows)
    names = ("adapter", "version", "channels")
    headings = (*names, "base", "labels", "rows", "test accuracy" if only_accuracy else "test")
    cells = [_cells(row, with_figure=not only_accuracy) for row in rows]
    for at, heading in enumerate(headings):
        known = [of_row[at] for of_row in cells if at < len(names) or len(of_row) == len(headings)]  # no error
        justify: JustifyMethod = "left" if at <= len(names) else "right"
        table.add_column(heading, justify=justify, overflow="fold", min_width=_longest_word(heading, *known))
    for of_row in cells:
        table.add_row(*map(_plain, of_row))
    return table


def _cells(row: Row, *, with_figure: bool) -> tuple[str, ...]:
    """with_figure: say which one it is, where the rows of a list show several."""
    from lingyu.recipe import FIGURES

    named = (row.adapter, row.version, ", ".join(row.channels))
    if row.error is not None:
        return (*named, row.error)
    value = "" if row.test_value is None else f"{row.test_value:.3f}"
    if with_figure and row.test_figure is not None:
        value = f"{FIGURES[row.test_figure].title} {value}"
    return (*named, str(row.base), f"{row.labels:,}", f"{row.rows:,}", value)


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
        "adapter": manifest.reference,
        "created": manifest.created.isoformat(),
        "task": manifest.task,
        "labels": ", ".join(manifest.labels) or "none",
        **({"reads": "two texts, together"} if manifest.text_pair else {}),
        "max_length": f"{manifest.max_length} tokens",
        "base": f"{base.id} (weights {base.weights_fingerprint[:12]}, tokenizer {base.tokenizer_fingerprint[:12]})",
        "text steps": ", ".join(manifest.text_steps) or "none",
        **({"thresholds": _thresholds(manifest)} if manifest.calibration.thresholds else {}),
        "rows": ", ".join(f"{part} {record.rows:,}" for part, record in manifest.data.items()) or "none of its own",
        **({"combined from": _parents(manifest)} if manifest.parents else {}),
        "size": f"{sum(file.size for file in manifest.files.values()) / 1e6:.1f} MB in {len(manifest.files)} files",
        "packages": ", ".join(f"{name} {number}" for name, number in sorted(manifest.packages.items())),
    }


def _thresholds(manifest: "Manifest") -> str:
    named = zip(manifest.labels, manifest.calibration.thresholds, strict=False)
    return ", ".join(f"{label} {threshold:.3f}" for label, threshold in named)


def _parents(manifest: "Manifest") -> str:
    return ", ".join(f"{parent.reference} (weight {parent.weight:.3g})" for parent in manifest.parents)


for command in EXCHANGE:
    adapters.add_command(command)
