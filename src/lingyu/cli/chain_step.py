"""One stage of a chain, in the process that `lingyu chain` starts for it: `python -m lingyu.cli.chain_step KIND`."""

import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from lingyu.cli import run
from lingyu.parent import hear_of_the_parents_end

_MAINS = {
    "corpus": ("lingyu.cli", ("data", "corpus")),
    "dapt": ("lingyu.cli.dapt", ("--overrides-from", "the chain")),
    "train": ("lingyu.cli.train", ("--overrides-from", "the chain")),
    "evaluate": ("lingyu.cli.chain_step", ()),
}
"""Kind of a stage -> the module whose main does it, and the words that come before the stage's own."""


@click.command()
@click.argument("adapter")
@click.argument("recipe")
@click.argument("overrides", nargs=-1)
@click.option("--store", required=True)
@click.option("--to", type=click.Path(path_type=Path), required=True)
def evaluate(adapter: str, recipe: str, overrides: Sequence[str], store: str, to: Path) -> None:
    """Measure a published adapter anew."""
    from rich.console import Console

    from lingyu.recipe import load_recipe

    with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks
        from lingyu.chain import evaluate_adapter
        from lingyu.evaluation import table_of

        measured = evaluate_adapter(adapter, load_recipe(recipe, overrides), store=store, to=to)
    Console().print(table_of(measured.metrics))
    click.echo(measured.verdict)
    click.echo(
        f"{measured.version.reference} answers as it says: logits differ by at most {measured.largest_difference:.1g}, "
        f"{measured.changed_labels} labels changed"
    )
    click.echo(f"written: {to}")


def main(arguments: Sequence[str] | None = None) -> int:
    return run(evaluate, "lingyu chain", arguments)


def do_stage(kind: str, words: Sequence[str]) -> int:
    """The exit status of one stage."""
    hear_of_the_parents_end()  # a launcher's too: it would leave the stage running unseen, to meet the next call's
    module, before = _MAINS[kind]
    status: int = import_module(module).main([*before, *words])
    return status


if __name__ == "__main__":
    sys.exit(do_stage(sys.argv[1], sys.argv[2:]))
