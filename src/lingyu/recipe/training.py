"""A recipe with `task`: labelled rows to an adapter, or to a whole model."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from .schema import Card, Data, Lora, Publish, Train
from .section import BaseName, Name, Rule, Section, Trackers, require_rules
from .task_rules import TASK_RULES, TaskName, rules_of_task, with_defaults_of_task

_CLASSES = tuple(task for task, rules in TASK_RULES.items() if rules.labels_a_row == "one")


def _nothing_of_it(section: Any) -> Any:
    """null where a parent says something: every key at its default again."""
    return {} if section is None else section


class Recipe(Section):
    name: Name = Field(description="Of the recipe, its runs and its adapter.", examples=["hotel"])
    base: BaseName = Field(
        default="embedded",
        min_length=1,
        description="embedded, a folder, a hub id, or modelscope:OWNER/NAME. An encoder that transformers reads.",
        examples=["embedded", "hfl/chinese-roberta-wwm-ext-large", "./bases/hotel"],
    )
    revision: str | None = Field(default=None, description="Of a hub id: a commit, tag or branch.")
    task: TaskName = Field(
        description="What the head answers: single_label one label, multi_label any number of them, token entities, "
        "ordinal a step of a scale, regression a number, preference a score by which replies are ranked.",
        examples=["single_label"],
    )
    data: Data = Field(description="Labelled rows.")
    method: Literal["lora", "full", "head"] = Field(
        default="lora",
        description="lora: an adapter and the head. head: the head alone, published as an adapter without LoRA. full: "
        "all weights, for comparison: the model stays in the run's folder, nothing is published. full wants a "
        "learning_rate of about 5e-5.",
    )
    quantization: Literal["nf4"] | None = Field(
        default=None,
        description="nf4: hold the frozen encoder in 4 bits while training, for memory (QLoRA, arXiv 2305.14314). The "
        "adapter is measured and published for the full-precision base. Needs the extra qlora.",
    )
    lora: Annotated[Lora, BeforeValidator(_nothing_of_it)] = Field(
        default=Lora(), description="The adapter. null: nothing of what a parent says."
    )
    train: Train = Field(default=Train(), description="The training.")
    report_to: Trackers = Field(
        default=(), description="Trackers beside the run's own metrics.jsonl: [wandb], or none."
    )
    publish: Publish = Field(default=Publish(), description="Where the version goes.")
    card: Card = Field(default=Card(), description="What the adapter's card adds.")

    @property
    def makes_adapter(self) -> bool:
        """Whether its training ends with a version in a store. What method: full trains stays in its run's folder."""
        return self.method != "full"

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_task(cls, values: Any) -> Any:
        return with_defaults_of_task(values)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        weights = self.train.class_weights
        unknown = sorted(set(weights) - set(self.data.labels.values())) if isinstance(weights, dict) else []
        require_rules(
            *rules_of_task(self.task, self.data, self.train),
            *_rules_of_method(self),
            (not unknown, "train.class_weights", f"names no label of data.labels: {', '.join(unknown)}"),
            (
                self.base != "embedded" or self.revision is None,
                "revision",
                "the embedded base has no revisions; leave it out",
            ),
        )
        return self


def _rules_of_method(recipe: Recipe) -> Iterator[Rule]:
    """What has to hold between method, quantization, augment and the other keys."""
    method, lora, train = recipe.method, recipe.lora, recipe.train
    what = f"method: {method} trains no LoRA; leave lora out, or write lora: null where a parent has it"
    yield method == "lora" or lora == Lora(), "lora", what
    what = f"the layers of method: {method} share one rate; layerwise_lr_decay is for method: full"
    yield method == "full" or train.layerwise_lr_decay is None, "train.layerwise_lr_decay", what
    four_bit = recipe.quantization is not None
    what = "method: full trains the weights that quantization freezes in 4 bits; leave one of them out"
    yield not (four_bit and method == "full"), "quantization", what
    what = f"init_lora_weights: {lora.init_lora_weights} moves weights of the base, which quantization holds in 4 bits"
    yield not (four_bit and lora.changes_base), "lora.init_lora_weights", what
    what = f"the rows of {recipe.task} have no one label that could be rare; augment is for {' and '.join(_CLASSES)}"
    yield recipe.task in _CLASSES or recipe.data.augment is None, "data.augment", what
    both = recipe.data.augment is not None and train.class_weights == "balanced"
    what = (
        "augment and class_weights: balanced would both make up for what is rare, twice as much; "
        "leave out augment, or set train.class_weights=null"
    )
    yield not both, "train.class_weights", what
