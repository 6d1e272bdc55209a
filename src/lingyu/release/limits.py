"""How far what is handed over may be from the adapter on its base. Imports nothing: a graph checks itself by them."""

TOLERANCE = 1e-4
"""Largest difference of a logit in float32: only the order of sums may differ."""
AGREEMENT = 0.995
"""Share of texts that an int8 graph has to give the label that float32 gives."""
