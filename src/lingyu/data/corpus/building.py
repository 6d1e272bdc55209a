"""Raw text to a corpus for masked-LM training: clean paragraphs, each there once, none that touches a test set.

    sources ──batches──▶ sift: clean, too short?, touches a test text? (workers) ──▶ seen before? ──▶ shards
                                                                                    (here, in the order of the input)

What touches a test set is taken out before repeats are: which paragraphs stay is the same either way, a repeated
review of a test set counts as often as it stands there, and only what is kept has to be remembered.
"""

from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.reporting import Report

from .excluding import save_excluded
from .finishing import Built, finish
from .manifest import CorpusManifest
from .planning import CorpusRequest, Plan, planned
from .seen import SeenHashes
from .shards import ShardWriter
from .sifting import Sieve, Sifted, sifted_by_workers
from .sources import Batch, batches, total_bytes
from .staging import corpus_in_one_go
from .tally import REPEATS, Tally


def build_corpus(request: CorpusRequest, report: Report) -> CorpusManifest:
    """Write the corpus into request.out and give back its manifest. The same input gives the same shards and hashes.

    Memory: 8 bytes a kept paragraph (16 while it is written), the excluded texts in each worker, and a few batches.
    Raises LingyuError for a source, excluded set, step or option that is wrong, for a source that is not of the
    encoding, where nothing is left, and where out is there already.
    """
    plan = planned(request)
    with corpus_in_one_go(request.out, replace=request.force) as folder:
        if request.engine == "datatrove":
            from .trove import build_with_datatrove  # of the extra `corpora`

            return build_with_datatrove(plan, folder, report)
        return finish(plan, _build_here(plan, folder, report), folder)


def _build_here(plan: Plan, folder: Path, report: Report) -> Built:
    tally, seen, writer = Tally(), SeenHashes(), ShardWriter(folder)
    size_bytes = total_bytes(plan.files)
    raw = batches(plan.files, plan.request.text, plan.request.encoding)
    try:
        with closing(_sifted(plan, raw, folder.with_name("excluded.json"))) as found:
            for sifted in found:
                tally.add(sifted.tally)
                _keep_new(sifted.texts, seen.add(sifted.hashes), writer, tally)
                report("paragraphs", sifted.bytes_read, size_bytes)
        return Built(tally, writer.close(), seen.all_sorted())
    finally:
        writer.abandon()


def _sifted(plan: Plan, raw: Iterable[Batch], excluded: Path) -> Generator[Sifted, None, None]:
    """excluded: a file that is removed with the folder in which a corpus is built."""
    if plan.workers == 1:
        yield from map(Sieve(plan.rules, plan.excluded).sift, raw)
        return
    save_excluded(plan.excluded, excluded)
    yield from sifted_by_workers(raw, plan.rules, excluded, plan.workers)


def _keep_new(texts: list[str], new: NDArray[np.bool_], writer: ShardWriter, tally: Tally) -> None:
    """Write the paragraphs that are new, and count them and the others."""
    kept = [texts[at] for at in np.flatnonzero(new).tolist()]
    writer.write(kept)
    tally.kept += len(kept)
    tally.characters += sum(map(len, kept))
    tally.removed[REPEATS] += len(texts) - len(kept)
