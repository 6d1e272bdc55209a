"""A recipe with `dapt`: masked-LM pretraining on a domain's text, or of a new encoder. What comes out is a base."""

import math
import os
from collections.abc import Iterator
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from .schema import Lora
from .section import (
    BaseName,
    CleaningStep,
    Count,
    Name,
    NotNegative,
    Positive,
    Rate,
    Rule,
    Section,
    Seed,
    Share,
    Size,
    Trackers,
    require_rules,
    tuple_of_list,
)

Mode = Literal["full", "lora", "scratch", "distil"]
Objective = Literal["mlm", "word_order", "sentence_order"]
Segmenter = Literal["jieba", "rjieba", "whitespace", "characters"]
Paths = Annotated[tuple[str, ...], BeforeValidator(tuple_of_list)]


def _below_the_starting_folder(folder: str) -> str:
    """The base's lineage and whoever names the base record this path."""
    parts = PurePath(folder).parts
    if os.path.isabs(folder) or folder.startswith("~") or ".." in parts or not parts:
        raise ValueError(
            f"{folder or 'nothing'} is no folder below the one you start from; give one like bases/hotel, "
            "which means the same on every machine"
        )
    return folder


FolderBelow = Annotated[str, AfterValidator(_below_the_starting_folder)]


_HEAD_SIZE = 64


class Shape(Section):
    """Of a new encoder, by BertConfig's own names. Of a student, what differs from its teacher."""

    hidden_size: Size | None = Field(default=None, description="Width. scratch: 256. A student has its teacher's.")
    num_hidden_layers: Size | None = Field(
        default=None, description="scratch: 4. A student: half of its teacher's, spread evenly over them."
    )
    num_attention_heads: Size | None = Field(default=None, description="scratch: hidden_size / 64.")
    intermediate_size: Annotated[int, Field(ge=1, le=1 << 18)] | None = Field(
        default=None, description="scratch: 4 x hidden_size."
    )
    max_position_embeddings: Size | None = Field(default=None, description="scratch: 512.")
    vocab_size: Annotated[int, Field(ge=1, le=10**6)] | None = Field(
        default=None,
        description="scratch: entries of the new vocabulary at most, 8000. A student: its teacher's entries that are "
        "kept, the most frequent of the corpus; without it all.",
    )

    def of_scratch(self) -> "Shape":
        """With everything that a new encoder needs, where the recipe says nothing of it."""
        hidden_size = self.hidden_size or 256
        return Shape(
            hidden_size=hidden_size,
            num_hidden_layers=self.num_hidden_layers or 4,
            num_attention_heads=self.num_attention_heads or max(1, hidden_size // _HEAD_SIZE),
            intermediate_size=self.intermediate_size or 4 * hidden_size,
            max_position_embeddings=self.max_position_embeddings or 512,
            vocab_size=self.vocab_size or 8000,
        )


class Dapt(Section):
    """What is pretrained, on which text, and how it is masked."""

    mode: Mode = Field(
        default="full",
        description="full: all parameters of the base go on. lora: LoRA on its layers, merged at the end in float32. "
        "scratch: a new encoder and vocabulary. distil: a smaller student of the base.",
    )
    corpus: Paths = Field(
        min_length=1,
        description="What is read: folders of `lingyu data corpus`, files of raw text with a text a line, tables "
        "(data/pages.csv:COLUMN), or recipes with a task, of which the training texts are taken (TAPT).",
        examples=[["data/corpus/hotel"]],
    )
    general: Paths = Field(
        default=(),
        description="Text of no domain, in the same forms, on which forgetting is measured. Never trained on.",
    )
    exclude: Paths = Field(
        default=(),
        description="Test sets whose texts must not stand in the corpus: tables (data/test.csv, data/test.csv:COLUMN), "
        "files with a text a line, and recipes, of which dev and test count.",
    )
    drop_test_texts: bool = Field(
        default=False, description="Leave texts of exclude out of the corpus and count them, instead of stopping."
    )
    clean: Annotated[tuple[CleaningStep, ...], BeforeValidator(tuple_of_list)] = Field(
        default=("html", "control", "width"),
        description="Named steps that raw texts go through. A built corpus and a recipe's texts are clean already.",
    )
    objective: Annotated[tuple[Objective, ...], BeforeValidator(tuple_of_list)] = Field(
        default=("mlm",),
        min_length=1,
        description="mlm; StructBERT's word_order (trigrams to be put right) and sentence_order (next, previous or "
        "random sentence) beside it (arXiv 1908.04577).",
    )
    mlm_probability: Share = Field(default=0.2, description="Share of a text's tokens that is masked, in whole words.")
    max_ngram: Annotated[int, Field(ge=1, le=8)] = Field(
        default=1, description="Masked words may stand together, up to so many; 1 draws each by itself."
    )
    word_order_probability: Share = Field(
        default=0.05, description="Share of the unmasked tokens that stands in shuffled trigrams."
    )
    segmenter: Segmenter = Field(
        default="jieba",
        description="Finds the words: jieba, rjieba (the same in Rust, without user_dict), whitespace (the text is "
        "split already), characters (no whole words).",
    )
    user_dict: str | None = Field(
        default=None, description="A dictionary in jieba's form: a word a line, then its frequency and its kind."
    )
    held_out: Share = Field(
        default=0.02, description="Share of the corpus's texts that measures the gain, 2,000 texts at most."
    )
    head_warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=200, description="Steps in which a new masked-LM head learns alone, where the base has none."
    )
    shape: Shape = Field(
        default=Shape(), validate_default=True, description="scratch and distil: the new encoder's shape."
    )
    vocabulary_from: Paths = Field(
        default=(),
        description="scratch: text on which the vocabulary is counted, in the forms of corpus; without it the corpus. "
        "Name every domain that later stages train on.",
    )
    start: Literal["plain", "cooccurrence"] = Field(
        default="plain",
        description="scratch: the first weights. cooccurrence: word vectors from the corpus, heads that look at "
        "neighbours.",
    )
    hidden_loss_weight: Positive = Field(
        default=1.0, description="distil: of the hidden-state loss, beside the masked-LM loss's 1."
    )

    @field_validator("shape")
    @classmethod
    def _whole_from_scratch(cls, shape: Shape, info: ValidationInfo) -> Shape:
        """What a resolved recipe shows is what is made."""
        return shape.of_scratch() if info.data.get("mode") == "scratch" else shape


class Pretraining(Section):
    """TrainingArguments, by its own names; batches by tokens, without padding."""

    learning_rate: Positive = Field(default=2e-4, description="Peak rate. scratch wants about 1e-3, lora 5e-4.")
    num_train_epochs: Positive = Field(default=3.0, description="Passes over the corpus, each with new masks.")
    max_steps: Count | None = Field(
        default=None, description="Stop after so many optimiser steps, whatever num_train_epochs says."
    )
    lr_scheduler_type: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        default="linear", description="After warm-up."
    )
    warmup_ratio: Rate = Field(default=0.06, description="Share of the steps over which the rate rises from zero.")
    weight_decay: NotNegative = Field(default=0.01, description="AdamW's, on matrices only.")
    max_grad_norm: Positive = Field(default=1.0, description="Gradients are clipped to this norm.")
    tokens_per_batch: Count = Field(
        default=8192, description="Tokens of an optimiser step's batch over all processes, at most; none is padding."
    )
    gradient_accumulation_steps: Count = Field(
        default=1,
        description="Cut a step's batch into so many pieces, for memory. "
        "The result stays the same but for dropout's draws.",
    )
    max_length: Annotated[int, Field(ge=16, le=8192)] = Field(
        default=256, description="Tokens of a text; longer ones are cut into several, at the end of a sentence."
    )
    dropout: Rate | None = Field(default=None, description="In place of the base's own, in every layer.")
    bf16: Literal["auto"] | bool = Field(
        default="auto", description="bfloat16 arithmetic; auto: where the hardware has it. Weights stay float32."
    )
    fp16: bool = Field(default=False, description="float16 arithmetic with loss scaling, on a GPU.")
    gradient_checkpointing: bool = Field(
        default=False, description="Recompute activations in the backward pass, for memory."
    )
    eval_steps: Count = Field(
        default=500, description="Optimiser steps between two measurements of held-out text, each with a checkpoint."
    )
    load_best_model_at_end: bool = Field(
        default=True, description="Publish the checkpoint that is best on held-out text, not the last."
    )
    early_stopping_patience: Count | None = Field(
        default=None, description="Stop after so many measurements without a lower loss on held-out text."
    )
    save_total_limit: Count = Field(default=2, description="Checkpoints kept beside the best.")
    logging_steps: Count = Field(default=20, description="Optimiser steps between two lines of the log.")
    seed: Seed = Field(default=42, description="Of fresh weights, the order of texts, masks and dropout.")

    @property
    def eval_strategy(self) -> Literal["steps"]:
        return "steps"

    @property
    def metric_for_best_model(self) -> Literal["loss"]:
        return "loss"

    @model_validator(mode="after")
    def _rules(self) -> Self:
        patience_is_vain = self.early_stopping_patience is not None and not self.load_best_model_at_end
        require_rules(
            (not (self.bf16 is True and self.fp16), "fp16", "bf16 and fp16 exclude each other"),
            (
                not patience_is_vain,
                "early_stopping_patience",
                "early_stopping_patience needs load_best_model_at_end: true",
            ),
            (
                2 * self.max_length <= self.tokens_per_batch,
                "tokens_per_batch",
                f"{self.tokens_per_batch} tokens do not hold two texts of max_length {self.max_length}",
            ),
        )
        return self


class PublishBase(Section):
    to: FolderBelow = Field(description="The folder of the new base.", examples=["bases/hotel"])
    dtype: Literal["float32", "float16", "bfloat16"] = Field(
        default="float32", description="Of the stored weights. They are loaded as float32, whatever it says."
    )
    replace: bool = Field(default=False, description="Put the new base in the place of one that lies there.")


class BaseCard(Section):
    """What a base's card can't find out by itself."""

    source: str | None = Field(default=None, description="Where the texts come from.")
    license: str | None = Field(default=None, description="The licence of the base, an SPDX identifier.")
    data_license: str | None = Field(default=None, description="The licence of the texts, as their sources state it.")


_HIGH_RANK = {"r": 64, "lora_alpha": 64.0}


def _of_high_rank(lora: Any) -> Any:
    """A language needs a higher rank than a task: also where a recipe sets another key of lora."""
    return {**_HIGH_RANK, **lora} if isinstance(lora, dict) else lora


class PretrainingRecipe(Section):
    name: Name = Field(description="Of the recipe and its runs.", examples=["dapt-hotel"])
    base: BaseName = Field(
        default="embedded",
        min_length=1,
        description="Where it starts: embedded, a folder, a hub id, or modelscope:OWNER/NAME. scratch starts from none "
        "and ignores it.",
    )
    revision: str | None = Field(default=None, description="Of a hub id: a commit, tag or branch.")
    dapt: Dapt = Field(description="The pretraining.")
    lora: Annotated[Lora, BeforeValidator(_of_high_rank)] = Field(
        default=Lora.model_validate(_HIGH_RANK), description="mode: lora: the update that is merged."
    )
    train: Pretraining = Field(default=Pretraining(), description="The training.")
    report_to: Trackers = Field(
        default=(), description="Trackers beside the run's own metrics.jsonl: [wandb], or none."
    )
    publish: PublishBase = Field(description="Where the base goes.")
    card: BaseCard = Field(default=BaseCard(), description="What the base's card adds.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        require_rules(
            *_rules_of_modes(self), *_rules_of_new_shapes(self), *_rules_of_students(self.dapt), *_rules_of_keys(self)
        )
        return self


_MEANT_FOR: dict[str, tuple[tuple[Mode, ...], str]] = {
    "dapt.head_warmup_steps": (("full", "lora", "distil"), "makes a head together with everything else"),
    "dapt.shape": (("scratch", "distil"), "keeps its base's shape"),
    "dapt.vocabulary_from": (("scratch",), "keeps its base's vocabulary"),
    "dapt.start": (("scratch",), "starts from its base's weights"),
    "dapt.hidden_loss_weight": (("distil",), "has no teacher"),
    "lora": (("lora",), "learns without LoRA"),
}
"""Key -> the modes that read it, and what the others do."""


def _rules_of_modes(recipe: PretrainingRecipe) -> Iterator[Rule]:
    """A key that says something is one that its mode reads."""
    mode = recipe.dapt.mode
    for key, (modes, otherwise) in _MEANT_FOR.items():
        section, _, name = key.rpartition(".")
        holder = getattr(recipe, section) if section else recipe
        says_nothing = getattr(holder, name) == type(holder).model_fields[name].default
        what = f"mode {mode} {otherwise}; {name} is for mode: {', '.join(modes)}"
        yield mode in modes or says_nothing, key, what


def _rules_of_new_shapes(recipe: PretrainingRecipe) -> Iterator[Rule]:
    if recipe.dapt.mode == "scratch":
        shape = recipe.dapt.shape.of_scratch()
        hidden_size, heads, positions = shape.hidden_size, shape.num_attention_heads, shape.max_position_embeddings
        assert hidden_size, "of_scratch fills it in, as all of them"
        assert heads
        assert positions
        yield (
            hidden_size % heads == 0,
            "dapt.shape.num_attention_heads",
            f"hidden_size {hidden_size} is no multiple of {heads} heads; take a divisor of it, "
            f"such as {math.gcd(hidden_size, heads)}",
        )
        yield (
            recipe.train.max_length <= positions,
            "train.max_length",
            f"{recipe.train.max_length} tokens do not fit the new encoder's {positions} positions; lower it, or raise "
            "dapt.shape.max_position_embeddings",
        )


def _rules_of_students(dapt: Dapt) -> Iterator[Rule]:
    if dapt.mode == "distil":
        shape = dapt.shape
        yield (
            (shape.hidden_size, shape.num_attention_heads, shape.intermediate_size) == (None, None, None),
            "dapt.shape",
            "a student has its teacher's hidden_size, num_attention_heads and intermediate_size; leave them out",
        )
        yield (
            dapt.objective == ("mlm",),
            "dapt.objective",
            "mode distil learns by mlm beside its teacher's hidden states; write objective: [mlm]",
        )


def _rules_of_keys(recipe: PretrainingRecipe) -> Iterator[Rule]:
    """Between keys of any mode."""
    dapt = recipe.dapt
    from_none = dapt.mode == "scratch"
    has_no_revision = "mode scratch starts from no base" if from_none else "the embedded base has no revisions"
    yield (
        recipe.revision is None or (recipe.base != "embedded" and not from_none),
        "revision",
        f"{has_no_revision}; leave it out",
    )
    yield (
        not dapt.drop_test_texts or bool(dapt.exclude),
        "dapt.drop_test_texts",
        "no test text is known without dapt.exclude; name the test sets there, or leave this out",
    )
    yield (
        dapt.mode == "scratch" or PurePath(recipe.base) != PurePath(recipe.publish.to),
        "publish.to",
        "the base itself: a run that was killed could not go on from it; name another folder",
    )
    yield (
        "mlm" in dapt.objective and len(set(dapt.objective)) == len(dapt.objective),
        "dapt.objective",
        "mlm belongs in it, and each objective once",
    )
    yield (
        "word_order" in dapt.objective
        or dapt.word_order_probability == Dapt.model_fields["word_order_probability"].default,
        "dapt.word_order_probability",
        "nothing is shuffled without word_order in dapt.objective; add it, or leave this out",
    )
    yield (
        dapt.user_dict is None or dapt.segmenter == "jieba",
        "dapt.user_dict",
        f"only jieba reads a user dictionary, not {dapt.segmenter}",
    )
    yield (
        recipe.lora.init_lora_weights is not False,
        "lora.init_lora_weights",
        "false begins with random LoRA, and what the base knew before could not be measured; write true",
    )
    yield (
        recipe.lora.loraplus_lr_ratio is None,
        "lora.loraplus_lr_ratio",
        "a pretraining has one rate for A and B; leave it out",
    )
