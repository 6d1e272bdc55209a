"""Rows that have to stay together for more than one reason."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def joined_groups(components: NDArray[np.int64], values: Sequence[str]) -> NDArray[np.int64]:
    """(rows,) the components, those that share a value joined; a row without a value joins nothing.

    components: (rows,) from 0 up to the rows.
    """
    values = [value.strip() for value in values]
    named = np.array([at for at, value in enumerate(values) if value], dtype=np.int64)
    _, value_of = np.unique([values[at] for at in named.tolist()], return_inverse=True)
    nodes = len(values)  # a node each row, by which components are named, and one each value behind them
    ends = (components[named], nodes + value_of.astype(np.int64))
    graph = coo_array((np.ones(len(named), dtype=np.int8), ends), shape=(2 * nodes, 2 * nodes))
    _, joined = connected_components(graph, directed=False)
    groups: NDArray[np.int64] = joined[components].astype(np.int64)
    return groups
