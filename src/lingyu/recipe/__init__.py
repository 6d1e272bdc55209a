"""The recipe: one typed, frozen file that says everything a run needs. Knows no torch."""

from .chaining import ChainRecipe, CorpusStage, EvaluateStage, Stage
from .document import Document, Fault, MappingNode, Node, ScalarNode, SequenceNode, read_document
from .kinds import AnyRecipe, values_of
from .phrases import in_words, shown
from .pretraining import BaseCard, Dapt, Pretraining, PretrainingRecipe, PublishBase, Shape
from .reading import (
    Loaded,
    is_recipe_file,
    kind_of,
    load_any,
    load_chain,
    load_chain_with_origins,
    load_pretraining,
    load_pretraining_with_origins,
    load_recipe,
    load_recipe_with_origins,
)
from .schema import NAME_PATTERN, RUNS, Augment, Card, Data, Lora, Publish, Recipe, Section, Split, Train
from .stages import StageRecipe, WholeChain, load_whole_chain
from .task_rules import FIGURES, LOWER_IS_BETTER, TaskName
from .writing import deviations, differences, explain, json_schema, overrides_of, resolved_yaml

__all__ = [
    "FIGURES",
    "LOWER_IS_BETTER",
    "NAME_PATTERN",
    "RUNS",
    "AnyRecipe",
    "Augment",
    "BaseCard",
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
    "Section",
    "SequenceNode",
    "Shape",
    "Split",
    "Stage",
    "StageRecipe",
    "TaskName",
    "Train",
    "WholeChain",
    "deviations",
    "differences",
    "explain",
    "in_words",
    "is_recipe_file",
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
    "values_of",
]
