"""The recipe: one typed, frozen file that says everything a run needs. Knows no torch."""

from .reading import LoadedRecipe, load_recipe, load_recipe_with_origins
from .schema import NAME_PATTERN, Card, Data, Lora, Publish, Recipe, Split, Train
from .writing import differences, explain, json_schema, resolved_yaml

__all__ = [
    "NAME_PATTERN",
    "Card",
    "Data",
    "LoadedRecipe",
    "Lora",
    "Publish",
    "Recipe",
    "Split",
    "Train",
    "differences",
    "explain",
    "json_schema",
    "load_recipe",
    "load_recipe_with_origins",
    "resolved_yaml",
]
