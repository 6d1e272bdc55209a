"""metrics.json, as far as the card and the list of adapters read it. Other keys may stand there."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .documents import MAX_JSON_BYTES, read_bytes, validated

METRICS = "metrics.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Interval(_Part):
    """A figure with its 95 % interval, as shares: 0.88 is 88 %."""

    value: float
    low: float
    high: float


class Figures(_Part):
    accuracy: Interval
    macro_f1: Interval


class Measured(Figures):
    """The adapter on one set of test rows."""

    rows: int
    ece: float | None = None


class Baseline(Figures):
    """The same rows, answered without an encoder."""

    name: str
    test_without_leaks: Figures | None = None


class Difference(_Part):
    """The adapter less the baseline, on the same rows: above 0 the adapter is better."""

    accuracy: Interval


class Differences(Difference):
    test_without_leaks: Difference | None = None


class Scores(_Part):
    test: Measured
    test_without_leaks: Measured | None = None
    baseline: Baseline | None = None
    versus_baseline: Differences | None = None
    alarms: tuple[str, ...] = ()

    @property
    def fair_difference(self) -> Difference | None:
        """To the baseline, without leaked rows where there are any; None where no baseline was measured."""
        versus = self.versus_baseline
        return versus and (versus.test_without_leaks or versus)


def read_scores(folder: Path) -> Scores:
    """The scores of a version. Raises LingyuError where metrics.json is missing or lacks a figure."""
    path = folder / METRICS
    return validated(Scores, read_bytes(path, MAX_JSON_BYTES), path)
