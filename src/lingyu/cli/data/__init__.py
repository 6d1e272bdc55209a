"""lingyu data: know your data before you train on it. Each tool is a module of its own, imported when it is called."""

import click

from lingyu.cli import LazyGroup

TOOLS = {
    "import": ("lingyu.cli.data.importing:import_", "Bring a table, a folder of texts or a pipe into clean UTF-8."),
    "clean": ("lingyu.cli.data.cleaning:clean", "Take the texts of a table through named steps."),
    "audit": ("lingyu.cli.data.audit:audit", "Find duplicates, leaks, contradictions, wrong labels, personal data."),
    "fix": ("lingyu.cli.data.fix:fix", "Turn what an audit found into a list to review, and apply it."),
    "split": ("lingyu.cli.data.split:split", "Split rows into train, dev and test, near-duplicates on one side."),
    "corpus": ("lingyu.cli.data.corpus:corpus", "Build a masked-LM corpus from raw text, without the test texts."),
    "overlap": ("lingyu.cli.data.overlap:overlap", "Say who has trained on whose test."),
    "list": ("lingyu.cli.data.known:list_", "The known public sets."),
    "get": ("lingyu.cli.data.known:get", "Prepare a known public set."),
}


@click.group(cls=LazyGroup, places=TOOLS)
def data() -> None:
    """Know your data before you train on it.

    \b
    Example:
      lingyu data import reviews.xlsx --out data/reviews.csv
      lingyu data audit --train data/reviews.csv --text text --label label --html report.html
      lingyu data split data/reviews.csv --out data/reviews
    """
