"""metrics.json, as far as the card and the list of adapters read it. Other keys may stand there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from .documents import MAX_JSON_BYTES, read_bytes, validated
from .judging import Interval

METRICS = "metrics.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Figures(_Part):
    """figures: by name. They stand beside the other keys in the file: whatever is an interval there is one."""

    figures: Annotated[dict[str, Interval], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, found: object) -> object:
        if not isinstance(found, Mapping) or "figures" in found:
            return found
        return {**found, "figures": {key: value for key, value in found.items() if _is_interval(value)}}


def _is_interval(value: object) -> bool:
    return isinstance(value, Mapping) and {"value", "low", "high"} <= set(value)


class OfLabel(_Part):
    precision: float
    recall: float
    f1: float
    support: int


class Measured(Figures):
    """The adapter on one set of test rows. per_class: by label. confusion: rows by true label, then by answer."""

    rows: int
    ece: float | None = None
    per_class: dict[str, OfLabel] = {}
    confusion: tuple[tuple[int, ...], ...] = ()


class Trivial(Figures):
    """What answers without reading a text. The file of a single_label version does not name it."""

    name: str = "majority"


class Baseline(Figures):
    """The same rows, answered without an encoder."""

    name: str
    test_without_leaks: Figures | None = None


class Differences(Figures):
    """The adapter less the baseline, on the same rows."""

    test_without_leaks: Figures | None = None

    @property
    def fair(self) -> Figures:
        """Without leaked rows where there are any."""
        return self.test_without_leaks or self


class AdapterFigures(Figures):
    adapter: str


class ParentDev(_Part):
    """The dev set of a parent, answered by every parent and by what was combined of them.

    rows, left_out, scores: None where the rows were not at hand; reason says why. left_out: rows that were not measured
    on, since their text stands in a train set.
    """

    parent: str
    rows: int | None
    left_out: int | None
    scores: tuple[AdapterFigures, ...] | None
    reason: str | None


class Combination(_Part):
    """combination_type: PEFT's word. rank, share_kept, least_kept: of an svd.

    share_kept: Frobenius norm of what was kept over that of the whole, all layers together. least_kept: the same of
    the layer that lost most. largest_logit_difference: of the written adapter to the average on its base,
    cut where it is one of an svd.
    """

    combination_type: str
    rank: int | None
    share_kept: float
    least_kept: float
    largest_logit_difference: float


class StoredScores(_Part):
    """test: None for a version combined from others, which has no test of its own."""

    test: Measured | None = None
    combination: Combination | None = None
    parents_dev: tuple[ParentDev, ...] = ()
    test_without_leaks: Measured | None = None
    baseline: Baseline | None = None
    versus_baseline: Differences | None = None
    trivial: Trivial | None = Field(default=None, validation_alias=AliasChoices("trivial", "majority"))
    column_baseline: Baseline | None = None
    versus_column_baseline: Differences | None = None
    alarms: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_figures(self) -> Self:
        if self.test is None and self.combination is None:
            raise ValueError("test: Field required")
        return self


def read_scores(folder: Path) -> StoredScores:
    """The scores of a version. Raises LingyuError where metrics.json is missing or lacks a figure."""
    path = folder / METRICS
    return validated(StoredScores, read_bytes(path, MAX_JSON_BYTES), path)
