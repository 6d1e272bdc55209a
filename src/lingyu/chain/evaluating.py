"""A published adapter, measured anew: read as anyone would read it, on its recipe's test rows, beside TF-IDF."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.store import ANSWERS, Store, Version, read_answers, read_scores

from .state import read_document, write_document

if TYPE_CHECKING:
    from lingyu.data import Splits
    from lingyu.evaluation import Metrics
    from lingyu.recipe import Recipe

TOLERANCE = 1e-3
"""Largest difference of a logit to the stored ones, float32: another machine adds in another order."""


@dataclass(frozen=True)
class Measured:
    """largest_difference: of a logit to the stored answers. changed_labels: of test rows, which can be ties only."""

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
            "metrics": self.metrics,
        }


def evaluate_adapter(reference: str, recipe: "Recipe", *, store: str, to: Path) -> Measured:
    """Answer the recipe's test rows by the adapter, compare with what the version says of itself, write the result.

    Raises LingyuError, with status 1 and nothing written, where the rows are not those that the version was trained and
    measured on, or its answers or figures are not those that it keeps.
    """
    from lingyu.data import load_splits

    version = Store(store).open(reference)
    splits = load_splits(recipe.data)
    _require_same_rows(version, splits)
    logits = _logits(version, splits.test.texts)
    difference, changed = _require_same_answers(version, splits, logits)
    metrics = _metrics(version, splits, logits, recipe.train.seed)
    _require_same_figures(version, metrics, changed)

    from lingyu.evaluation import verdict

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


def _logits(version: Version, texts: tuple[str, ...]) -> NDArray[np.float32]:
    """(rows, labels), by plain PEFT on the base that the version names."""
    from lingyu.lora import find_base_of, load_adapter
    from lingyu.training import begin_process, logits_of, uses_cpu

    begin_process()
    base = find_base_of(version)
    model = load_adapter(base, version.manifest.labels, version.folder).to("cpu" if uses_cpu() else "cuda")
    input_ids = base.encode(texts, version.manifest.max_length).input_ids
    found: NDArray[np.float32] = logits_of(model, input_ids, pad_token_id=base.tokenizer.pad_token_id).numpy()
    return found


def _require_same_answers(version: Version, splits: "Splits", logits: NDArray[np.float32]) -> tuple[float, int]:
    """(largest difference of a logit to the stored answers, labels that are others)."""
    if ANSWERS not in version.manifest.files:
        what = "keeps no test answers to compare with"
        raise LingyuError(what, where=version.reference, next="Measure a version that was trained here", status=1)
    stored = read_answers(version.folder / ANSWERS)
    ours = logits[np.argsort(splits.test.hashes, kind="stable")]
    difference = float(np.abs(ours - stored.logits).max())
    changed = int((ours.argmax(axis=1) != stored.logits.argmax(axis=1)).sum())
    if not difference <= TOLERANCE:
        raise LingyuError(
            f"answers otherwise than when it was published: logits differ by {difference:.2g}, {changed:,} of "
            f"{len(ours):,} labels are others",
            where=version.reference,
            next="Don't use it; train it anew, and report this if it happens again",
            status=1,
        )
    return difference, changed


def _metrics(version: Version, splits: "Splits", logits: NDArray[np.float32], seed: int) -> "Metrics":
    from lingyu.evaluation import Answers, evaluate_answers, majority_baseline, tfidf_baseline

    train, test = splits.train, splits.test
    temperature = version.manifest.calibration.temperature
    return evaluate_answers(
        Answers(splits.labels, logits, test.labels, splits.leaked, temperature),
        tfidf_baseline(train.texts, train.labels, test.texts, len(splits.labels)),
        majority_baseline(train.labels, test.rows, len(splits.labels)),
        seed,
    )


def _require_same_figures(version: Version, metrics: "Metrics", changed: int) -> None:
    """Raises LingyuError where metrics.json says another accuracy or macro-F1 than its answers come to."""
    says = read_scores(version.folder).test
    rows = metrics["test"]["rows"]
    for name in ("accuracy", "macro_f1"):
        stored = None if says is None else getattr(says, name).value
        found = metrics["test"][name]["value"]
        # a tie that fell the other way moves macro-F1 by the share of a class, which may be small
        allowed = 1e-9 if not changed else changed if name == "macro_f1" else changed / rows + 1e-9
        if stored is None or abs(stored - found) > allowed:
            raise LingyuError(
                f"says {name} {stored} of itself, and {found} was measured",
                where=version.reference,
                next="Don't trust its card; train it anew",
                status=1,
            )
