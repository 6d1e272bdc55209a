"""`lingyu check`: recipes and tenants.yaml, before anything runs.

Imports neither torch nor a reader of data, except for --data.
"""

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lingyu.cli.screen import say_json
from lingyu.errors import Faults, LingyuError
from lingyu.recipe import (
    AnyRecipe,
    ChainRecipe,
    MappingNode,
    PretrainingRecipe,
    Recipe,
    explain,
    json_schema,
    load_any,
    load_whole_chain,
    path_notes,
    read_document,
    resolved_yaml,
)


@click.command()
@click.argument("arguments", nargs=-1, metavar="[RECIPE.yaml | tenants.yaml | KEY=VALUE]...")
@click.option("--resolved", is_flag=True, help="Print each recipe with every default.")
@click.option("--data", "reads_data", is_flag=True, help="Read the data too: rows, splits, and test texts trained on.")
@click.option("--store", metavar="FOLDER", help="The adapters that tenants are mapped to. Default: the file's folder.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of recipes, for editors.")
@click.option("--explain", "key", metavar="KEY", help="Say what a key or section of a recipe is.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(
    arguments: tuple[str, ...],
    resolved: bool,
    reads_data: bool,
    store: str | None,
    schema: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Say everything that is wrong with recipes, or with a tenants.yaml and its store, before anything runs.

    A recipe of any kind: one with task (train_lora.py), dapt (dapt.py) or stages (lingyu chain). KEY=VALUE overrides a
    key of every recipe named, as in training; a chain has none. What only the base and this machine can tell, such as a
    layer that lora.target_modules names or a store that can't be written, is told by train_lora.py RECIPE --dry-run.

    \b
    Examples:
      lingyu check recipes/*.yaml
      lingyu check recipes/hotel.yaml train.num_train_epochs=3 --resolved
      lingyu check recipes/hotel.yaml --data
      lingyu check recipes/dapt-hotel.yaml recipes/hotel-chain.yaml
      lingyu check adapters/tenants.yaml
      lingyu check --explain train.learning_rate
    """
    if schema:
        click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    elif key is not None:
        click.echo(json.dumps({"explanation": explain(key)}, ensure_ascii=False) if as_json else explain(key))
    else:
        files, overrides = _files_and_overrides(arguments)
        _check_files(files, overrides, store, shows=_Shows(resolved=resolved, data=reads_data, json=as_json))


@dataclass(frozen=True)
class _Shows:
    """What is printed of a file that is fine."""

    resolved: bool
    data: bool
    json: bool


def _files_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    overrides = [word for word in arguments if "=" in word and not Path(word).exists()]
    files = [word for word in arguments if word not in overrides]
    if not files:
        raise LingyuError("no recipe is named", where="lingyu check", next="For instance: lingyu check recipes/*.yaml")
    return files, overrides


def _check_files(files: Sequence[str], overrides: Sequence[str], store: str | None, shows: _Shows) -> None:
    """Check every file, and only then fail with what is wrong in all of them."""
    faults: list[LingyuError] = []
    fine: dict[str, list[dict[str, Any]]] = {"recipes": []}
    for file in files:
        try:
            if _names_tenants(Path(file)):
                kind, found = "tenants", _check_tenants(Path(file), overrides, store)
            else:
                kind, found = "recipes", _check_recipe(file, overrides, shows)
        except LingyuError as error:
            faults += error.faults if isinstance(error, Faults) else [error]
            continue
        fine.setdefault(kind, []).append(found.document)
        if not shows.json:
            click.echo(found.text)
    if faults:
        raise _together(faults)
    if shows.json:
        say_json(fine)


@dataclass(frozen=True)
class _Fine:
    """What is said of a file that is fine: to people, and as JSON."""

    text: str
    document: dict[str, Any]


def _names_tenants(file: Path) -> bool:
    """By its name, or by its top-level key."""
    document = read_document(file, "recipe")
    return file.name == "tenants.yaml" or (
        isinstance(document.root, MappingNode) and "tenants" in document.root.entries
    )


def _check_recipe(file: str, overrides: Sequence[str], shows: _Shows) -> _Fine:
    recipe = load_any(file, overrides)
    if isinstance(recipe, ChainRecipe):
        load_whole_chain(file)
    lines = _about_data(file, recipe) if shows.data else []
    return _Fine(_as_text(file, recipe, lines, shows), _as_json(file, recipe, lines, shows))


def _check_tenants(file: Path, overrides: Sequence[str], store: str | None) -> _Fine:
    from lingyu.store import (
        Store,
        read_tenants,
        refuse_symlink,
        tenant_faults,
        tenant_notes,
    )  # with NumPy, which recipes alone do without

    if overrides:
        raise LingyuError(f"{overrides[0]}: tenants have no overrides", where=file, next="Write it into the file")
    root = Path(store) if store is not None else file.parent
    if file.parent == root:
        refuse_symlink(file)  # as whoever answers from the store will
    tenants = read_tenants(file)
    faults = tenant_faults(tenants, Store(root))
    if faults:
        raise Faults(faults)
    adapters = {reference for tenant in tenants.values() for reference in tenant.adapters}
    documents = {
        name: {"adapters": [str(reference) for reference in tenant.adapters], "thresholds": dict(tenant.thresholds)}
        for name, tenant in tenants.items()
    }
    counts = f"{_counted(len(tenants), 'tenant')}, {_counted(len(adapters), 'adapter')} of the store {root}"
    document: dict[str, Any] = {"file": str(file), "fine": True, "store": str(root), "tenants": documents}
    if notes := tenant_notes(tenants, Store(root)):
        document["notes"] = notes
    return _Fine("\n".join([f"{file}: fine ({counts})", *(f"  {note}" for note in notes)]), document)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _about_data(file: str, recipe: AnyRecipe) -> list[str]:
    """What --data says of a recipe."""
    if isinstance(recipe, PretrainingRecipe):
        return [f"a corpus is read and gated by: python dapt.py {file} --dry-run"]
    if isinstance(recipe, ChainRecipe):
        return ["the data of its recipes is read by: lingyu check RECIPE --data"]
    with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
        from lingyu.lora import check_data  # with torch, which a check of recipes alone does without

        return check_data(recipe)


def _as_text(file: str, recipe: AnyRecipe, lines: Iterable[str], shows: _Shows) -> str:
    if shows.resolved:
        return f"# {file}, resolved\n{resolved_yaml(recipe)}".rstrip()
    told = (f"  {line}" for line in [*lines, *path_notes(recipe)])
    return "\n".join([f"{file}: fine ({_in_short(recipe)})", *told])


def _in_short(recipe: AnyRecipe) -> str:
    """What a recipe does, in a few words."""
    if isinstance(recipe, Recipe):
        labels = [_counted(len(recipe.data.labels), "label")] if recipe.data.labels else []
        return ", ".join([recipe.task, *labels, f"base {recipe.base}"])
    if isinstance(recipe, PretrainingRecipe):
        start = "" if recipe.dapt.mode == "scratch" else f", base {recipe.base}"
        return f"dapt {recipe.dapt.mode}, {' + '.join(recipe.dapt.objective)}{start} -> {recipe.publish.to}"
    names = [stage.name for stage in recipe.stages]
    return f"{_counted(len(names), 'stage')}: {', '.join(names)}"


def _as_json(file: str, recipe: AnyRecipe, lines: list[str], shows: _Shows) -> dict[str, Any]:
    document = {"file": file, "fine": True, "name": recipe.name, **_facts(recipe)}
    if notes := path_notes(recipe):
        document["notes"] = notes
    if shows.resolved:
        document["resolved"] = recipe.model_dump(mode="json")
    if shows.data:
        document["data"] = lines
    return document


def _facts(recipe: AnyRecipe) -> dict[str, Any]:
    """What JSON says of a recipe: which kind it is of shows in its keys."""
    if isinstance(recipe, Recipe):
        return {"task": recipe.task, "labels": list(recipe.data.labels.values()), "base": recipe.base}
    if isinstance(recipe, PretrainingRecipe):
        objective = list(recipe.dapt.objective)
        base = None if recipe.dapt.mode == "scratch" else recipe.base
        return {"dapt": recipe.dapt.mode, "objective": objective, "base": base, "to": recipe.publish.to}
    return {"stages": [stage.name for stage in recipe.stages]}


def _together(faults: Iterable[LingyuError]) -> Faults:
    """All faults as one error, each said once: one on the command line is found with every file."""
    once = {str(fault): fault for fault in faults}
    together = Faults(once.values())
    together.status = max(fault.status for fault in once.values())
    return together
