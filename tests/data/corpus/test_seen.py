"""Which hashes were seen before: as a Python set says it, in a tenth of its memory."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.corpus.seen import SeenHashes

EDGES = st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
BATCHES = st.lists(st.lists(st.integers(-20, 20) | EDGES, max_size=12), max_size=25)


@settings(max_examples=60)
@given(BATCHES)
def test_what_is_new_is_what_a_set_says_is_new(batches):
    seen, known = SeenHashes(), set()
    for batch in batches:
        new = []
        for content_hash in batch:
            new.append(content_hash not in known)
            known.add(content_hash)
        assert seen.add(np.array(batch, dtype=np.int64)).tolist() == new
        assert len(seen) == len(known)
    assert seen.all_sorted().tolist() == sorted(known)


def test_no_batch_at_all_is_an_empty_set():
    assert SeenHashes().all_sorted().tolist() == []
    assert SeenHashes().all_sorted().dtype == np.int64


def test_a_hash_takes_sixteen_bytes_at_the_peak_and_eight_at_rest():
    hashes = np.random.default_rng(5).permutation(400_000).astype(np.int64) * 7_919
    seen = SeenHashes()
    batch_bytes = 8 * 4_000 * 10  # what one batch takes meanwhile
    tracemalloc.start()
    for begin in range(0, len(hashes), 4_000):
        assert seen.add(hashes[begin : begin + 4_000]).all()
        at_rest, peak = tracemalloc.get_traced_memory()
        assert peak <= 16 * len(seen) + batch_bytes
    tracemalloc.reset_peak()
    everything = seen.all_sorted()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert at_rest <= 8 * len(hashes) + batch_bytes
    assert peak <= 16 * len(hashes)
    assert (np.diff(everything) > 0).all()
    assert len(everything) == len(hashes)
