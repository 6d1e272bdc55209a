"""What an unknown key was probably meant to be: words of other toolkits, keys of other sections, misspellings."""

from dataclasses import dataclass

from lingyu.errors import did_you_mean

from .keys import KEYS, SECTIONS, join, keys_of


@dataclass(frozen=True)
class Foreign:
    """A word that others use. key: ours, or None where there is none. note: what a reader of theirs has to know."""

    key: str | None
    note: str | None = None


_TOKENS = "It counts the tokens of a step over all processes, not rows"
_SHARE = "It is a share of the steps, between 0 and 1"
_ALWAYS = "Rows of like length always go together; leave it out"
_NO_OUTPUT = "A run lies in runs/<name>/, its adapter goes to publish.to; leave it out"

FOREIGN: dict[str, Foreign] = {
    # LoRA: axolotl, litgpt, LLaMA-Factory, torchtune, swift
    "lora_r": Foreign("lora.r"),
    "lora_rank": Foreign("lora.r"),
    "rank": Foreign("lora.r"),
    "rank_dim": Foreign("lora.r"),
    "alpha": Foreign("lora.lora_alpha"),
    "lora_scale": Foreign("lora.lora_alpha", "The update is scaled by lora_alpha / r"),
    "lora_target": Foreign("lora.target_modules"),
    "lora_targets": Foreign("lora.target_modules"),
    "lora_target_modules": Foreign("lora.target_modules"),
    "lora_attn_modules": Foreign("lora.target_modules"),
    "dropout": Foreign("lora.lora_dropout"),
    "rslora": Foreign("lora.use_rslora"),
    "dora": Foreign("lora.use_dora"),
    "peft_use_dora": Foreign("lora.use_dora"),
    "pissa_init": Foreign("lora.init_lora_weights", "Write pissa"),
    "loraplus_ratio": Foreign("lora.loraplus_lr_ratio"),
    "loraplus_lr_embedding": Foreign(None, "Embeddings are not trained; leave it out"),
    "modules_to_save": Foreign(None, "Head and pooler are always trained and kept; leave it out"),
    "additional_target": Foreign(None, "Head and pooler are always trained and kept; leave it out"),
    "finetuning_type": Foreign(None, "A recipe with task always trains LoRA; leave it out"),
    "peft": Foreign("lora"),
    "peft_config": Foreign("lora"),
    "adapter": Foreign("lora"),
    # training: TrainingArguments before version 5, spaCy, Keras, setfit, fairseq, axolotl, LLaMA-Factory
    "training": Foreign("train"),
    "training_args": Foreign("train"),
    "training_arguments": Foreign("train"),
    "lr": Foreign("train.learning_rate"),
    "epochs": Foreign("train.num_train_epochs"),
    "num_epochs": Foreign("train.num_train_epochs"),
    "n_epochs": Foreign("train.num_train_epochs"),
    "max_epochs": Foreign("train.num_train_epochs"),
    "steps": Foreign("train.max_steps"),
    "scheduler": Foreign("train.lr_scheduler_type"),
    "lr_scheduler": Foreign("train.lr_scheduler_type"),
    "warmup": Foreign("train.warmup_ratio", _SHARE),
    "warmup_steps": Foreign("train.warmup_ratio", _SHARE),
    "warmup_proportion": Foreign("train.warmup_ratio", _SHARE),
    "wd": Foreign("train.weight_decay"),
    "l2": Foreign("train.weight_decay"),
    "clip": Foreign("train.max_grad_norm"),
    "grad_clip": Foreign("train.max_grad_norm"),
    "gradient_clipping": Foreign("train.max_grad_norm"),
    "batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "micro_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "global_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "train_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "eval_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "per_device_train_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "per_device_eval_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "per_gpu_train_batch_size": Foreign("train.tokens_per_batch", _TOKENS),
    "max_tokens": Foreign("train.tokens_per_batch", _TOKENS),
    "accumulation_steps": Foreign("train.gradient_accumulation_steps"),
    "grad_accum": Foreign("train.gradient_accumulation_steps"),
    "accumulate_grad_batches": Foreign("train.gradient_accumulation_steps"),
    "max_seq_length": Foreign("train.max_length"),
    "max_seq_len": Foreign("train.max_length"),
    "seq_length": Foreign("train.max_length"),
    "cutoff_len": Foreign("train.max_length"),
    "sequence_len": Foreign("train.max_length"),
    "maxlen": Foreign("train.max_length"),
    "amp": Foreign("train.bf16"),
    "precision": Foreign("train.bf16"),
    "mixed_precision": Foreign("train.bf16"),
    "activation_checkpointing": Foreign("train.gradient_checkpointing"),
    "label_smoothing": Foreign("train.label_smoothing_factor"),
    "class_weight": Foreign("train.class_weights"),
    "evaluation_strategy": Foreign("train.eval_strategy"),
    "save_strategy": Foreign("train.eval_strategy", "A checkpoint is written whenever dev is measured"),
    "save_steps": Foreign("train.eval_steps", "A checkpoint is written whenever dev is measured"),
    "monitor": Foreign("train.metric_for_best_model"),
    "early_stopping": Foreign("train.early_stopping_patience"),
    "patience": Foreign("train.early_stopping_patience"),
    "log_steps": Foreign("train.logging_steps"),
    "random_state": Foreign("train.seed"),
    "random_seed": Foreign("train.seed"),
    "group_by_length": Foreign(None, _ALWAYS),
    "train_sampling_strategy": Foreign(None, _ALWAYS),
    "sample_packing": Foreign(None, _ALWAYS),
    "optim": Foreign(None, "The optimiser is AdamW; leave it out"),
    "optimizer": Foreign(None, "The optimiser is AdamW; leave it out"),
    # the base
    "model": Foreign("base"),
    "model_name": Foreign("base"),
    "model_name_or_path": Foreign("base"),
    "base_model": Foreign("base"),
    "base_model_name_or_path": Foreign("base"),
    "backbone": Foreign("base"),
    "pretrained": Foreign("base"),
    "pretrained_model_name_or_path": Foreign("base"),
    "model_revision": Foreign("revision"),
    "trust_remote_code": Foreign(None, "Code of a hub is never run; leave it out"),
    # data
    "dataset": Foreign("data.train"),
    "datasets": Foreign("data.train"),
    "train_file": Foreign("data.train"),
    "train_data": Foreign("data.train"),
    "validation": Foreign("data.dev"),
    "validation_file": Foreign("data.dev"),
    "valid": Foreign("data.dev"),
    "val": Foreign("data.dev"),
    "eval": Foreign("data.dev"),
    "eval_dataset": Foreign("data.dev"),
    "test_file": Foreign("data.test"),
    "val_size": Foreign("data.split.dev"),
    "test_size": Foreign("data.split.test"),
    "text_column": Foreign("data.text"),
    "sentence": Foreign("data.text", "It names the column that holds the text"),
    "label_column": Foreign("data.label"),
    "classes": Foreign("data.labels"),
    "label_names": Foreign("data.labels"),
    "label2id": Foreign("data.labels", "Value in the file first, then the label's name"),
    "id2label": Foreign("data.labels", "Value in the file first, then the label's name"),
    "num_labels": Foreign("data.labels", "It names each label, and so counts them"),
    "max_samples": Foreign("data.max_train_samples"),
    # where things go
    "output_dir": Foreign(None, _NO_OUTPUT),
    "save_dir": Foreign(None, _NO_OUTPUT),
    "overwrite_output_dir": Foreign(None, _NO_OUTPUT),
    "logging_dir": Foreign(None, _NO_OUTPUT),
    "lora_path": Foreign("publish.to", "A recipe trains a new version; it goes on from none"),
    "adapter_name_or_path": Foreign("publish.to", "A recipe trains a new version; it goes on from none"),
    "resume_from_checkpoint": Foreign(None, "Resuming is asked for on the command line: --resume"),
    "store": Foreign("publish.to"),
    "push_to_hub": Foreign(None, "A version is published to publish.to only; leave it out"),
    "run_name": Foreign("name"),
    "experiment_name": Foreign("name"),
    "wandb": Foreign("report_to", "Write [wandb]"),
    "use_wandb": Foreign("report_to", "Write [wandb]"),
    "loggers": Foreign("report_to"),
}
"""Words of other toolkits, and old ones, with ours."""


def next_step_for(section: str, key: str) -> str:
    """What to write in place of an unknown key of a section (dotted; the recipe itself is the empty one)."""
    word = key.strip().lower().replace("-", "_").rstrip("：")
    elsewhere = [known for known in KEYS if known.rpartition(".")[2] == word]
    if word in keys_of(section):
        return f"Did you mean {word}?"
    if elsewhere:
        return _belongs(word, elsewhere)
    if word in FOREIGN:
        return _in_our_words(FOREIGN[word])
    near = did_you_mean(word, keys_of(section))
    if near:
        return f"Did you mean {near}?"
    near = did_you_mean(word, [known.rpartition(".")[2] for known in KEYS])
    if near:
        return "Did you mean " + " or ".join(known for known in KEYS if known.rpartition(".")[2] == near) + "?"
    return f"Keys {f'of {section}' if section else 'of a recipe'}: {', '.join(keys_of(section))}"


def _in_our_words(foreign: Foreign) -> str:
    asked = f"Did you mean {foreign.key}?" if foreign.key else None
    return " ".join(part for part in (asked, foreign.note) if part)


def _belongs(word: str, known: list[str]) -> str:
    sections = [key.rpartition(".")[0] for key in known]
    if sections == [""]:
        return f"{word} stands at the top level, not in a section"
    return f"{word} belongs under {' or '.join(section or 'the top level' for section in sections)}"


def next_step_for_dotted(dotted: str) -> str:
    """What to write in place of an unknown dotted key."""
    section = ""
    for name in dotted.split("."):
        if join(section, name) not in SECTIONS:
            break
        section = join(section, name)
    key = dotted.removeprefix(section).lstrip(".").split(".")[0]
    if join(section, key) in KEYS:
        return f"{join(section, key)} has no keys of its own"
    return next_step_for(section, key)
