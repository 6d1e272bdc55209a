"""The sections of recipes, typed and frozen. Every default stands beside its key and nowhere else.

Keys are the field's own words: PEFT's for LoRA, TrainingArguments' for training. The description of a field is its
only documentation: `lingyu check --explain KEY`, the JSON Schema and the docs read it from here.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from .figures import Figure
from .section import (
    VERSION_LIKE,
    CleaningStep,
    Count,
    EncodingName,
    Given,
    Name,
    NotNegative,
    Positive,
    Rate,
    Section,
    Seed,
    Share,
    require_rules,
    tuple_of_list,
)


def _labels_by_value(labels: Any) -> Any:
    """A list names labels by the values themselves; keys are text, as the values read from a file are."""
    if isinstance(labels, list | tuple):
        names = [str(label) for label in labels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice in the list")
        return dict(zip(names, names, strict=True))
    if isinstance(labels, dict):
        return {str(value): label for value, label in labels.items()}
    return labels


Labels = Annotated[
    dict[str, Given],
    BeforeValidator(_labels_by_value, json_schema_input_type=dict[str, Given] | list[str | float | bool]),
]
Operation = Literal["delete", "swap"]


class Split(Section):
    """How dev and test are split off train where no files are given: stratified, seeded, same texts on one side."""

    dev: Share = Field(
        default=0.1, description="Share of the rows that chooses: the epoch, early stopping, your settings."
    )
    test: Share = Field(default=0.1, description="Share of the rows that is measured once, at the end.")
    seed: Seed = Field(
        default=42, description="Which rows go where. It is apart from train.seed, so that seeds share a test set."
    )

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        require_rules((self.dev + self.test < 1, "test", "dev and test together leave no row to train on"))
        return self


def _labels_are_optional(schema: dict[str, Any]) -> None:
    """For editors: two of the tasks have none; whether a recipe needs them is a rule."""
    schema["required"].remove("labels")


class Augment(Section):
    """Changed copies of training rows whose label is rarer than the median label, new ones each epoch.

    The operations are random deletion and random swap of EDA (Wei and Zou 2019, arXiv 1901.11196), on characters;
    words of negation stay where they are. A copy is never a text of dev or test.
    """

    operations: Annotated[tuple[Operation, ...], BeforeValidator(tuple_of_list), Field(min_length=1)] = Field(
        default=("delete", "swap"), description="What a copy goes through: one of them, drawn anew for each copy."
    )
    share: Share = Field(default=0.1, description="Share of a text's characters that an operation changes.")
    max_copies: Count = Field(
        default=4, description="Copies of one row at most. A label gets as many as it lacks to the median label's rows."
    )


class Data(Section):
    model_config = ConfigDict(json_schema_extra=_labels_are_optional)

    train: Given = Field(
        description="A file (csv, tsv, jsonl, parquet, xlsx), or a hub data set id with an optional part: "
        "org/name[:train].",
        examples=["data/hotel.csv"],
    )
    dev: Given | None = Field(
        default=None, description="A given dev set, like train. Without it dev is split off train."
    )
    test: Given | None = Field(
        default=None, description="A given test set, like train. Without it test is split off train."
    )
    split: Split = Field(default=Split(), description="Shares and seed for what is split off train.")
    text: Given = Field(
        default="text",
        description="The column that holds the text. Of token: the text, or the list of its tokens. "
        "Of preference: the context, a text or the list of its turns, which are joined with |.",
    )
    text_pair: Given | None = Field(
        default=None, description="The column of a second text, which is read together with the first: an aspect, ..."
    )
    label: Given = Field(
        default="label",
        description="The column that holds the label: of multi_label a list of them (or see label_separator; [] is "
        "none of them, a row with null is left out), of token a list of BIO tags, one a token (a character, where the "
        "text is no list), of regression a number. preference reads none.",
    )
    labels: Labels = Field(
        description="Value in the file: name of the label. The order is that of the logits; of ordinal it is the "
        "scale. Of token: what follows B- and I- in the file. A list where both agree. regression and preference have "
        "none.",
        examples=[{"0": "负面", "1": "正面"}],
    )
    label_separator: Given | None = Field(
        default=None,
        description="Of multi_label: what stands between the labels of a cell that is no list; null is a comma.",
    )
    chosen: Given | None = Field(default=None, description="Of preference: the column of the reply that is the better.")
    rejected: Given | None = Field(
        default=None, description="Of preference: the column of the reply that is the worse."
    )
    group: Given | None = Field(
        default=None,
        description="A column whose rows of one value stay on one side of the split. Rows of one first text always do. "
        "Of a given dev or test, the rows whose value stands in train are counted.",
    )
    baseline_column: Given | None = Field(
        default=None,
        description="A column that may predict the label by itself, such as the product: the baseline beside the "
        "adapter that answers each value's most frequent label. The adapter never reads it.",
    )
    clean: Annotated[tuple[CleaningStep, ...], BeforeValidator(tuple_of_list)] = Field(
        default=("html", "control", "width"),
        description="Named steps that a text goes through, recorded in the adapter and applied again when it answers. "
        "Of token: width, which moves no character, or none.",
    )
    encoding: EncodingName = Field(
        default="utf-8", description="Of csv, tsv and jsonl files: utf-8 (a BOM is fine), gb18030, utf-16 ..."
    )
    augment: Augment | None = Field(
        default=None,
        description="Changed copies of rows whose label is rare, for training alone; null for none.",
        examples=[{"share": 0.1, "max_copies": 4}],
    )
    max_train_samples: Count | None = Field(
        default=None, description="Train on so many rows at most, drawn by split.seed and stratified."
    )
    allow_leakage: bool = Field(
        default=False,
        description="Train although given test texts stand in train. The card says so, and both figures are reported.",
    )
    drop_leaked: bool = Field(
        default=False,
        description="Leave out and count the rows of a given dev whose text stands in train, and the test rows whose "
        "text stands in train or dev.",
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        names = list(self.labels.values())
        twice = sorted({name for name in names if names.count(name) > 1})
        require_rules(
            (not twice, "labels", f"two values have the same name, {', '.join(twice)}; give each label its own"),
            (
                not (self.allow_leakage and self.drop_leaked),
                "drop_leaked",
                "allow_leakage and drop_leaked contradict each other; keep one of them",
            ),
        )
        return self


def _lora_init_is_known(value: object) -> object:
    if isinstance(value, bool) or (
        isinstance(value, str) and re.fullmatch(r"gaussian|orthogonal|olora|pissa|pissa_niter_[1-9]\d?", value)
    ):
        return value
    raise ValueError("init_lora_weights is true, gaussian, orthogonal, olora, pissa or pissa_niter_N (N up to 99)")


class Lora(Section):
    """PEFT's LoraConfig, by its own names."""

    r: Annotated[int, Field(ge=1, le=8192)] = Field(default=8, description="Rank of the update.")
    lora_alpha: Positive = Field(
        default=16.0, description="The update is scaled by lora_alpha / r (or / sqrt(r), see use_rslora)."
    )
    lora_dropout: Rate = Field(default=0.0, description="Dropout before A.")
    target_modules: (
        Literal["auto"] | Annotated[tuple[str, ...], BeforeValidator(tuple_of_list), Field(min_length=1)]
    ) = Field(
        default="auto",
        union_mode="left_to_right",
        description="auto: all linear layers of the encoder, for its family. Or names of layers, as in PEFT.",
    )
    use_rslora: bool = Field(
        default=False, description="Scale by lora_alpha / sqrt(r): for high ranks (arXiv 2312.03732)."
    )
    use_dora: bool = Field(
        default=False, description="Weight-decomposed LoRA: direction and magnitude apart (arXiv 2402.09353)."
    )
    init_lora_weights: Annotated[bool | str, BeforeValidator(_lora_init_is_known)] = Field(
        default=True,
        description="true, gaussian, orthogonal, olora, pissa or pissa_niter_N. "
        "PiSSA and OLoRA are converted to plain LoRA of twice the rank when the adapter is published.",
    )
    loraplus_lr_ratio: Annotated[float, Field(ge=1, le=1e9)] | None = Field(
        default=None,
        description="LoRA+: the learning rate of B over that of A (arXiv 2402.12354 suggests 16). Heads keep A's.",
    )

    @property
    def changes_base(self) -> bool:
        """Whether the initialisation moves part of the base's weights into the adapter."""
        return isinstance(self.init_lora_weights, str) and self.init_lora_weights.startswith(("pissa", "olora"))

    @model_validator(mode="after")
    def _rules(self) -> Self:
        require_rules(
            (
                not (self.use_dora and self.changes_base),
                "use_dora",
                "use_dora and init_lora_weights: pissa or olora can't be converted together; choose one",
            ),
            (
                self.init_lora_weights != "orthogonal" or self.r % 2 == 0,
                "r",
                f"init_lora_weights: orthogonal gives A and B half of the directions each, and {self.r} is odd; "
                "take an even rank",
            ),
        )
        return self


class Train(Section):
    """TrainingArguments, by its own names; batches by tokens instead of rows."""

    learning_rate: Positive = Field(
        default=5e-4, description="Peak rate. LoRA wants about ten times that of full fine-tuning."
    )
    num_train_epochs: Positive = Field(default=3.0, description="Passes over the training rows.")
    max_steps: Count | None = Field(
        default=None, description="Stop after so many optimiser steps, whatever num_train_epochs says."
    )
    lr_scheduler_type: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        default="cosine", description="After warm-up."
    )
    warmup_ratio: Rate = Field(default=0.06, description="Share of the steps over which the rate rises from zero.")
    weight_decay: NotNegative = Field(default=0.01, description="AdamW's, on matrices only.")
    max_grad_norm: Positive = Field(default=1.0, description="Gradients are clipped to this norm.")
    tokens_per_batch: Count = Field(
        default=4096,
        description="Tokens, padding included, of an optimiser step's batch over all processes: "
        "rows of like length together.",
    )
    gradient_accumulation_steps: Count = Field(
        default=1,
        description="Cut a step's batch into so many pieces, for memory. "
        "The result stays the same but for dropout's draws.",
    )
    max_length: Annotated[int, Field(ge=8, le=8192)] = Field(
        default=256, description="Tokens of a text; longer ones are cut."
    )
    bf16: Literal["auto"] | bool = Field(
        default="auto", description="bfloat16 arithmetic; auto: where the hardware has it. Heads and LoRA stay float32."
    )
    fp16: bool = Field(
        default=False, description="float16 arithmetic with loss scaling, on a GPU. Heads and LoRA stay float32."
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Recompute activations in the backward pass, for memory."
    )
    fgm_epsilon: Positive | None = Field(
        default=None,
        description="FGM: train on every batch a second time, with the word embeddings of each row moved by a vector "
        "of this length to where the loss grows fastest (arXiv 1605.07725); 0.5 to 1 is usual. A step takes twice as "
        "long.",
    )
    layerwise_lr_decay: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Of method: full. Each layer learns at this share of the rate of the one above it; learning_rate "
        "is the head's (arXiv 1801.06146). 0.9 is usual.",
    )
    class_weights: Literal["balanced"] | dict[str, Positive] | None = Field(
        default=None,
        union_mode="left_to_right",
        description="balanced, or a weight for each label's name; of multi_label that of the rows with the label.",
    )
    label_smoothing_factor: Rate = Field(default=0.0, description="Share of the target that is spread over all labels.")
    eval_strategy: Literal["epoch", "steps"] = Field(
        default="epoch", description="When dev is measured and a checkpoint written."
    )
    eval_steps: Count | None = Field(
        default=None, description="Optimiser steps between two of them, for eval_strategy: steps."
    )
    metric_for_best_model: Figure = Field(
        default="macro_f1",
        description="What chooses the best checkpoint, on dev: loss, or a figure of the task, whose main one does by "
        "default.",
    )
    load_best_model_at_end: bool = Field(
        default=True, description="Publish the checkpoint that is best on dev, not the last."
    )
    early_stopping_patience: Count | None = Field(
        default=None, description="Stop after so many measurements of dev without a new best."
    )
    save_total_limit: Count = Field(default=2, description="Checkpoints kept beside the best.")
    logging_steps: Count = Field(default=10, description="Optimiser steps between two lines of the log.")
    seed: Seed = Field(default=42, description="Of the head's first weights, the order of rows and dropout.")

    @model_validator(mode="after")
    def _rules(self) -> Self:
        by_steps = self.eval_strategy == "steps"
        patience_is_vain = self.early_stopping_patience is not None and not self.load_best_model_at_end
        require_rules(
            (not by_steps or self.eval_steps is not None, "eval_strategy", "eval_strategy: steps needs eval_steps"),
            (by_steps or self.eval_steps is None, "eval_steps", "eval_steps needs eval_strategy: steps"),
            (not (self.bf16 is True and self.fp16), "fp16", "bf16 and fp16 exclude each other"),
            (
                not patience_is_vain,
                "early_stopping_patience",
                "early_stopping_patience needs load_best_model_at_end: true",
            ),
            (
                self.max_length <= self.tokens_per_batch,
                "tokens_per_batch",
                f"{self.tokens_per_batch} tokens do not hold one text of max_length {self.max_length}",
            ),
        )
        return self


def _no_version(channel: str) -> str:
    if re.fullmatch(VERSION_LIKE, channel):
        raise ValueError(f"{channel} can't name a channel: it reads as a version; take a word, such as canary")
    return channel


class Publish(Section):
    to: str = Field(default="adapters", description="The store that gets the new version.")
    channel: Annotated[Name, AfterValidator(_no_version)] | None = Field(
        default="stable", description="The channel that is set to it; null for none."
    )


class Card(Section):
    """What a card can't find out by itself."""

    source: str | None = Field(default=None, description="Where the labelled rows come from.")
    license: str | None = Field(default=None, description="The licence of the adapter, an SPDX identifier.")
    data_license: str | None = Field(
        default=None, description="The licence of the labelled rows, as their source states it."
    )
    larger: str | None = Field(default=None, description="The recipe and base to take where this one is too small.")
