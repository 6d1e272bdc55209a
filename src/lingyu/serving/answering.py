"""From rows, each with its own adapters, to an answer a row: one forward for whatever is asked together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lingyu.errors import LingyuError
from lingyu.tasks import Failed, Read, Result, TruncationSide, checked_probabilities, require_as_many_texts
from lingyu.text import Encoded, places_of, readable

from .respondent import Respondent, Said

if TYPE_CHECKING:  # whoever brings a resident brings torch; a wrong name is told before it is waited for
    from .engine import Engine, Logits, Resident

# Adapters that are stacked at once; a stack is a copy of them. What is asked of more goes through in several forwards.
MAX_STACKED = 64


@dataclass(frozen=True)
class Row:
    """A text, a second one where there is one, and who is to answer it, or why nobody can."""

    text: str
    tenant: str
    respondent: Respondent | LingyuError
    text_pair: str | None = None


@dataclass(frozen=True)
class _Ask:
    """One adapter's part in a row. text, text_pair: as it reads them. given: the text as it came."""

    row: int
    resident: "Resident"
    text: str
    text_pair: str | None
    given: str


def answer_rows(rows: Sequence[Row]) -> list[Result | Failed]:
    """An answer a row, in order. What is wrong with a row is its own answer, and nobody else's."""
    failures: dict[int, LingyuError] = {}
    asks: list[_Ask] = []
    for number, row in enumerate(rows):
        try:
            asks.extend(_asks(number, row))
        except LingyuError as error:
            failures[number] = error
    said: dict[int, list[Said]] = {}
    for ask, answer in zip(asks, _ask_all(asks), strict=True):
        if isinstance(answer, LingyuError):
            failures.setdefault(ask.row, answer)
        else:
            said.setdefault(ask.row, []).append(answer)
    return [
        Failed(row.text, row.tenant, failures[number]) if number in failures else _result(row, said[number])
        for number, row in enumerate(rows)
    ]


def _asks(number: int, row: Row) -> list[_Ask]:
    if isinstance(row.respondent, LingyuError):
        raise row.respondent
    asks = []
    for resident in row.respondent.residents:
        version, has_pair = resident.version, row.text_pair is not None
        require_as_many_texts(version.reference, reads_two=version.manifest.text_pair, has_pair=has_pair)
        steps = version.manifest.text_steps
        pair = None if row.text_pair is None else readable(row.text_pair, steps, "the second text")
        asks.append(_Ask(number, resident, readable(row.text, steps), pair, row.text))
    return asks


def _result(row: Row, said: Sequence[Said]) -> Result:
    assert isinstance(row.respondent, Respondent)
    return row.respondent.answer(row.text, row.text_pair, said)


def _ask_all(asks: Sequence[_Ask]) -> list[Said | LingyuError]:
    answers: list[Said | LingyuError | None] = [None] * len(asks)
    for group in _groups(asks):
        for number, said in zip(group, _ask_together([asks[number] for number in group]), strict=True):
            answers[number] = said
    return [said for said in answers if said is not None]


def _groups(asks: Sequence[_Ask]) -> Iterator[list[int]]:
    """What goes through one base's layers together: all asks of up to MAX_STACKED adapters of like size."""
    numbers: dict[Engine, dict[Resident, list[int]]] = {}
    for number, ask in enumerate(asks):
        numbers.setdefault(ask.resident.engine, {}).setdefault(ask.resident, []).append(number)
    for engine, by_resident in numbers.items():
        for together in engine.stackable(_in_order(by_resident), MAX_STACKED):
            yield [number for resident in together for number in by_resident[resident]]


def _in_order(residents: Iterable["Resident"]) -> tuple["Resident", ...]:
    """So that the same adapters make the same stack."""
    return tuple(sorted(residents, key=lambda resident: resident.version.reference))


def _ask_together(asks: Sequence[_Ask]) -> list[Said | LingyuError]:
    """One engine, a few dozen adapters at most."""
    residents = _in_order({ask.resident for ask in asks})
    place = {resident: number for number, resident in enumerate(residents)}
    index = np.array([place[ask.resident] for ask in asks])
    encoded = _encoded(asks)
    engine = residents[0].engine
    logits = engine.logits(engine.stack(residents), index, encoded)
    said: list[Said | LingyuError | None] = [None] * len(asks)
    for resident, number in place.items():
        for ask, answer in _said_by(resident, np.flatnonzero(index == number).tolist(), asks, logits, encoded):
            said[ask] = answer
    return [one for one in said if one is not None]


def _said_by(
    resident: "Resident", own: list[int], asks: Sequence[_Ask], logits: "Logits", encoded: Encoded
) -> Iterator[tuple[int, Said | LingyuError]]:
    """own: the numbers of the asks that are this resident's."""
    task, by_token = resident.task, resident.task.head == "token"
    groups = [[ask] for ask in own] if by_token else [own]  # texts differ in their tokens
    for group in groups:
        given = logits.tokens[group[0]][None] if by_token else logits.rows[group]
        given = given[..., : task.num_outputs]
        answers = checked_probabilities(task, given, resident.calibration, resident.version.reference)
        for ask, answer in zip(group, answers, strict=True):
            if isinstance(answer, LingyuError):
                yield ask, answer
            else:
                yield ask, Said(answer, encoded.truncated[ask], _read(asks[ask], encoded, ask) if by_token else None)


def _read(ask: _Ask, encoded: Encoded, number: int) -> Read:
    """What the tokens stand for in the text as it came. An engine admits no adapter whose steps lose their places."""
    assert encoded.spans is not None, "the spans of a text are asked for where its adapter answers token by token"
    spans = encoded.spans[number]
    is_special = spans[:, 1] == 0
    return Read(ask.given, np.where(is_special[:, None], 0, np.array(places_of(ask.given))[spans]))


def _encoded(asks: Sequence[_Ask]) -> Encoded:
    """Each adapter's texts at its own max_length, with a second text or not, as characters or not."""
    engine = asks[0].resident.engine
    input_ids: list[list[int]] = [[]] * len(asks)
    truncated = [False] * len(asks)
    types: dict[int, list[int]] = {}
    spans = [_NO_SPANS] * len(asks)
    for reading, numbers in _read_alike(asks).items():
        texts = [asks[number].text for number in numbers]
        pairs = [asks[number].text_pair or "" for number in numbers] if reading.has_pair else None
        found = engine.base.encode(
            texts, reading.max_length, pairs, spans=reading.has_spans, truncation_side=reading.truncation_side
        )
        for at, number in enumerate(numbers):
            input_ids[number], truncated[number] = found.input_ids[at], found.truncated[at]
            if found.token_type_ids is not None:
                types[number] = found.token_type_ids[at]
            if found.spans is not None:
                spans[number] = found.spans[at]
    token_type_ids = [types.get(row) or [0] * len(ids) for row, ids in enumerate(input_ids)] if types else None
    return Encoded(input_ids, truncated, token_type_ids, spans)


_NO_SPANS = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class _Reading:
    """How a tokenizer reads an ask."""

    max_length: int
    has_pair: bool
    has_spans: bool
    truncation_side: TruncationSide


def _read_alike(asks: Sequence[_Ask]) -> dict[_Reading, list[int]]:
    """Numbers of asks."""
    groups: dict[_Reading, list[int]] = {}
    for number, ask in enumerate(asks):
        task = ask.resident.task
        reading = _Reading(
            ask.resident.version.manifest.max_length,
            ask.text_pair is not None,
            task.head == "token",
            task.traits.truncation_side,
        )
        groups.setdefault(reading, []).append(number)
    return groups
