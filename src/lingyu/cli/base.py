"""lingyu base: where a base lies and what it is."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lingyu.cli import Group
from lingyu.errors import printable

if TYPE_CHECKING:
    from lingyu.bases import Base
    from lingyu.dapt import Stage

_HEAD_PARTS = 5  # weight and bias of a dense layer and of its norm, and the decoder's bias


@click.group(cls=Group, epilog="Example: lingyu base path embedded")
def base() -> None:
    """Where a base lies, and its fingerprints."""


@base.command(epilog='Example: AutoModel.from_pretrained("$(lingyu base path embedded)")')
@click.argument("name")
@click.option("--revision", help="Of a hub id.")
def path(name: str, revision: str | None) -> None:
    """Print the folder of base NAME: embedded, a folder, or a hub id."""
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
        print(json.dumps(facts, ensure_ascii=False))
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
    yield (
        "encoder",
        f"{facts['model_type']}, {facts['num_hidden_layers']} layers, {facts['hidden_size']:,} wide, "
        f"{facts['vocab_size']:,} entries, {facts['max_length']:,} tokens at most",
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
