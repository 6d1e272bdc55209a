"""Near-duplicates: texts that are the same but for a few characters. Candidates by MinHash, each verified by edits.

A text is compared in its same-text form, so that punctuation and width count for nothing. Its character pairs are
sketched by MinHash (Broder 1997) and the sketches cut into bands (Rajaraman and Ullman, Mining of Massive Datasets,
3.4): two texts that agree in one band are a candidate pair, and a pair only where their edit similarity says so.
Whether a pair is found is a matter of chance fixed by a seed: of pairs whose texts share three fifths of their
character pairs 99 in 100 are, of those that share half of them 87 (1 - (1 - share^4)^32).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lingyu.text import Hashes, same_text_form

_PERMUTATIONS = 128
_BANDS = 32
_SEED = 20_231
_TEXTS_PER_CHUNK = 2_000  # sketched at once: what numpy goes through then stays in the processor's cache
_PAIRS_PER_CHUNK = 200_000  # verified at once
_ROUNDING = 1e-6  # 1 - 0.8 is less than 0.2 in floats: the library gives 0 for a similarity that is the cutoff

# Ten thousand copies of a template are fifty million pairs. So of one band's bucket all texts are compared with each
# other up to so many; in a larger one each text with the next few, others in each band; and then with each other those
# that are not connected by that, until a band has gone through the next few a text again, or, as long as that connects
# some, so many pairs.
_WHOLE = 32
_NEIGHBOURS = 8
_MORE_PAIRS = 1 << 22

_MOST_OF_INDEX = 4_096  # texts of an index's bucket that one which comes by is compared with: nearly always all
_CANDIDATES_AT_ONCE = 4_000_000
_MOST_SLOT_BITS = 20  # 32 MB for all bands

Indices = NDArray[np.int64]
Similarities = NDArray[np.float32]
_Keys = NDArray[np.uint64]
_NONE: Indices = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Nearness:
    """What counts as near. Shorter texts are the same or they are not: of twelve characters, two change the sense.

    similarity: 1 - edits / characters of the longer one (Levenshtein), of the same-text forms, at the least.
    shortest: characters of a same-text form, at the least.
    longest_other: characters in a row that stand for others, at the most: two reviews of a sentence each, on web pages
    with the same long footer, are no copies of one another.
    """

    similarity: float = 0.8
    shortest: int = 16
    longest_other: int = 5


NEAR = Nearness()


@dataclass(frozen=True, eq=False)
class NearPairs:
    """(pairs,) each, sorted by first, then second. similarity: of the same-text forms, float32."""

    first: Indices
    second: Indices
    similarity: Similarities

    def __len__(self) -> int:
        return len(self.first)


def near_pairs(texts: Sequence[str], hashes: Hashes, near: Nearness = NEAR) -> NearPairs:
    """Pairs of near texts that are not the same text. first < second: rows, each the first row with its text.

    hashes: (rows,), the content hash of each text. The rows that repeat a text are found by the hash alone.
    """
    _, firsts = np.unique(hashes, return_index=True)
    firsts = np.sort(firsts)
    index = NearIndex([texts[row] for row in firsts.tolist()], near)
    found = index.among_themselves()
    return NearPairs(firsts[found.first], firsts[found.second], found.similarity)


def near_groups(hashes: Hashes, pairs: NearPairs) -> Indices:
    """(rows,) the group of each row: the first row that it is connected with, by same texts and near pairs."""
    _, same = np.unique(hashes, return_inverse=True)
    group = _connected(same, pairs)
    first_of_group = np.full(group.max(initial=-1) + 1, len(hashes), dtype=np.int64)
    np.minimum.at(first_of_group, group, np.arange(len(hashes)))
    groups: Indices = first_of_group[group]
    return groups


class NearIndex:
    """Texts that others are compared with: near_pairs of all texts among each other, or near() for texts that come by.

    Holds 256 bytes a text and the texts themselves.
    """

    def __init__(self, texts: Sequence[str], near: Nearness = NEAR) -> None:
        self._near = near
        forms, self._places = _long_enough(texts, near.shortest)
        self._forms = np.array(forms, dtype=object)
        self._lengths = _lengths(forms)
        keys = _band_keys(forms)
        self._order = np.stack([_sorted_by(of_band, band) for band, of_band in enumerate(keys)])
        self._keys = np.take_along_axis(keys, self._order, axis=1)

    def among_themselves(self) -> NearPairs:
        """Near pairs of the index's own texts, by their places in it.

        Of a small bucket all of them. Of a large one those of each text with a few others, and then those of texts that
        are not connected by that: of a template hardly more pairs are told than it takes to connect its copies.
        """
        found = [self._compared(_next_ones(keys, order) for keys, order in self._bands)]
        part = _connected(np.arange(len(self._forms)), found[0])
        fewest = _NEIGHBOURS * len(self._forms)
        most = fewest
        for keys, order in self._bands:
            more = self._compared([_not_connected(keys, order, part, most)])
            # texts that share a long frame and nothing else go round in vain, a band as another
            most = min(4 * most, max(_MORE_PAIRS, fewest)) if len(more) else max(most // 4, 1)
            part = _connected(part, more)
            found.append(more)
        pairs = _joined(found)
        at = np.lexsort((pairs.second, pairs.first))
        return NearPairs(self._places[pairs.first[at]], self._places[pairs.second[at]], pairs.similarity[at])

    @property
    def _bands(self) -> Iterator[tuple[_Keys, Indices]]:
        return zip(self._keys, self._order, strict=True)

    def _compared(self, bands: Iterable[Iterable[tuple[Indices, Indices]]]) -> NearPairs:
        """The near ones among pairs of the index's own texts. bands: what each gives; many give the same pairs."""
        rows = len(self._forms)
        codes = _distinct(
            np.minimum(left, right) * rows + np.maximum(left, right) for band in bands for left, right in band
        )
        chunks = (codes[begin : begin + _CANDIDATES_AT_ONCE] for begin in range(0, len(codes), _CANDIDATES_AT_ONCE))
        return _joined([self._verified(chunk, self._forms, self._lengths) for chunk in chunks])

    def near(self, texts: Sequence[str]) -> NearPairs:
        """Pairs of a given text (first: its place among the texts) and a near or same one of the index (second)."""
        forms, places = _long_enough(texts, self._near.shortest)
        buckets = self._buckets_of(_band_keys(forms))
        sizes = np.zeros(len(forms), dtype=np.int64)
        for bucket in buckets:
            sizes[bucket.texts] += bucket.count
        portions = np.cumsum(sizes) // _CANDIDATES_AT_ONCE
        form_array, lengths = np.array(forms, dtype=object), _lengths(forms)
        found = _joined(
            [
                self._verified(
                    _distinct([self._codes(bucket, portions == portion) for bucket in buckets]), form_array, lengths
                )
                for portion in np.unique(portions)
            ]
        )
        return NearPairs(places[found.first], self._places[found.second], found.similarity)

    @cached_property
    def _table(self) -> NDArray[np.bool_]:
        """(bands, slots) whether any key falls into a slot: what says no to nearly all texts that come by."""
        slots = 1 << min(max(8 * len(self._forms), 2).bit_length(), _MOST_SLOT_BITS)
        table = np.zeros((_BANDS, slots), dtype=np.bool_)
        np.put_along_axis(table, _slots(self._keys, slots), True, axis=1)
        return table

    def _buckets_of(self, keys: _Keys) -> list["_Met"]:
        """For each band the texts that came by whose key the index has too."""
        possible = np.take_along_axis(self._table, _slots(keys, self._table.shape[1]), axis=1)
        found = []
        for band, ours in enumerate(self._keys):
            texts = np.flatnonzero(possible[band])
            left = np.searchsorted(ours, keys[band][texts], side="left")
            count = np.searchsorted(ours, keys[band][texts], side="right") - left
            found.append(_Met(band, texts, left, np.minimum(count, _MOST_OF_INDEX)))
        return found

    def _codes(self, bucket: "_Met", wanted: NDArray[np.bool_]) -> Indices:
        """The candidates of the wanted texts: place of the text * texts of the index + place in the index."""
        some = wanted[bucket.texts]
        texts, left, count = bucket.texts[some], bucket.left[some], bucket.count[some]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        codes: Indices = (
            np.repeat(texts, count) * len(self._forms) + self._order[bucket.band][np.repeat(left, count) + within]
        )
        return codes

    def _verified(self, codes: Indices, forms: NDArray[np.object_], lengths: Indices) -> NearPairs:
        """Those of the candidates (place in forms * texts of the index + place in the index) that are near."""
        first, second = np.divmod(codes, max(len(self._forms), 1))
        shorter = np.minimum(lengths[first], self._lengths[second])
        possible = shorter >= self._near.similarity * np.maximum(lengths[first], self._lengths[second])
        first, second = first[possible], second[possible]
        similarity = np.concatenate([np.zeros(0, dtype=np.float32), *self._similarities(forms, first, second)])
        near = similarity > 0  # below the cutoff the library gives 0
        first, second, similarity = first[near], second[near], similarity[near]
        edits = np.rint((1 - similarity) * np.maximum(lengths[first], self._lengths[second])).astype(np.int64)
        kept = np.ones(len(first), dtype=np.bool_)
        for pair in np.flatnonzero(edits > self._near.longest_other).tolist():
            form, other = str(forms[first[pair]]), str(self._forms[second[pair]])
            kept[pair] = not _says_something_else(form, other, int(edits[pair]), self._near.longest_other)
        return NearPairs(first[kept], second[kept], similarity[kept])

    def _similarities(
        self, forms: NDArray[np.object_], first: Indices, second: Indices
    ) -> Iterator[NDArray[np.float32]]:
        for begin in range(0, len(first), _PAIRS_PER_CHUNK):
            chunk = slice(begin, begin + _PAIRS_PER_CHUNK)
            yield cpdist(
                forms[first[chunk]],
                self._forms[second[chunk]],
                scorer=Levenshtein.normalized_similarity,
                score_cutoff=self._near.similarity - _ROUNDING,
                dtype=np.float32,
                workers=-1,
            )


def _says_something_else(form: str, other: str, edits: int, longest: int) -> bool:
    """Whether a stretch of one stands where the other has another one: a sentence of its own in a common frame.

    Which edits lead from one to the other may depend on which is which, so that is made the same for a pair. That their
    number is known makes the search two to seven times as fast (rapidfuzz 3.14), and changes no edit.
    """
    stretches = Levenshtein.opcodes(*sorted((form, other)), score_hint=edits)
    return any(each.tag == "replace" and each.src_end - each.src_start > longest for each in stretches)


@dataclass(frozen=True, eq=False)
class _Met:
    """Of one band, (texts,) each: texts that came by, where their keys begin among the index's, and how many it has."""

    band: int
    texts: Indices
    left: Indices
    count: Indices


def _distinct(codes: Iterable[Indices]) -> Indices:
    """Ascending, each once. Nearly all come again in every band, so they are made distinct as they gather."""
    distinct, gathered, count = _NONE, [_NONE], 0
    for some in codes:
        gathered.append(some)
        count += len(some)
        if count > max(len(distinct), _CANDIDATES_AT_ONCE):
            distinct = np.unique(np.concatenate([distinct, *gathered]))
            gathered, count = [_NONE], 0
    return np.unique(np.concatenate([distinct, *gathered]))


def _connected(part: Indices, pairs: NearPairs) -> Indices:
    """(texts,) the part of each, once the pairs connect those that they are of. part: before."""
    ends = (part[pairs.first], part[pairs.second])
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), ends), shape=(len(part), len(part)))
    joined: Indices = connected_components(graph, directed=False)[1][part]
    return joined


def _joined(found: Sequence[NearPairs]) -> NearPairs:
    first = np.concatenate([_NONE, *(pairs.first for pairs in found)])
    second = np.concatenate([_NONE, *(pairs.second for pairs in found)])
    similarity = np.concatenate([_NONE.astype(np.float32), *(pairs.similarity for pairs in found)])
    return NearPairs(first, second, similarity)


def _lengths(forms: Sequence[str]) -> Indices:
    return np.array([len(form) for form in forms], dtype=np.int64)


def _long_enough(texts: Sequence[str], shortest: int) -> tuple[list[str], Indices]:
    """The same-text forms of the texts that are compared, and where they stand."""
    forms = [same_text_form(text) for text in texts]
    places = np.array([at for at, form in enumerate(forms) if len(form) >= max(shortest, 2)], dtype=np.int64)
    return [forms[at] for at in places.tolist()], places


# ---- sketches


def _band_keys(forms: Sequence[str]) -> _Keys:
    """(bands, texts) one number for each band of a text's sketch: equal where the sketches agree in the band."""
    drawn = np.random.default_rng(_SEED)
    multipliers = drawn.integers(0, 2**32, _PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
    offsets = drawn.integers(0, 2**32, _PERMUTATIONS, dtype=np.uint32)
    rows = _PERMUTATIONS // _BANDS
    mixers = drawn.integers(0, 2**63, rows, dtype=np.uint64) | np.uint64(1)
    keys = np.empty((_BANDS, len(forms)), dtype=np.uint64)
    for begin in range(0, len(forms), _TEXTS_PER_CHUNK):
        chunk = forms[begin : begin + _TEXTS_PER_CHUNK]
        pairs, begins = _hashed_pairs(chunk)
        for band in range(_BANDS):
            key = np.zeros(len(chunk), dtype=np.uint64)
            for row in range(rows):
                at = band * rows + row
                permuted = pairs * multipliers[at]
                permuted += offsets[at]
                key += np.minimum.reduceat(permuted, begins) * mixers[row]
            keys[band, begin : begin + len(chunk)] = key
    return keys


def _hashed_pairs(forms: Sequence[str]) -> tuple[NDArray[np.uint32], Indices]:
    """A hash of each pair of neighbouring characters, text after text, and where the pairs of each text begin."""
    characters = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    lengths = _lengths(forms)
    hashed = characters[:-1] * np.uint32(0x9E3779B1) ^ characters[1:] * np.uint32(0x85EBCA77)
    for shift, multiplier in ((16, 0x7FEB352D), (15, 0x846CA68B)):  # lowbias32 of C. Wellons
        hashed ^= hashed >> np.uint32(shift)
        hashed *= np.uint32(multiplier)
    hashed ^= hashed >> np.uint32(16)
    within = np.ones(len(hashed), dtype=np.bool_)
    within[np.cumsum(lengths)[:-1] - 1] = False  # a pair of the end of a text and the beginning of the next
    begins = np.concatenate([[0], np.cumsum(lengths - 1)[:-1]]).astype(np.int64)
    return hashed[within], begins


def _slots(keys: _Keys, slots: int) -> Indices:
    return (keys & np.uint64(slots - 1)).astype(np.int64)


# ---- buckets


def _sorted_by(keys: _Keys, band: int) -> Indices:
    """(texts,) in the order of their keys; those of one key in an order of the band's own, so that in each band others
    are neighbours."""
    drawn = np.random.default_rng(band).permutation(len(keys))
    order: Indices = drawn[np.argsort(keys[drawn], kind="stable")]
    return order


def _next_ones(keys: _Keys, order: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of texts with one key: all of a small bucket, of a large one each text with the next few.

    keys: sorted; order: the text that each belongs to.
    """
    at = np.arange(len(keys))
    for distance in range(1, _WHOLE):
        at = at[: np.searchsorted(at, len(keys) - distance)]
        at = at[keys[at] == keys[at + distance]]
        if distance == _NEIGHBOURS + 1:
            at = at[_buckets(keys)[1][at] <= _WHOLE]
        if not len(at):
            return
        yield order[at], order[at + distance]


def _not_connected(keys: _Keys, order: Indices, part: Indices, most: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of texts of a large bucket that are of different parts, until so many were gone through.

    part: of each text, by what connects them so far. One of the two is of another part than most texts of the bucket:
    each of those goes round the bucket.
    """
    if not (keys[_WHOLE:] == keys[:-_WHOLE]).any():
        return
    of_place = part[order]
    begins, sizes = _buckets(keys)
    is_apart = ~_is_of_largest_part(begins, of_place) & (sizes > _WHOLE)
    at = np.flatnonzero(is_apart)
    left = most
    for distance in range(1, int(sizes[at].max(initial=1))):
        at = at[distance < sizes[at]]
        other = begins[at] + (at - begins[at] + distance) % sizes[at]
        is_told = (of_place[at] != of_place[other]) & ~(is_apart[other] & (other < at))
        yield order[at[is_told]], order[other[is_told]]
        left -= len(at)
        if left <= 0:
            return


def _buckets(keys: _Keys) -> tuple[Indices, Indices]:
    """(texts,) each: where the bucket of a place begins, and how many texts it has. keys: sorted."""
    _, begins, sizes = np.unique(keys, return_index=True, return_counts=True)
    return np.repeat(begins, sizes), np.repeat(sizes, sizes)


def _is_of_largest_part(begins: Indices, part: Indices) -> NDArray[np.bool_]:
    """(texts,) whether a place is of the part that most of its bucket are of. begins: of the bucket of each place."""
    parts, place, count = np.unique(np.stack([begins, part]), axis=1, return_inverse=True, return_counts=True)
    ascending = np.lexsort((count, parts[0]))
    is_last = np.diff(parts[0][ascending], append=-1) != 0
    is_largest = np.zeros(len(count), dtype=np.bool_)
    is_largest[ascending[is_last]] = True
    found: NDArray[np.bool_] = is_largest[place.ravel()]
    return found
