"""Pieces of Latin words and numbers for a WordPiece vocabulary: what stands together most often is merged.

The trainer of `tokenizers` does the same, but gives its ## pieces numbers in the order in which a hash map yields the
words, so that ties fall differently in every process. Here the same words always give the same pieces.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from tokenizers.models import WordPiece

CONTINUED = "##"
UNKNOWN = "[UNK]"
_MERGES_A_PIECE = 2  # about half of them are but steps on the way to a longer piece

Pair = tuple[str, str]


def word_pieces(words: Mapping[str, int], number: int, least: int) -> list[str]:
    """Up to `number` pieces of at least two characters, the most used first, each used at least `least` times.

    words: how often each stands in the text. Used is what a longest match takes that has all single characters too.
    """
    merged = _merge_pairs(words, _MERGES_A_PIECE * number, least)
    characters = sorted({piece for word in words for piece in characters_of(word)})
    used: Counter[str] = Counter()
    for word, pieces in spellings(words, [UNKNOWN, *characters, *merged]):
        for piece in pieces:
            used[piece] += words[word]
    kept = sorted((piece for piece in merged if used[piece] >= least), key=lambda piece: (-used[piece], piece))
    return kept[:number]


def spellings(words: Iterable[str], entries: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each word and the entries that BERT's tokenizer writes it in; [UNK] alone where they do not spell it.

    words: without blanks, as the tokenizer's own normalising and splitting leave them. entries: with [UNK].
    """
    model = WordPiece({entry: number for number, entry in enumerate(entries)}, unk_token=UNKNOWN)
    for word in words:
        yield word, [token.value for token in model.tokenize(word)]


def characters_of(word: str) -> list[str]:
    """A word's characters as entries: the first as it is, those that continue the word with ##."""
    return [word[0], *(f"{CONTINUED}{character}" for character in word[1:])]


def _merge_pairs(words: Mapping[str, int], merges: int, least: int) -> list[str]:
    """The first `merges` pieces of byte-pair encoding, fewer where no pair stands together `least` times any more."""
    spelt = [characters_of(word) for word in words]
    counts = list(words.values())
    pairs: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for number, pieces in enumerate(spelt):
        for pair in pairwise(pieces):
            pairs[pair] += counts[number]
            holders[pair].add(number)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    merged: dict[str, None] = {}  # two pairs can make one piece: a + ##bc, ab + ##c
    while heap and len(merged) < merges:
        count, pair = heapq.heappop(heap)
        if -count != pairs[pair]:
            continue  # it has changed since, and stands in the heap with its new count
        if -count < least:
            break
        merged[_joined(pair)] = None
        for other, change in _replace(pair, holders, spelt, counts).items():
            pairs[other] += change
            if pairs[other] > 0:
                heapq.heappush(heap, (-pairs[other], other))
    return list(merged)


def _joined(pair: Pair) -> str:
    return pair[0] + pair[1].removeprefix(CONTINUED)


def _replace(pair: Pair, holders: dict[Pair, set[int]], spelt: list[list[str]], counts: list[int]) -> Counter[Pair]:
    """Write the pair as one piece in every word that holds it. What it returns is added to the counts of pairs."""
    changes: Counter[Pair] = Counter()
    for number in holders.pop(pair):
        before = spelt[number]
        after = _with_joined(before, pair)
        for old in pairwise(before):
            changes[old] -= counts[number]
        for new in pairwise(after):
            changes[new] += counts[number]
            holders[new].add(number)
        spelt[number] = after
    return Counter({other: change for other, change in changes.items() if change})


def _with_joined(pieces: list[str], pair: Pair) -> list[str]:
    joined: list[str] = []
    at = 0
    while at < len(pieces):
        is_pair = tuple(pieces[at : at + 2]) == pair
        joined.append(_joined(pair) if is_pair else pieces[at])
        at += 2 if is_pair else 1
    return joined
