"""What commands on files of rows have in common while they work."""

import contextlib
from collections.abc import Iterator

from lingyu.cli.screen import progress
from lingyu.errors import LingyuError
from lingyu.reporting import Report


@contextlib.contextmanager
def at_work() -> Iterator[Report]:
    """A bar on a terminal; what goes wrong is told in the words of options, not of a recipe's keys."""
    from lingyu.cli.predict_file import in_options

    try:
        with progress() as report:
            yield report
    except LingyuError as error:
        raise in_options(error) from None
