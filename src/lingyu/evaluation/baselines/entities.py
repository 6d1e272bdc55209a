"""token without an encoder: the entities of train, found again letter by letter."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.tasks import padded_tags, tag_ids

from .baseline import Baseline

Entity = tuple[int, int, int]
"""Characters from and up to, and the index of the label."""
Entities = NDArray[Any]
"""(rows,) objects: the entities of each row."""
Spans = Sequence[NDArray[np.int64]]

_LONGEST = 64  # characters: what is longer is a sentence, and stands in no second text


def lexicon_baseline(
    train_texts: Sequence[str], train_entities: Entities, test_texts: Sequence[str], spans: Spans
) -> Baseline:
    """The longest match of train's entities, from left to right. spans: of each test row, (tokens, 2) characters."""
    lexicon = learnt_lexicon(train_texts, train_entities)
    longest = max(map(len, lexicon), default=0)
    found = (list(_matches(text, lexicon, longest)) for text in test_texts)
    rows = [tag_ids(entities, of_row) for entities, of_row in zip(found, spans, strict=True)]
    return Baseline("lexicon", padded_tags(rows))


def no_entity_baseline(spans: Spans) -> Baseline:
    return Baseline("no entity", padded_tags([tag_ids((), of_row) for of_row in spans]))


def learnt_lexicon(texts: Sequence[str], entities: Entities) -> dict[str, int]:
    """Word -> its most frequent label in train; words that are at least as often an entity as not."""
    labels: dict[str, Counter[int]] = defaultdict(Counter)
    for text, of_row in zip(texts, entities, strict=True):
        for start, end, label in of_row:
            if end - start <= _LONGEST:
                labels[text[start:end]][label] += 1
    occurrences = _occurrences(texts, labels)
    return {
        word: min(counts, key=lambda label: (-counts[label], label))
        for word, counts in labels.items()
        if 2 * counts.total() >= occurrences[word]
    }


def _occurrences(texts: Sequence[str], words: Mapping[str, object]) -> Counter[str]:
    """How often each word stands in the texts, as a part of longer words too."""
    lengths = sorted({len(word) for word in words})
    return Counter(
        piece
        for text in texts
        for length in lengths
        for start in range(len(text) - length + 1)
        if (piece := text[start : start + length]) in words
    )


def _matches(text: str, lexicon: Mapping[str, int], longest: int) -> Iterator[Entity]:
    start = 0
    while start < len(text):
        ends = range(min(len(text), start + longest), start, -1)
        end = next((end for end in ends if text[start:end] in lexicon), None)
        if end is None:
            start += 1
            continue
        yield start, end, lexicon[text[start:end]]
        start = end
