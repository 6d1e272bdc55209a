"""What needs no encoder: an encoder that does not beat these does not earn its keep.

Each is one fixed setting for every data set, and nothing is drawn at random. What an adapter's answers owe to its
decisions rather than to its encoder, the baseline has too: class weights, and of multi_label thresholds from dev.
"""

from .baseline import Baseline, Baselines
from .choosing import baselines_of
from .linear import Inputs, tfidf_baseline
from .trivial import majority_baseline

__all__ = ["Baseline", "Baselines", "Inputs", "baselines_of", "majority_baseline", "tfidf_baseline"]
