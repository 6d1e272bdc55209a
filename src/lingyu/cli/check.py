"""`lingyu check`: recipes, before anything runs. Imports neither torch nor a reader of data, except for --data."""

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lingyu.errors import Faults, LingyuError
from lingyu.recipe import Recipe, explain, json_schema, load_recipe, resolved_yaml


@click.command()
@click.argument("arguments", nargs=-1, metavar="[RECIPE.yaml | KEY=VALUE]...")
@click.option("--resolved", is_flag=True, help="Print each recipe with every default.")
@click.option("--data", "reads_data", is_flag=True, help="Read the data too: rows, splits, and test texts trained on.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of recipes, for editors.")
@click.option("--explain", "key", metavar="KEY", help="Say what a key or section of a recipe is.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(arguments: tuple[str, ...], resolved: bool, reads_data: bool, schema: bool, key: str, as_json: bool) -> None:
    """Say everything that is wrong with recipes, before anything runs.

    KEY=VALUE overrides a key of every recipe named, as in training.

    \b
    Examples:
      lingyu check recipes/*.yaml
      lingyu check recipes/hotel.yaml train.num_train_epochs=3 --resolved
      lingyu check recipes/hotel.yaml --data
      lingyu check --explain train.learning_rate
    """
    if schema:
        click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    elif key is not None:
        click.echo(json.dumps({"explanation": explain(key)}, ensure_ascii=False) if as_json else explain(key))
    else:
        files, overrides = _files_and_overrides(arguments)
        _check_files(files, overrides, shows=_Shows(resolved=resolved, data=reads_data, json=as_json))


@dataclass(frozen=True)
class _Shows:
    """What is printed of a recipe that is fine."""

    resolved: bool
    data: bool
    json: bool


def _files_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    overrides = [word for word in arguments if "=" in word and not Path(word).exists()]
    files = [word for word in arguments if word not in overrides]
    if not files:
        raise LingyuError("no recipe is named", where="lingyu check", next="For instance: lingyu check recipes/*.yaml")
    return files, overrides


def _check_files(files: Sequence[str], overrides: Sequence[str], shows: _Shows) -> None:
    """Check every file, and only then fail with what is wrong in all of them."""
    faults: list[LingyuError] = []
    documents: list[dict[str, Any]] = []
    for file in files:
        try:
            recipe = load_recipe(file, overrides)
            lines = _leak_gates(recipe) if shows.data else []
        except LingyuError as error:
            faults += error.faults if isinstance(error, Faults) else [error]
            continue
        if shows.json:
            documents.append(_as_json(file, recipe, lines, shows))
        else:
            click.echo(_as_text(file, recipe, lines, shows))
    if faults:
        raise _together(faults)
    if shows.json:
        click.echo(json.dumps({"recipes": documents}, ensure_ascii=False))


def _leak_gates(recipe: Recipe) -> list[str]:
    with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
        from lingyu.lora import check_data  # with torch, which a check of recipes alone does without

        return check_data(recipe)


def _as_text(file: str, recipe: Recipe, lines: Iterable[str], shows: _Shows) -> str:
    if shows.resolved:
        return f"# {file}, resolved\n{resolved_yaml(recipe)}".rstrip()
    fine = f"{file}: fine ({recipe.task}, {len(recipe.data.labels)} labels, base {recipe.base})"
    return "\n".join([fine, *(f"  {line}" for line in lines)])


def _as_json(file: str, recipe: Recipe, lines: list[str], shows: _Shows) -> dict[str, Any]:
    document = {
        "file": file,
        "fine": True,
        "name": recipe.name,
        "task": recipe.task,
        "labels": list(recipe.data.labels.values()),
        "base": recipe.base,
    }
    if shows.resolved:
        document["resolved"] = recipe.model_dump(mode="json")
    if shows.data:
        document["data"] = lines
    return document


def _together(faults: Iterable[LingyuError]) -> Faults:
    """All faults as one error, each said once: one on the command line is found with every file."""
    once = {str(fault): fault for fault in faults}
    together = Faults(once.values())
    together.status = max(fault.status for fault in once.values())
    return together
