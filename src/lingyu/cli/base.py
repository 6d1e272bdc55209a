"""lingyu base: which bases are here, where one lies and what it is, making one of a checkpoint."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lingyu.cli import Group
from lingyu.cli.screen import say_json, working
from lingyu.errors import printable

if TYPE_CHECKING:
    from lingyu.bases import Base, Found, Imported
    from lingyu.dapt import Stage

_HEAD_PARTS = 5  # weight and bias of a dense layer and of its norm, and the decoder's bias


@click.group(cls=Group, epilog="Example: lingyu base path embedded")
def base() -> None:
    """Which bases are here, where one lies, its fingerprints; making one of a checkpoint."""


@base.command("list", epilog="Example: lingyu base list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(as_json: bool) -> None:
    """List the bases on this machine: embedded, those in bases/, and the encoders in the hubs' caches.

    Nothing is fetched, and no weights are read.
    """
    from lingyu.bases import bases_here

    found = bases_here()
    if as_json:
        say_json([_listed(entry) for entry in found])
        return
    names = [printable(entry.id) + (f" at {entry.revision[:12]}" if entry.revision else "") for entry in found]
    width = max(map(len, names))
    for name, entry in zip(names, found, strict=True):
        print(f"{name:<{width}}  {printable(entry.family or '?'):<14} {printable(_state(entry))}")


def _listed(found: "Found") -> dict[str, Any]:
    return {**asdict(found), "folder": str(found.folder)}


def _state(found: "Found") -> str:
    if found.state == "incomplete":
        return f"incomplete: no {' and no '.join(found.lacking)}"
    if found.state == "unknown":
        return "of no family that is known here"
    if found.state == "import":
        by_hand = f"no base yet: lingyu base import {found.id} --out ..."
        return "made into a base when it is first used" if found.revision else by_hand
    return "ready"


_IMPORT = """\b
Example:
    lingyu base import ~/structbert_large_std --out bases/structbert-large
"""


@base.command("import", epilog=_IMPORT)
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT_DIR")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The new base's folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def import_(checkpoint: Path, out: Path, as_json: bool) -> None:
    """Make a base of a checkpoint as ModelScope ships it (StructBERT), or of one that is a pickle only.

    Its layout is found from the names of its tensors. A pickle is read once, for its tensors alone; a weight of the
    encoder that is missing stops it, and what else is missing is said.
    """
    with working("Reading the checkpoint"):
        from lingyu.bases import import_checkpoint

        imported = import_checkpoint(checkpoint, out)
    if as_json:
        say_json({"out": str(out), **imported.as_json()})
        return
    for line in _import_lines(imported):
        print(printable(line))


def _import_lines(imported: "Imported") -> Iterator[str]:
    yield f"{imported.out} is a base, {imported.model_type}: every number of the encoder is the checkpoint's."
    yield from imported.lines()
    yield f"weights   {imported.weights_fingerprint}"
    yield f"tokenizer {imported.tokenizer_fingerprint}"
    yield f"Name it in a recipe: base: {imported.out}"


@base.command(epilog='Example: ls "$(lingyu base path embedded)"')
@click.argument("name")
@click.option("--revision", help="Of a hub id.")
def path(name: str, revision: str | None) -> None:
    """Print the folder of base NAME: embedded, a folder, a hub id, or modelscope:OWNER/NAME."""
    from lingyu.bases import find_base

    print(find_base(name, revision).folder)


@base.command(epilog="Example: lingyu base show embedded")
@click.argument("name")
@click.option("--revision", help="Of a hub id.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(name: str, revision: str | None, as_json: bool) -> None:
    """Print the architecture, fingerprints and origin of base NAME."""
    from lingyu.bases import find_base
    from lingyu.dapt import stages_of

    found = find_base(name, revision)
    stages = stages_of(found)
    facts = _facts(found, stages)
    if as_json:
        say_json(facts)
    else:
        for key, value in _lines(found, stages, facts):
            print(f"{key:<10} {printable(str(value))}")


def _facts(found: "Base", stages: "tuple[Stage, ...]") -> dict[str, Any]:
    from lingyu.bases import encoder_tensors
    from lingyu.dapt import hours_of

    parent = found.lineage[1] if found.lineage[1:] else None
    return {
        "base": found.id,
        "revision": found.revision,
        "folder": str(found.folder),
        "model_type": found.config.model_type,
        "hidden_size": found.config.hidden_size,
        "num_hidden_layers": found.config.num_hidden_layers,
        "vocab_size": found.config.vocab_size,
        "max_length": found.max_length,
        "trained_length": found.trained_length,
        "head": list(found.family.head),
        "has_pooler": any(name.startswith("pooler.") for name in encoder_tensors(found.folder)),
        "has_masked_lm_head": found.family.masked_lm is not None and len(found.masked_lm_weights()) == _HEAD_PARTS,
        "weights_fingerprint": found.weights_fingerprint,
        "tokenizer_fingerprint": found.tokenizer_fingerprint,
        "parent": parent.id if parent else None,
        "made_from": [
            {"id": ancestor.id, "weights_fingerprint": ancestor.weights_fingerprint} for ancestor in found.lineage[1:]
        ],
        "stages": [
            {
                "name": stage.name,
                "mode": stage.mode,
                "objective": list(stage.objective),
                "steps": stage.steps,
                "best_step": stage.best_step,
                "tokens": stage.tokens,
                "hours": stage.hours,
            }
            for stage in stages
        ],
        "hours": round(hours_of(stages), 4) if stages else None,
    }


def _lines(found: "Base", stages: "tuple[Stage, ...]", facts: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """What a person reads of the same."""
    from lingyu.dapt import duration, hours_of

    yield "base", found.id + (f" at {found.revision}" if found.revision else "")
    if str(found.folder) != found.id:
        yield "folder", found.folder
    known = f", pretrained on {found.trained_length:,}" if found.trained_length else ""
    yield (
        "encoder",
        f"{facts['model_type']}, {facts['num_hidden_layers']} layers, {facts['hidden_size']:,} wide, "
        f"{facts['vocab_size']:,} entries, {facts['max_length']:,} tokens at most{known}",
    )
    yield "has", f"{_with(facts['has_pooler'])} pooler, {_with(facts['has_masked_lm_head'])} masked-LM head"
    yield "head", f"of an adapter on it: {', '.join(facts['head'])}"
    yield "weights", found.weights_fingerprint
    yield "tokenizer", found.tokenizer_fingerprint
    for place, ancestor in enumerate(found.lineage[1:]):
        yield "and that" if place else "made from", f"{ancestor.id}  weights {ancestor.weights_fingerprint[:12]}"
    for number, stage in enumerate(stages, 1):
        objective = ", ".join(stage.objective)
        said = f"{stage.name}: {stage.mode}, {objective}, {stage.tokens:,} tokens in {duration(stage.hours)}"
        yield f"stage {number}", said
    if stages[1:]:
        yield "training", f"{duration(hours_of(stages))} in all"


def _with(there: bool) -> str:
    return "a" if there else "no"
