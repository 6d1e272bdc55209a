"""The recipe: one typed, frozen file that says everything a run needs. Knows no torch."""

from .chaining import ChainRecipe, CorpusStage, EvaluateStage, Stage
from .document import Document, Fault, MappingNode, Node, ScalarNode, SequenceNode, read_document
from .encodings import codec_named, encoding_like
from .figures import FIGURES
from .kinds import AnyRecipe, values_of
from .phrases import in_words, shown
from .pretraining import Dapt, Pretraining, PretrainingRecipe, PublishBase, Shape
from .reading import (
    Loaded,
    is_recipe_file,
    load_any,
    load_pretraining,
    load_pretraining_with_origins,
    load_recipe,
    load_recipe_with_origins,
    load_stored_recipe,
)
from .schema import Augment, Card, Data, Lora, Publish, Split, Train
from .section import NAME_PATTERN, RECIPE, RUNS, VERSION_LIKE, Section
from .stages import WholeChain, load_whole_chain
from .task_rules import KEEPS_PLACES, TASK_RULES, TaskName
from .training import Recipe
from .writing import ONLY_TOLD, deviations, differences, explain, json_schema, path_notes, resolved_yaml

__all__ = [
    "FIGURES",
    "KEEPS_PLACES",
    "NAME_PATTERN",
    "ONLY_TOLD",
    "RECIPE",
    "RUNS",
    "TASK_RULES",
    "VERSION_LIKE",
    "AnyRecipe",
    "Augment",
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
    "TaskName",
    "Train",
    "WholeChain",
    "codec_named",
    "deviations",
    "differences",
    "encoding_like",
    "explain",
    "in_words",
    "is_recipe_file",
    "json_schema",
    "load_any",
    "load_pretraining",
    "load_pretraining_with_origins",
    "load_recipe",
    "load_recipe_with_origins",
    "load_stored_recipe",
    "load_whole_chain",
    "path_notes",
    "read_document",
    "resolved_yaml",
    "shown",
    "values_of",
]
