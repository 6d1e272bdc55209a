"""Evaluation: what a model is worth on rows it has not seen, with intervals and with baselines beside it."""

from .baselines import Baseline, Baselines, baselines_of, majority_baseline, tfidf_baseline
from .collecting import Columns, collect
from .comparison import Comparison, Paired, Part, Setting, compare_versions
from .intervals import (
    Interval,
    Scores,
    bootstrap,
    judgement_of,
    mcnemar_p,
    paired_difference,
    scores_json,
    scores_of,
    seeds_mean_interval,
    told,
)
from .overlap import Collection, CrossOverlap, OverlapNote, Shared, cross_overlaps, news, overlaps, rows_in
from .pictures import pictures_of
from .plots import plot_confusion, plot_curves, plot_scatter
from .report import Answers, Compared, Measured, Metrics, evaluate_answers, judgement, verdict
from .terminal import table_of

__all__ = [
    "Answers",
    "Baseline",
    "Baselines",
    "Collection",
    "Columns",
    "Compared",
    "Comparison",
    "CrossOverlap",
    "Interval",
    "Measured",
    "Metrics",
    "OverlapNote",
    "Paired",
    "Part",
    "Scores",
    "Setting",
    "Shared",
    "baselines_of",
    "bootstrap",
    "collect",
    "compare_versions",
    "cross_overlaps",
    "evaluate_answers",
    "judgement",
    "judgement_of",
    "majority_baseline",
    "mcnemar_p",
    "news",
    "overlaps",
    "paired_difference",
    "pictures_of",
    "plot_confusion",
    "plot_curves",
    "plot_scatter",
    "rows_in",
    "scores_json",
    "scores_of",
    "seeds_mean_interval",
    "table_of",
    "tfidf_baseline",
    "told",
    "verdict",
]
