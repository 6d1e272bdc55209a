"""Evaluation: what a model is worth on rows it has not seen, with intervals and with baselines beside it."""

from .baselines import Baseline, Baselines, Inputs, baselines_of, majority_baseline, tfidf_baseline
from .collecting import Columns, collect
from .comparison import Comparison, Paired, Part, Setting, compare_versions
from .intervals import (
    Scores,
    paired_difference,
    scores_json,
    scores_of,
    seeds_mean_interval,
)
from .overlap import Collection, CrossOverlap, OverlapNote, Shared, cross_overlaps, news, overlaps
from .pictures import pictures_of
from .plots import plot_curves
from .report import Answers, Compared, Measured, Metrics, evaluate_answers, verdict
from .terminal import table_of, table_with

__all__ = [
    "Answers",
    "Baseline",
    "Baselines",
    "Collection",
    "Columns",
    "Compared",
    "Comparison",
    "CrossOverlap",
    "Inputs",
    "Measured",
    "Metrics",
    "OverlapNote",
    "Paired",
    "Part",
    "Scores",
    "Setting",
    "Shared",
    "baselines_of",
    "collect",
    "compare_versions",
    "cross_overlaps",
    "evaluate_answers",
    "majority_baseline",
    "news",
    "overlaps",
    "paired_difference",
    "pictures_of",
    "plot_curves",
    "scores_json",
    "scores_of",
    "seeds_mean_interval",
    "table_of",
    "table_with",
    "tfidf_baseline",
    "verdict",
]
