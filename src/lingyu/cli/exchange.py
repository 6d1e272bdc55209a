"""`lingyu adapters import | copy | push | pull`: how versions come into a store and leave it."""

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.screen import say_json, working
from lingyu.cli.stdin import at_a_terminal
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.bases import Base
    from lingyu.lora import Foreign
    from lingyu.store import Version

_STORE = click.option("--store", default="adapters", show_default=True, help="The folder of the adapters.")
_CHANNEL = click.option("--channel", help="Set this channel to it. Without, no channel names it yet.")
_WHY = click.option("--why", help="The reason, for the channel's history.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path), metavar="PEFT_FOLDER")
@click.option("--name", required=True, help="The adapter's name in the store.")
@click.option("--base", help="embedded, a folder, a hub id or modelscope:OWNER/NAME: what it was trained on.")
@click.option("--revision", help="Of a hub id.")
@click.option("--labels", help="What its outputs mean, in their order: A,B,C; of tokens O,B-A,I-A.")
@click.option("--max-length", type=click.IntRange(8, 8192), help="Tokens of a text; longer ones are cut.")
@click.option("--text-steps", default="", help="How its texts were cleaned: html,control,width, or some of them.")
@_STORE
@_CHANNEL
@_WHY
@_JSON
def import_(
    folder: Path,
    name: str,
    base: str | None,
    revision: str | None,
    labels: str | None,
    max_length: int | None,
    text_steps: str,
    store: str,
    channel: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    """Make a version of an adapter that plain PEFT saved, after proving that it fits its base.

    \b
    Example: lingyu adapters import ~/my-lora --name hotel --base hfl/chinese-macbert-base --labels 负面,正面
    """
    from lingyu.store import Store, check_name

    check_name(name)
    _check_why(why, channel)
    with working("Reading the adapter"):
        from lingyu.bases import find_base, is_hub_id
        from lingyu.lora import import_adapter, read_foreign

        foreign = read_foreign(folder)
    asked_labels = labels or _ask_labels(foreign)
    asked_base = base or _ask_base(foreign)
    with working("Proving that it fits its base"):
        of_adapter = foreign.revision if asked_base == foreign.base and is_hub_id(asked_base) else None
        found = _named_from(find_base(asked_base, revision or of_adapter), Path(store))
        version = import_adapter(
            foreign,
            Store(store),
            name,
            found,
            _words(asked_labels),
            max_length=max_length,
            text_steps=_words(text_steps),
            channel=channel,
            why=why or "imported",
        )
    _tell_arrival(version, True, channel, as_json=as_json)
    _warn_where_the_base_is_not_found(version)


@click.command("copy")
@click.argument("reference", metavar="ADAPTER")
@click.option("--to", "target", required=True, help="The store that it is copied into.")
@_STORE
@_CHANNEL
@_WHY
@_JSON
def copy(reference: str, target: str, store: str, channel: str | None, why: str | None, as_json: bool) -> None:
    """Copy a version into another store, verified on the way. It keeps its name and number.

    ADAPTER is NAME, NAME@VERSION or NAME@CHANNEL in --store, or the folder.

    \b
    Example: lingyu adapters copy hotel@v3 --to /mnt/share/adapters
      lingyu adapters copy /mnt/share/adapters/hotel/v3 --to adapters --channel canary
    """
    from lingyu.store import Store, open_adapter

    _check_why(why, channel)
    version = open_adapter(reference, store)
    arrival = Store(target).receive(version, channel=channel, why=why or "copied")
    _tell_arrival(arrival.version, arrival.is_new, channel, as_json=as_json)


@click.command("push")
@click.argument("reference", metavar="ADAPTER")
@click.argument("repository", metavar="ORG/NAME")
@click.option("--private", is_flag=True, help="Make the repository a private one.")
@_STORE
@_JSON
def push(reference: str, repository: str, private: bool, store: str, as_json: bool) -> None:
    """Put a version onto the Hugging Face hub, or what HF_ENDPOINT names: its files, and a tag of its number.

    \b
    Example: lingyu adapters push hotel@v3 my-team/hotel --private
    """
    from lingyu.store import open_adapter
    from lingyu.store import push as push_version

    version = open_adapter(reference, store)
    pushed = push_version(version, repository, private=private)
    if as_json:
        facts = {"adapter": version.reference, "repository": pushed.address.repository, "commit": pushed.commit}
        say_json({**facts, "tag": version.version, "new": pushed.is_new, "main_before": pushed.before})
        return
    if not pushed.is_new:
        click.echo(f"{version.reference} is there already, the very same: nothing was changed.")
    else:
        was = f"; until now main was {pushed.before}" if pushed.before not in (None, version.version) else ""
        click.echo(f"{version.reference} is main and tag {version.version} of {pushed.address.repository}{was}.")
    click.echo(f"Fetch it with: lingyu adapters pull {pushed.address}")


@click.command("pull")
@click.argument("address", metavar="ORG/NAME[@REVISION]")
@_STORE
@_CHANNEL
@_WHY
@_JSON
def pull(address: str, store: str, channel: str | None, why: str | None, as_json: bool) -> None:
    """Take a version from the Hugging Face hub, or what HF_ENDPOINT names, into the store, verified on arrival.

    REVISION is a version such as v3, a branch or a commit; main without one.

    \b
    Example: lingyu adapters pull my-team/hotel@v3 --channel canary
    """
    from lingyu.store import HubAddress, Store
    from lingyu.store import pull as pull_version

    _check_why(why, channel)
    arrival = pull_version(HubAddress.parse(address), Store(store), channel=channel, why=why)
    _tell_arrival(arrival.version, arrival.is_new, channel, as_json=as_json)


def _check_why(why: str | None, channel: str | None) -> None:
    if why is not None and channel is None:
        raise LingyuError(
            "--why is the reason for setting a channel, and none is", next="Add --channel, or leave it out"
        )
    if why is not None:
        from lingyu.store import check_why

        check_why(why)


EXCHANGE = (import_, copy, push, pull)


def _tell_arrival(version: "Version", is_new: bool, channel: str | None, *, as_json: bool) -> None:
    if as_json:
        facts = {"adapter": version.reference, "folder": str(version.folder), "new": is_new, "channel": channel}
        say_json(facts)
        return
    if is_new:
        click.echo(f"{version.reference} is in {version.folder}, every file verified.")
    else:
        click.echo(f"{version.reference} is in {version.folder} already, the very same: nothing was copied.")
    naming = [name for name, named in _channels_of(version) if named == version.version]
    if len(naming) > 1:
        click.echo(f"Channels {', '.join(naming)} name it.")
    elif naming:
        click.echo(f"Channel {naming[0]} names it.")
    else:
        store = shlex.quote(str(version.folder.parent.parent))
        click.echo("No channel was set to it. Have it answer with:")
        click.echo(f"  lingyu adapters promote {version.reference} --to stable --store {store} --why WHY")


def _channels_of(version: "Version") -> list[tuple[str, str]]:
    from lingyu.store import Store

    return sorted(Store(version.folder.parent.parent).channels(version.name).items())


def _ask_labels(foreign: "Foreign") -> str:
    """Of whoever sits at a terminal; else LingyuError."""
    count = f"{foreign.outputs} labels" if foreign.outputs else "labels"
    if not at_a_terminal():
        raise LingyuError(
            "--labels is missing", where=foreign.folder, next=f"Name its {count}, in the order of its outputs: A,B,..."
        )
    answer: str = click.prompt(f"Its {count}, in the order of its outputs, with commas between", err=True)
    return answer


def _ask_base(foreign: "Foreign") -> str:
    known = printable(foreign.base) if foreign.base and not os.path.isabs(foreign.base) else None
    if not at_a_terminal():
        hint = f"Its config names {known}: --base {known}" if known else "Name what it was trained on"
        raise LingyuError("--base is missing", where=foreign.folder, next=hint)
    answer: str = click.prompt("The base that it was trained on", default=known, err=True)
    return answer


def _words(text: str) -> list[str]:
    """What stands between commas, Chinese ones too."""
    return [word.strip() for word in re.split("[,，]", text)] if text.strip() else []


def _named_from(base: "Base", store: Path) -> "Base":
    """A folder's base under the name by which the store finds it, which is no path of this machine.

    Beside the store it is the way from there; elsewhere its own name, and it is found by its fingerprint in bases/.
    """
    if base.id == "embedded" or base.revision is not None:
        return base
    folder, beside = Path(os.path.abspath(base.folder)), Path(os.path.abspath(store)).parent
    return replace(base, id=str(folder.relative_to(beside)) if folder.is_relative_to(beside) else folder.name)


def _warn_where_the_base_is_not_found(version: "Version") -> None:
    from lingyu.lora import find_base_of

    try:
        find_base_of(version)
    except LingyuError as error:
        click.echo(f"Before it can answer: {error}", err=True)
