"""Entities as tags: what is written is read back, and every sequence that a model may answer can be read."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lingyu.tasks import IGNORED, lost_entities, padded_tags, tag_ids
from lingyu.tasks.bio import Span, bears_tag, own_characters, spans_in, tag_names, tags_of

LABELS = ("品牌", "型号")
TAGS = tag_names(LABELS)
any_tags = st.lists(st.integers(0, len(TAGS) - 1), max_size=30)


@st.composite
def entities(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Entities that don't overlap, perhaps side by side, and the length of their sequence."""
    spans, end = [], 0
    for gap, length, label in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(0, 1)))):
        spans.append(Span(end + gap, end + gap + length, label))
        end += gap + length
    return spans, end + draw(st.integers(0, 2))


def seqeval_chunks(names: list[str]) -> list[tuple[str, int, int]]:
    """The rules of conlleval, which seqeval restates: (label, first, last) of each chunk.

    Independent of spans_in: it compares each tag with the one before, by their names.
    """
    chunks, begun, before, label_before = [], 0, "O", ""
    for place, name in enumerate([*names, "O"]):
        prefix, _, label = name.partition("-")
        ends = before in "BI" and (prefix in "BO" or label != label_before)
        starts = prefix == "B" or (prefix == "I" and (before == "O" or label != label_before))
        if ends:
            chunks.append((label_before, begun, place - 1))
        if starts:
            begun = place
        before, label_before = prefix, label
    return chunks


@given(entities())
def test_entities_come_back_from_their_tags(drawn: tuple[list[Span], int]) -> None:
    spans, length = drawn
    assert spans_in(tags_of(spans, length).tolist()) == spans


@given(any_tags)
def test_any_sequence_is_read_as_seqeval_reads_it(tags: list[int]) -> None:
    expected = [(label, first, last + 1) for label, first, last in seqeval_chunks([TAGS[tag] for tag in tags])]
    assert [(LABELS[span.label], span.start, span.end) for span in spans_in(tags)] == expected


def is_legal(tags: list[int]) -> bool:
    return all(
        tag == 0 or tag % 2 == 1 or before in (tag, tag - 1) for before, tag in zip([0, *tags], tags, strict=False)
    )


@given(any_tags)
def test_entities_lie_inside_apart_and_are_written_as_a_legal_sequence(tags: list[int]) -> None:
    spans = spans_in(tags)
    borders = [border for span in spans for border in span[:2]]
    assert borders == sorted(borders)
    assert all(0 <= span.start < span.end <= len(tags) for span in spans)
    written = tags_of(spans, len(tags)).tolist()
    assert is_legal(written)
    assert spans_in(written) == spans
    if is_legal(tags):
        assert written == tags


def test_an_entity_without_its_beginning_begins_where_it_is_found() -> None:
    assert spans_in([0, 2, 2, 4, 1]) == [Span(1, 3, 0), Span(3, 4, 1), Span(4, 5, 0)]
    assert spans_in([]) == []


def test_a_token_without_characters_of_its_own_bears_no_tag() -> None:
    """Special tokens at the ends; the second byte of a character; a mark that stands for the first character too."""
    spans = np.array([[0, 0], [0, 1], [0, 2], [2, 3], [2, 3], [3, 6], [0, 0]])
    assert own_characters(spans).tolist() == [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0], [3, 6], [0, 0]]
    assert bears_tag(spans).tolist() == [False, True, True, True, False, True, False]


def test_a_row_without_tokens_has_none() -> None:
    assert own_characters(np.zeros((0, 2), dtype=np.int64)).shape == (0, 2)


# 华为mate40手机: [CLS] 华 为 mate ##40 手 机 [SEP]
SPANS = np.array([[0, 0], [0, 1], [1, 2], [2, 6], [6, 8], [8, 9], [9, 10], [0, 0]])


def test_tags_stand_at_the_tokens_of_the_entity_and_nowhere_at_special_tokens() -> None:
    assert tag_ids([(0, 2, 0), (2, 8, 1)], SPANS).tolist() == [IGNORED, 1, 2, 3, 4, 0, 0, IGNORED]


def test_an_entity_that_ends_within_a_token_takes_it_whole_and_one_that_begins_there_goes_without() -> None:
    assert tag_ids([(2, 7, 1)], SPANS).tolist() == [IGNORED, 0, 0, 3, 4, 0, 0, IGNORED]
    assert tag_ids([(3, 8, 1)], SPANS).tolist() == [IGNORED, 0, 0, 0, 3, 0, 0, IGNORED]
    assert tag_ids([(3, 5, 1)], SPANS).tolist() == [IGNORED, 0, 0, 0, 0, 0, 0, IGNORED]
    assert [lost_entities([one], SPANS) for one in ((2, 8, 1), (2, 7, 1), (3, 8, 1), (3, 5, 1))] == [0, 1, 1, 1]


def test_the_second_of_two_entities_in_one_token_begins_at_its_own_first_token() -> None:
    assert tag_ids([(0, 4, 0), (4, 8, 1)], SPANS).tolist() == [IGNORED, 1, 2, 2, 3, 0, 0, IGNORED]


def test_an_entity_that_truncation_cuts_ends_with_the_text_and_is_counted_as_lost() -> None:
    cut = np.vstack([SPANS[:4], [[0, 0]]])
    entities = [(0, 2, 0), (2, 8, 1), (8, 10, 0)]
    assert tag_ids(entities, cut).tolist() == [IGNORED, 1, 2, 3, IGNORED]
    assert lost_entities(entities, cut) == 2


def test_further_pieces_of_one_character_are_ignored() -> None:
    bytes_of_one = np.array([[0, 0], [0, 1], [0, 1], [0, 1], [1, 2], [0, 0]])
    assert tag_ids([(0, 2, 0)], bytes_of_one).tolist() == [IGNORED, 1, IGNORED, IGNORED, 2, IGNORED]


def test_rows_of_tags_are_padded_to_the_longest() -> None:
    assert padded_tags([np.array([1, 2]), np.array([0])]).tolist() == [[1, 2], [0, IGNORED]]
    assert padded_tags([]).shape == (0, 0)


def test_an_entity_that_begins_at_a_blank_is_lost_by_that_blank() -> None:
    no_token_at_0 = np.array([[0, 0], [1, 2], [2, 3], [0, 0]])
    assert tag_ids([(0, 2, 0)], no_token_at_0).tolist() == [IGNORED, 1, 0, IGNORED]
    assert lost_entities([(0, 2, 0), (2, 3, 0)], no_token_at_0) == 1
