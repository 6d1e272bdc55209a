"""lingyu base: where a base lies and what it is."""

import json

import click

from lingyu.cli import Group


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
    from lingyu.dapt import hours_of, stages_of

    found = find_base(name, revision)
    stages = stages_of(found)
    facts = {
        "base": found.id,
        "revision": found.revision,
        "folder": str(found.folder),
        "model_type": found.config.model_type,
        "hidden_size": found.config.hidden_size,
        "num_hidden_layers": found.config.num_hidden_layers,
        "vocab_size": found.config.vocab_size,
        "head": list(found.family.head),
        "weights_fingerprint": found.weights_fingerprint,
        "tokenizer_fingerprint": found.tokenizer_fingerprint,
        "made_from": [f"{ancestor.id} ({ancestor.weights_fingerprint[:12]})" for ancestor in found.lineage[1:]],
        "stages": [f"{stage.name}: {stage.mode}, {stage.hours:.2f} h" for stage in stages],
        "hours": round(hours_of(stages), 2) if stages else None,
    }
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    for key, value in facts.items():
        if value not in (None, []):
            shown = " <- ".join(value) if isinstance(value, list) and key == "made_from" else value
            print(f"{key:<22} {shown}")
