"""A data set of the hub as a table, through `datasets`, which keeps its own copy on disk."""

import datasets
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError

from lingyu.errors import LingyuError

from .tables import Table, row_of

_PROBE_TIMEOUT_S = 15.0
_LOCAL = "Name a file (csv, tsv, jsonl, parquet, xlsx) instead"


def hub_table(source: str) -> Table:
    """source: org/name or org/name:part; the part is train where none is named. Its scripts are never run."""
    name, _, part = source.partition(":")
    _probe(name, source)
    try:
        found = datasets.load_dataset(name, split=part or "train")
    except ValueError as error:
        raise LingyuError(_first_line(error), source, "Write the part after a colon: org/name:validation") from error
    except RuntimeError as error:
        raise LingyuError("the data set is a script, which is never run here", source, _LOCAL) from error
    except (OSError, DatasetNotFoundError) as error:
        raise LingyuError("the data set can't be loaded from the hub or its cache", source, _LOCAL) from error
    rows = (row_of(row, f"{source}:{number}") for number, row in enumerate(found, 1))
    return Table(source, tuple(found.column_names), rows)


def _probe(name: str, source: str) -> None:
    """Raises LingyuError at once where the hub is out of reach or has no such set: `datasets` itself tries for 24 s."""
    if constants.HF_HUB_OFFLINE:
        return
    try:
        HfApi().dataset_info(name, timeout=_PROBE_TIMEOUT_S)
    except RepositoryNotFoundError as error:
        raise LingyuError("no such file, and no data set of that name on the hub", source, _LOCAL) from error
    except (
        Exception
    ) as error:  # the HTTP library beneath, and so its exceptions, changes with huggingface_hub's version
        what = f"no such file, and the hub ({constants.ENDPOINT}) is out of reach"
        hint = f"{_LOCAL}, set HF_ENDPOINT to a mirror, or HF_HUB_OFFLINE=1 to take what the cache holds"
        raise LingyuError(what, source, hint) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
