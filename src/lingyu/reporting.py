"""How long work says how far it is: to a bar on a terminal, or to nobody."""

from collections.abc import Callable

# Told what is being done, how much of it is done, and how much there is: bytes or texts.
Report = Callable[[str, int, int], None]


def counted(report: Report, what: str, total: int, *, done: int = 0) -> Callable[[int], None]:
    """What takes the number of rows that were just done, for work of which some may be done already."""

    def on_rows(rows: int) -> None:
        nonlocal done
        done += rows
        report(what, done, total)

    return on_rows
