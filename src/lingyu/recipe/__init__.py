"""The recipe: one typed, frozen file that says everything a run needs. Knows no torch."""

from .chaining import ChainRecipe, CorpusStage, EvaluateStage, Stage
from .document import Document, Fault, MappingNode, Node, ScalarNode, SequenceNode, read_document
from .kinds import AnyRecipe
from .phrases import in_words, shown
from .pretraining import Dapt, Pretraining, PretrainingRecipe, PublishBase, Shape
from .reading import (
    Loaded,
    kind_of,
    load_any,
    load_chain,
    load_chain_with_origins,
    load_pretraining,
    load_pretraining_with_origins,
    load_recipe,
    load_recipe_with_origins,
)
from .schema import NAME_PATTERN, Card, Data, Lora, Publish, Recipe, Split, Train
from .stages import WholeChain, load_whole_chain
from .writing import differences, explain, json_schema, overrides_of, resolved_yaml

__all__ = [
    "NAME_PATTERN",
    "AnyRecipe",
    "Card",
    "ChainRecipe",
    "CorpusStage",
    "Dapt",
    "Data",
    "Document",
    "EvaluateStage",
    "Fault",
    "Loaded",
    "Lora",
    "MappingNode",
    "Node",
    "Pretraining",
    "PretrainingRecipe",
    "Publish",
    "PublishBase",
    "Recipe",
    "ScalarNode",
    "SequenceNode",
    "Shape",
    "Split",
    "Stage",
    "Train",
    "WholeChain",
    "differences",
    "explain",
    "in_words",
    "json_schema",
    "kind_of",
    "load_any",
    "load_chain",
    "load_chain_with_origins",
    "load_pretraining",
    "load_pretraining_with_origins",
    "load_recipe",
    "load_recipe_with_origins",
    "load_whole_chain",
    "overrides_of",
    "read_document",
    "resolved_yaml",
    "shown",
]
