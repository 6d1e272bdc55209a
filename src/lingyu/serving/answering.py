"""From rows, each with its own adapters, to an answer a row: one forward for whatever is asked together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError, did_you_mean
from lingyu.tasks import Failed, Result
from lingyu.text import readable

if TYPE_CHECKING:  # whoever brings a resident brings torch; a wrong name is told before it is waited for
    from .engine import Engine, Resident

# Adapters that are stacked at once; a stack is a copy of them. What is asked of more goes through in several forwards.
MAX_STACKED = 64


@dataclass(frozen=True)
class Respondent:
    """Who answers a row: one adapter, or several that share their labels, whose probabilities are averaged.

    thresholds: label -> the probability below which the answer is `uncertain`; threshold: of every other label.
    where: the line of tenants.yaml that says so.
    """

    residents: tuple["Resident", ...]
    threshold: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    where: str | None = None

    def __post_init__(self) -> None:
        """Raises LingyuError for adapters whose labels differ, and for a threshold of a label that they don't have."""
        first, *others = (resident.version for resident in self.residents)
        unknown = sorted(set(self.thresholds) - set(first.manifest.labels))
        if unknown:
            near = did_you_mean(unknown[0], first.manifest.labels)
            next_step = f"Did you mean `{near}`?" if near else f"It has {', '.join(first.manifest.labels[:5])}"
            raise LingyuError(f"{first.reference} has no label {unknown[0]!r:.60}", self.where, next_step)
        for other in others:
            if set(other.manifest.labels) != set(first.manifest.labels):
                raise LingyuError(
                    f"{first.reference} answers {', '.join(first.manifest.labels[:5])}, "
                    f"but {other.reference} {', '.join(other.manifest.labels[:5])}",
                    self.where,
                    "An ensemble's adapters have the same labels",
                )

    def answer(self, text: str, probabilities: Sequence[NDArray[np.float64]], truncated: bool) -> Result:
        """probabilities: (labels,) of each resident, in its own order of labels."""
        first = self.residents[0].task
        mean = probabilities[0]
        if len(self.residents) > 1:
            mean = np.mean(
                [
                    row[[resident.task.labels.index(label) for label in first.labels]]
                    for resident, row in zip(self.residents, probabilities, strict=True)
                ],
                axis=0,
            )
        answer = first.answer(mean, threshold=self.threshold, thresholds=self.thresholds)
        version = "+".join(resident.version.reference for resident in self.residents)
        return Result(text, answer.label, answer.probability, answer.probabilities, version, truncated)


@dataclass(frozen=True)
class Row:
    """A text, and who is to answer it, or why nobody can."""

    text: str
    tenant: str
    respondent: Respondent | LingyuError


@dataclass(frozen=True)
class _Ask:
    """One adapter's part in a row."""

    row: int
    resident: "Resident"
    text: str


@dataclass(frozen=True)
class _Said:
    probabilities: NDArray[np.float64]
    truncated: bool


def answer_rows(rows: Sequence[Row]) -> list[Result | Failed]:
    """An answer a row, in order. What is wrong with a row is its own answer, and nobody else's."""
    failures: dict[int, LingyuError] = {}
    asks: list[_Ask] = []
    for number, row in enumerate(rows):
        try:
            asks.extend(_asks(number, row))
        except LingyuError as error:
            failures[number] = error
    said: dict[int, list[_Said]] = {}
    for ask, answer in zip(asks, _ask_all(asks), strict=True):
        said.setdefault(ask.row, []).append(answer)
    return [
        Failed(row.text, row.tenant, failures[number]) if number in failures else _result(row, said[number])
        for number, row in enumerate(rows)
    ]


def _asks(number: int, row: Row) -> list[_Ask]:
    if isinstance(row.respondent, LingyuError):
        raise row.respondent
    return [
        _Ask(number, resident, readable(row.text, resident.version.manifest.text_steps))
        for resident in row.respondent.residents
    ]


def _result(row: Row, said: Sequence[_Said]) -> Result:
    assert isinstance(row.respondent, Respondent)
    return row.respondent.answer(row.text, [one.probabilities for one in said], any(one.truncated for one in said))


def _ask_all(asks: Sequence[_Ask]) -> list[_Said]:
    answers: list[_Said | None] = [None] * len(asks)
    for group in _groups(asks):
        for number, said in zip(group, _ask_together([asks[number] for number in group]), strict=True):
            answers[number] = said
    return [said for said in answers if said is not None]


def _groups(asks: Sequence[_Ask]) -> Iterator[list[int]]:
    """What goes through one base's layers together: all asks of up to MAX_STACKED adapters."""
    numbers: dict[Engine, dict[Resident, list[int]]] = {}
    for number, ask in enumerate(asks):
        numbers.setdefault(ask.resident.engine, {}).setdefault(ask.resident, []).append(number)
    for by_resident in numbers.values():
        residents = list(by_resident)
        for start in range(0, len(residents), MAX_STACKED):
            yield [number for resident in residents[start : start + MAX_STACKED] for number in by_resident[resident]]


def _ask_together(asks: Sequence[_Ask]) -> list[_Said]:
    """One engine, a few dozen adapters at most. Sorted, so that the same adapters make the same stack."""
    residents = tuple(sorted({ask.resident for ask in asks}, key=lambda resident: resident.version.reference))
    place = {resident: number for number, resident in enumerate(residents)}
    index = np.array([place[ask.resident] for ask in asks])
    input_ids, truncated = _encoded(asks)
    engine = residents[0].engine
    logits = engine.logits(engine.stack(residents), index, input_ids)
    probabilities: list[NDArray[np.float64]] = [np.empty(0)] * len(asks)
    for resident, number in place.items():
        own = np.flatnonzero(index == number)
        temperature = resident.version.manifest.calibration.temperature
        for ask, row in zip(
            own, resident.task.probabilities(logits[own, : resident.task.num_outputs], temperature), strict=True
        ):
            probabilities[ask] = row
    return [_Said(row, cut) for row, cut in zip(probabilities, truncated, strict=True)]


def _encoded(asks: Sequence[_Ask]) -> tuple[list[list[int]], list[bool]]:
    """Token ids and whether they were cut, each adapter's texts at its own max_length."""
    by_length: dict[int, list[int]] = {}
    for number, ask in enumerate(asks):
        by_length.setdefault(ask.resident.version.manifest.max_length, []).append(number)
    input_ids: list[list[int]] = [[]] * len(asks)
    truncated = [False] * len(asks)
    engine = asks[0].resident.engine
    for max_length, numbers in by_length.items():
        encoded = engine.encode([asks[number].text for number in numbers], max_length)
        for number, ids, cut in zip(numbers, encoded.input_ids, encoded.truncated, strict=True):
            input_ids[number], truncated[number] = ids, cut
    return input_ids, truncated
