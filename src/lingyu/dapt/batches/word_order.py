"""StructBERT's word objective: unmasked tokens in the wrong order, to be put right (arXiv 1908.04577).

Three consecutive unmasked tokens change places; the model guesses the original token at each of the three. The paper
shuffles 5 % of the trigrams; here `share` is the share of the unmasked tokens that stands in a shuffled trigram, so
that the work it adds is known.
"""

import numpy as np

from .draws import Draws, Stream
from .layout import Flags, Ints, Layout

TRIGRAM = 3
# what stands at the three places afterwards; not the order that they had
_PERMUTATIONS = np.array([[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])


def shuffle_trigrams(layout: Layout, ids: Ints, masked: Flags, share: float, draws: Draws) -> tuple[Ints, Flags]:
    """(T,) the ids with trigrams shuffled, and (T,) which tokens stand in one of them.

    ids: (T,) of which only those of unmasked tokens count. A trigram has no masked and no special token in it, no
    token is in two, and where too little room is left between the masked tokens, there are fewer than `share` says.
    """
    free = ~layout.special & ~masked
    starts = _chosen(_disjoint_trigrams(layout, free, draws), layout, free, share, draws)
    which = draws.below(len(_PERMUTATIONS), Stream.PERMUTATION, layout.token_keys[starts], layout.position[starts])
    moved = np.zeros(len(ids), dtype=np.bool_)
    moved[starts[:, None] + np.arange(TRIGRAM)] = True
    shuffled = ids.copy()
    shuffled[starts[:, None] + np.arange(TRIGRAM)] = ids[starts[:, None] + _PERMUTATIONS[which]]
    return shuffled, moved


def _disjoint_trigrams(layout: Layout, free: Flags, draws: Draws) -> Ints:
    """First tokens of as many trigrams as the runs of free tokens hold, side by side.

    A run of 3k + r tokens holds k; the first of them begins at one of the run's first r + 1 tokens.
    """
    starts_run = free.copy()
    starts_run[1:] &= ~free[:-1]
    run_starts = np.flatnonzero(starts_run)
    run = np.cumsum(starts_run)[free] - 1
    length = np.bincount(run)
    keys, position = layout.token_keys[run_starts], layout.position[run_starts]
    offset = draws.below(length % TRIGRAM + 1, Stream.TRIGRAM_OFFSET, keys, position)
    tokens = np.flatnonzero(free)
    place = tokens - run_starts[run] - offset[run]
    begins = (place >= 0) & (place % TRIGRAM == 0) & (place + offset[run] + TRIGRAM <= length[run])
    found: Ints = tokens[begins]
    return found


def _chosen(starts: Ints, layout: Layout, free: Flags, share: float, draws: Draws) -> Ints:
    """Of each text's trigrams the wanted number, in a random order."""
    texts = len(layout.lengths)
    unmasked = np.bincount(layout.text[free], minlength=texts)
    luck = draws.uniform(Stream.TRIGRAM_COUNT, layout.keys, 0)
    wanted = np.floor(share * unmasked / TRIGRAM + luck)  # on average exactly the share

    text = layout.text[starts]
    turn = draws.bits(Stream.TRIGRAM, layout.keys[text], layout.position[starts])
    order = np.lexsort((turn, text))
    counts = np.bincount(text, minlength=texts)
    rank = np.arange(len(starts)) - (np.cumsum(counts) - counts)[text]  # text is ascending, also in this order
    return starts[order][rank < wanted[text]]
