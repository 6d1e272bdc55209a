"""A baseline's answers to the test rows, and the three that stand beside an adapter."""

from dataclasses import dataclass

from lingyu.tasks import Targets


@dataclass(frozen=True, eq=False)
class Baseline:
    """name: as tables and sentences call it. predictions: shaped like the test's targets.

    or_else: further predictions, each as likely as the first; its figures are the mean over all of them.
    """

    name: str
    predictions: Targets
    or_else: tuple[Targets, ...] = ()

    @property
    def all_predictions(self) -> tuple[Targets, ...]:
        return (self.predictions, *self.or_else)


@dataclass(frozen=True, eq=False)
class Baselines:
    """rival: whom an adapter has to beat. trivial: who reads no text. column: who reads a column beside the text."""

    rival: Baseline
    trivial: Baseline
    column: Baseline | None = None
