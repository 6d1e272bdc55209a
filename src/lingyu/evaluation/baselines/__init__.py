"""What needs no encoder: an encoder that does not beat these does not earn its keep.

Each is one fixed setting for every data set. Nothing is tuned, and nothing is drawn at random.
"""

from .baseline import Baseline, Baselines
from .choosing import baselines_of
from .linear import tfidf_baseline
from .trivial import majority_baseline

__all__ = ["Baseline", "Baselines", "baselines_of", "majority_baseline", "tfidf_baseline"]
