"""The recipe: one typed, frozen file that says everything a run needs. Knows no torch."""

from .document import Document, Fault, MappingNode, Node, ScalarNode, SequenceNode, read_document
from .phrases import in_words, shown
from .reading import LoadedRecipe, load_recipe, load_recipe_with_origins
from .schema import NAME_PATTERN, Card, Data, Lora, Publish, Recipe, Split, Train
from .writing import differences, explain, json_schema, resolved_yaml

__all__ = [
    "NAME_PATTERN",
    "Card",
    "Data",
    "Document",
    "Fault",
    "LoadedRecipe",
    "Lora",
    "MappingNode",
    "Node",
    "Publish",
    "Recipe",
    "ScalarNode",
    "SequenceNode",
    "Split",
    "Train",
    "differences",
    "explain",
    "in_words",
    "json_schema",
    "load_recipe",
    "load_recipe_with_origins",
    "read_document",
    "resolved_yaml",
    "shown",
]
