"""Rows of a file kept by `datasets`: parsed once, then memory-mapped from its cache on disk.

The key is the content of the file, the columns and the version of the parsers; so a file rewritten under its old name
is noticed, and a copied one that merely has a new date is not parsed again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import datasets
from datasets.exceptions import DatasetGenerationError

from lingyu.errors import LingyuError

_PARSERS_VERSION = 3  # raised when a parser reads the same bytes differently

Texts = Iterator[dict[str, str | None]]


def cached_rows(parse: Callable[..., Texts], sha256: str, fields: Sequence[str], **asked: object) -> datasets.Dataset:
    """The rows that parse(**asked) yields, a text or nothing a field, from the cache where they stand there already.

    parse: a function of a module, since its name is part of the key. Its LingyuError comes out as itself.
    """
    features = datasets.Features({field: datasets.Value("string") for field in fields})
    arguments = {"parse": parse, "sha256": sha256, "version": _PARSERS_VERSION, "asked": asked}
    try:
        with _quiet():
            return datasets.Dataset.from_generator(_rows, features=features, gen_kwargs=arguments)
    except DatasetGenerationError as error:
        if isinstance(error.__cause__, LingyuError | OSError):
            raise error.__cause__ from None
        raise


def _rows(parse: Callable[..., Texts], sha256: str, version: int, asked: dict[str, object]) -> Texts:
    yield from parse(**asked)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own bars and log lines: ours say what was read."""
    level, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()
