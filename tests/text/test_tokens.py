"""Token ids are those of the tokenizers library, whatever is cut; reading texts has no state and holds nobody up."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lingyu.text import Encoded, TextTokenizer

from ..tiny_families import byte_pairs, unigrams, word_pieces

Side = Literal["right", "left"]
Row = tuple[list[int], bool, list[int], list[tuple[int, int]]]
"""Its tokens, whether it was cut, of which text and of which characters the tokens are."""

PIECES = st.sampled_from(
    [*"好的 \t，!éÅßİＡ\u0301\u200b\x00𠀀㐀—‐‧　〃《】！（）：；？", "[MASK]", "ab", "x" * 70, "x" * 150]
)


def roberta_byte_pairs(folder: Path) -> None:
    """What stands before a word is no part of the characters that its token is of."""
    byte_pairs(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module", params=[word_pieces, byte_pairs, roberta_byte_pairs, unigrams])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tokenizer's files."""
    write: Callable[[Path], object] = request.param
    folder = tmp_path_factory.mktemp(write.__name__)
    write(folder)
    return folder


@pytest.fixture
def tokenizer(tiny_base: Path) -> TextTokenizer:
    return TextTokenizer(AutoTokenizer.from_pretrained(tiny_base).backend_tokenizer)


@given(
    rows=st.lists(st.tuples(*[st.lists(PIECES, max_size=12).map("".join)] * 2), max_size=3),
    room=st.integers(1, 12),
    has_pairs=st.booleans(),
    side=st.sampled_from(["right", "left"]),
)
def test_what_is_kept_of_texts_is_what_transformers_keeps(
    folder: Path, rows: list[tuple[str, str]], room: int, has_pairs: bool, side: Side
) -> None:
    theirs = AutoTokenizer.from_pretrained(folder, truncation_side=side)
    ours = TextTokenizer(AutoTokenizer.from_pretrained(folder).backend_tokenizer)
    texts, pairs = [text for text, _ in rows], [pair for _, pair in rows] if has_pairs else None
    max_length = theirs.num_special_tokens_to_add(pair=has_pairs) + room
    encoded = ours.encode(texts, max_length, pairs, types=True, spans=True, truncation_side=side)
    ours_of_each, theirs_of_each = as_rows(encoded), by_transformers(theirs, texts, pairs, max_length)
    if side == "left":  # the library takes a blank for one of the text's first word wherever the text was cut
        ours_of_each, theirs_of_each = without_spans(ours_of_each), without_spans(theirs_of_each)
    assert ours_of_each == theirs_of_each


@given(st.lists(st.lists(PIECES, min_size=20, max_size=200), max_size=3), st.integers(3, 6))
def test_the_tokens_of_a_beginning_are_those_of_the_whole_text(
    tiny_base: Path, pieces: list[list[str]], max_length: int
) -> None:
    theirs, texts = AutoTokenizer.from_pretrained(tiny_base), ["".join(of_one) for of_one in pieces]
    found = TextTokenizer(AutoTokenizer.from_pretrained(tiny_base).backend_tokenizer).encode(
        texts, max_length, types=True, spans=True
    )
    assert as_rows(found) == by_transformers(theirs, texts, None, max_length)


@pytest.mark.parametrize(
    ("text", "longest_read"),
    [
        ("好，" * 50_000, 1_000),
        ("好 的\t" * 9_000 + "a" * 9_000, 1_000),
        ("<b>&é" * 20_000, 1_000),
        ("[MASK]" * 20_000, 1_000),
        ("a " * 70_000, 1_000),
        ("，" * 90_000, 1_000),
        ("——" * 40_000, 1_000),
        ("𠀀" * 90_000, 1_000),
        (" " * 400 + "字" * 90_000, 2_000),
        ("\u200b" * 400 + "字" * 90_000, 2_000),
        ("a" * 400 + "字" * 90_000, 2_000),
        ("字" + "a" * 90_000, 90_001),  # a word is one token however long it is, so all of it has to be read
    ],
)
def test_of_a_long_text_its_beginning_alone_is_tokenized(
    text: str, longest_read: int, tiny_base: Path, tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = tokenizer._backend
    read: list[str] = []

    class Listening:
        def encode_batch(self, texts: list[str]) -> object:
            read.extend(texts)
            return backend.encode_batch(texts)

    monkeypatch.setattr(tokenizer, "_backend", Listening())
    encoded = tokenizer.encode(["好", text], 10, types=True, spans=True)
    assert as_rows(encoded) == by_transformers(AutoTokenizer.from_pretrained(tiny_base), ["好", text], None, 10)
    assert max(map(len, read)) <= longest_read


def test_two_long_texts_take_the_memory_of_both_and_not_of_one_times_the_other(tokenizer: TextTokenizer) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    encoded = tokenizer.encode(["好" * 20_000], 256, ["的" * 19_999], types=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024, "KiB; the library takes 4.5 GB"
    assert encoded.truncated == [True]
    assert encoded.token_type_ids is not None
    assert (len(encoded.input_ids[0]), sum(encoded.token_type_ids[0])) == (256, 127)


@pytest.mark.parametrize("many", [1, 4])
def test_texts_that_take_long_hold_up_nobody_else(
    many: int, tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")  # as it is where nobody says anything
    with ThreadPoolExecutor(1) as other:
        begun = time.perf_counter()
        reading = other.submit(tokenizer.encode, ["a" * 3 + " 好" * 100_000] * many, 16, ["好"] * many)
        waits = []
        while not reading.done():
            asked = time.perf_counter()
            assert tokenizer.encode(["好" * 30, "的"], 10).lengths == [10, 3]
            waits.append(time.perf_counter() - asked)
            time.sleep(0.005)
        assert max(waits) < (time.perf_counter() - begun) / 2


def test_second_texts_are_as_many(tokenizer: TextTokenizer) -> None:
    with pytest.raises(ValueError, match="256 texts, and 300 second texts"):
        tokenizer.encode(["好"] * 256, 8, ["好"] * 300)


def as_rows(encoded: Encoded) -> list[Row]:
    assert encoded.token_type_ids is not None
    assert encoded.spans is not None
    spans = [[(int(start), int(end)) for start, end in row] for row in encoded.spans]
    return list(zip(encoded.input_ids, encoded.truncated, encoded.token_type_ids, spans, strict=True))


def without_spans(rows: list[Row]) -> list[Row]:
    return [(ids, is_cut, types, []) for ids, is_cut, types, _ in rows]


def by_transformers(tokenizer: Any, texts: list[str], pairs: list[str] | None, max_length: int) -> list[Row]:
    """Of whole texts, each read alone."""
    rows: list[Row] = []
    for number, text in enumerate(texts):
        read = [text], None if pairs is None else [pairs[number]]  # outside a list an empty second text is none
        (whole,) = tokenizer(*read, split_special_tokens=True, verbose=False)["input_ids"]
        kept = tokenizer(
            *read,
            truncation=True,
            max_length=max_length,
            split_special_tokens=True,
            return_token_type_ids=True,
            return_offsets_mapping=True,
        )
        (ids,), (types,), (spans,) = (kept[key] for key in ("input_ids", "token_type_ids", "offset_mapping"))
        rows.append((ids, len(whole) > max_length, types, spans))
    return rows
