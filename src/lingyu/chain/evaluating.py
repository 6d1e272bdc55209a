"""A published adapter, measured anew: read as anyone would read it, on its recipe's test rows, beside TF-IDF."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.store import ANSWERS, Store, Version, read_answers, read_scores
from lingyu.tasks import IGNORED, TASKS, Task, changed_rows, task_named
from lingyu.text import Hashes

from .state import read_document, write_document

if TYPE_CHECKING:
    from lingyu.data import Splits
    from lingyu.evaluation import Answers, Metrics
    from lingyu.recipe import Recipe

TOLERANCE = 1e-3
"""Largest difference of a logit to the stored ones, float32: another machine adds in another order."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Measured:
    """largest_difference: of a logit to the stored answers. changed_labels: test
    rows that are answered otherwise, which can be ties only."""

    version: Version
    metrics: "Metrics"
    verdict: str
    largest_difference: float
    changed_labels: int

    def as_json(self) -> dict[str, Any]:
        return {
            "adapter": self.version.reference,
            "base": self.version.manifest.base.model_dump(mode="json"),
            "largest_logit_difference": self.largest_difference,
            "changed_labels": self.changed_labels,
            "verdict": self.verdict,
            "metrics": self.metrics.as_json(),
        }


def evaluate_adapter(reference: str, recipe: "Recipe", *, store: str, to: Path) -> Measured:
    """Answer the recipe's test rows by the adapter, compare with what the version says of itself, write the result.

    Raises LingyuError, with status 1 and nothing written, where the rows are not those that the version was trained and
    measured on, or its answers or figures are not those that it keeps.
    """
    from lingyu.data import load_splits
    from lingyu.evaluation import baselines_of, evaluate_answers, verdict

    version = Store(store).open(reference)
    splits = load_splits(recipe.data, recipe.task)
    _require_same_rows(version, splits)
    task = task_named(version.manifest.task, version.manifest.labels, version.manifest.calibration)
    answers, spans = _answers(version, task, splits)
    difference, changed = _require_same_answers(version, task, answers, splits.test.hashes)
    baselines = baselines_of(task, splits, recipe, spans)
    metrics = evaluate_answers(task, answers, baselines, recipe.train.seed)
    _require_same_figures(version, metrics, changed)
    measured = Measured(version, metrics, verdict(metrics), difference, changed)
    write_document(to, measured.as_json())
    return measured


def read_verdict(file: Path) -> str | None:
    """What a measurement came to, in one sentence; None where the file does not say."""
    said = read_document(file).get("verdict")
    return said if isinstance(said, str) else None


def _require_same_rows(version: Version, splits: "Splits") -> None:
    for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test)):
        record = version.manifest.data.get(name)
        if record is None or record.fingerprint != part.fingerprint:
            kept = "none" if record is None else f"{record.rows:,}"
            raise LingyuError(
                f"its {name} rows ({kept}) are not those of the recipe ({part.rows:,})",
                where=version.reference,
                next="Name the recipe that it was trained by, with the data as it was then, or train it anew",
                status=1,
            )


def _answers(version: Version, task: Task, splits: "Splits") -> "tuple[Answers, list[NDArray[np.int64]] | None]":
    """By plain PEFT on the base that the version names; and of token the characters of each test row's tokens."""
    from lingyu.evaluation import Answers
    from lingyu.lora import encode_part, find_base_of, load_adapter
    from lingyu.training import begin_process, uses_cpu

    begin_process()
    base = find_base_of(version)
    model = load_adapter(base, task.output_names, version.folder, head=task.head).to("cpu" if uses_cpu() else "cuda")
    test = encode_part(base, splits.test, task, version.manifest.max_length)
    logits = test.logits(model, base.tokenizer.pad_token_id)
    return Answers(logits, test.targets, splits.leaked, version.manifest.calibration), test.spans


def _require_same_answers(version: Version, task: Task, answers: "Answers", hashes: Hashes) -> tuple[float, int]:
    """(largest difference of a logit to the stored answers, rows that are answered otherwise)."""
    if ANSWERS not in version.manifest.files:
        what = "keeps no test answers to compare with"
        raise LingyuError(what, where=version.reference, next="Measure a version that was trained here", status=1)
    stored = read_answers(version.folder / ANSWERS)
    order = np.argsort(hashes, kind="stable")
    ours, counted = answers.logits[order], answers.targets[order] != IGNORED
    if ours.shape != stored.logits.shape:
        what = f"keeps answers of shape {stored.logits.shape}, and the rows of the recipe have {ours.shape}"
        raise LingyuError(what, where=version.reference, next="Train it anew", status=1)
    difference = float(np.abs(ours - stored.logits).max())
    changed = changed_rows(task, ours, stored.logits, answers.calibration, counted) or 0
    if not difference <= TOLERANCE:
        raise LingyuError(
            f"answers otherwise than when it was published: logits differ by {difference:.2g}, {changed:,} of "
            f"{len(ours):,} labels are others",
            where=version.reference,
            next="Don't use it; train it anew, and report this if it happens again",
            status=1,
        )
    return difference, changed


def _require_same_figures(version: Version, metrics: "Metrics", changed: int) -> None:
    """Raises LingyuError where metrics.json says another figure than its answers come to."""
    says = read_scores(version.folder).test
    for figure, measured in metrics.test.scores.items():
        interval = None if says is None else says.figures.get(figure)
        stored, found = None if interval is None else interval.value, measured.value
        if stored is None or abs(stored - found) > _allowed(version, figure, changed, metrics.test.rows):
            raise LingyuError(
                f"says {figure} {stored} of itself, and {found} was measured",
                where=version.reference,
                next="Don't trust its card; train it anew",
                status=1,
            )


def _allowed(version: Version, figure: str, changed: int, rows: int) -> float:
    """By how much a figure may differ where so many rows are answered otherwise."""
    if TASKS[version.manifest.task].traits.answers_number:
        return TOLERANCE * max(1.0, version.manifest.calibration.scale)
    if not changed:
        return _ROUNDING
    # a tie that fell the other way moves macro-F1 by the share of a class, which may be small
    return changed / rows + _ROUNDING if figure in ("accuracy", "exact_match") else changed
