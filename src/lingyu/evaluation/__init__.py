"""Evaluation: what a model is worth on rows it has not seen, with intervals and with baselines beside it."""

from .baselines import Baseline, majority_baseline, tfidf_baseline
from .calibration import fit_temperature, negative_log_likelihood
from .collecting import Columns, collect
from .comparison import Comparison, Paired, Part, Setting, compare_versions
from .intervals import (
    Interval,
    Scores,
    bootstrap_accuracy_and_macro_f1,
    mcnemar_p,
    paired_difference,
    seeds_mean_interval,
)
from .overlap import Collection, CrossOverlap, OverlapNote, Shared, cross_overlaps, news, overlaps, rows_in
from .plots import plot_confusion, plot_curves
from .report import Answers, Metrics, evaluate_answers, judgement, table_of, verdict

__all__ = [
    "Answers",
    "Baseline",
    "Collection",
    "Columns",
    "Comparison",
    "CrossOverlap",
    "Interval",
    "Metrics",
    "OverlapNote",
    "Paired",
    "Part",
    "Scores",
    "Setting",
    "Shared",
    "bootstrap_accuracy_and_macro_f1",
    "collect",
    "compare_versions",
    "cross_overlaps",
    "evaluate_answers",
    "fit_temperature",
    "judgement",
    "majority_baseline",
    "mcnemar_p",
    "negative_log_likelihood",
    "news",
    "overlaps",
    "paired_difference",
    "plot_confusion",
    "plot_curves",
    "rows_in",
    "seeds_mean_interval",
    "table_of",
    "tfidf_baseline",
    "verdict",
]
