"""Test texts that stand inside longer paragraphs, such as the review on a raw web page."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WINDOW = 16  # characters; a power of two
_TABLE_BITS = 20
_SEED = 20_232

Indices = NDArray[np.int64]


class InsideIndex:
    """Same-text forms that are looked for in others: their first 16 characters by a hash, then all of them.

    Every window of 16 characters of a paragraph is hashed by numpy and looked up in a table of a megabyte, which says
    no to nearly all of them.
    """

    def __init__(self, forms: Sequence[str], shortest: int) -> None:
        """shortest: forms of fewer characters are not looked for: a stock phrase stands in many texts."""
        assert shortest >= _WINDOW, "a form is found by its first window"
        places = np.array([at for at, form in enumerate(forms) if len(form) >= shortest], dtype=np.int64)
        self._forms = forms
        beginnings = "".join(forms[at][:_WINDOW] for at in places.tolist())
        keys = _window_hashes(beginnings)[::_WINDOW]
        order = np.argsort(keys, kind="stable")
        self._keys, self._places = keys[order], places[order]
        self._table = np.zeros(1 << _TABLE_BITS, dtype=np.bool_)
        self._table[_slots(keys)] = True

    def found_in(self, forms: Sequence[str]) -> tuple[Indices, Indices]:
        """Pairs of a given form's place, and the place in the index of one that stands in it (or is equal to it)."""
        ends = np.cumsum([len(form) for form in forms], dtype=np.int64)
        hashed = _window_hashes("".join(forms))
        begins = np.flatnonzero(self._table[_slots(hashed)])
        left = np.searchsorted(self._keys, hashed[begins], side="left")
        right = np.searchsorted(self._keys, hashed[begins], side="right")
        possible = np.flatnonzero(right > left)
        within = np.searchsorted(ends, begins, side="right")
        pairs = set()
        for at in possible.tolist():
            place = int(within[at])
            form = forms[place]
            offset = int(begins[at]) - int(ends[place]) + len(form)
            for ours in self._places[left[at] : right[at]].tolist():
                if form.startswith(self._forms[ours], offset):
                    pairs.add((place, ours))
        found = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]


def _window_hashes(text: str) -> NDArray[np.uint32]:
    """(characters - 15,) a hash of the window that begins at each character: of two, four, eight, sixteen by halves."""
    hashed = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    multipliers = np.random.default_rng(_SEED).integers(0, 2**32, (8, 2), dtype=np.uint32) | np.uint32(1)
    step = 1
    while step < _WINDOW:
        left, right = multipliers[step.bit_length()]
        hashed = hashed[:-step] * left + hashed[step:] * right
        hashed ^= hashed >> np.uint32(15)
        step *= 2
    return hashed


def _slots(hashed: NDArray[np.uint32]) -> NDArray[np.uint32]:
    slots: NDArray[np.uint32] = hashed >> np.uint32(32 - _TABLE_BITS)
    return slots
