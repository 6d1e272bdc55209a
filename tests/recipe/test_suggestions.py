"""What unknown keys are answered with."""

import pytest

from lingyu.recipe.foreign import FOREIGN
from lingyu.recipe.kinds import KINDS
from lingyu.recipe.suggestions import next_step_for, next_step_for_dotted


def test_every_foreign_word_leads_to_a_key_that_exists_or_says_why_there_is_none() -> None:
    for key, words in FOREIGN.items():
        for word, foreign in words.items():
            assert foreign.key in KINDS[key].keys or (foreign.key is None and foreign.note), word


def test_no_foreign_word_is_one_of_ours() -> None:
    for kind in KINDS.values():
        assert not set(FOREIGN[kind.key]) & {key.rpartition(".")[2] for key in kind.keys}


@pytest.mark.parametrize(
    ("section", "key", "answer"),
    [
        ("", "lora_r", "Did you mean lora.r?"),
        ("", "lora_alpha", "lora_alpha belongs under lora"),
        ("lora", "rank", "Did you mean lora.r?"),
        ("train", "evaluation_strategy", "Did you mean train.eval_strategy?"),
        ("train", "Learning-Rate", "Did you mean train.learning_rate?"),
        ("train", "learning_rat", "Did you mean train.learning_rate?"),
        ("data", "validation", "Did you mean data.dev?"),
        ("data", "max_lenght", "Did you mean train.max_length?"),
        ("train", "base", "base stands at the top level, not in a section"),
        ("lora", "seed", "seed belongs under data.split or train"),
        ("", "model_name_or_path", "Did you mean base?"),
        ("train", "group_by_length", "Rows of like length always go together; leave it out"),
        (
            "",
            "output_dir",
            "A run lies in runs/<name>/, its adapter goes to publish.to; leave it out",
        ),
        ("publish", "chanel", "Did you mean publish.channel?"),
        ("", "train:{num_train_epochs", "A blank belongs after the colon"),
        ("train", "seed:3, max_length", "A blank belongs after the colon"),
        ("publish", "qqqq", "Keys of publish: to, channel"),
    ],
)
def test_an_unknown_key_is_answered_with_ours(section: str, key: str, answer: str) -> None:
    assert next_step_for(KINDS["task"], section, key) == answer


@pytest.mark.parametrize(
    ("section", "key", "answer"),
    [
        ("", "mlm_prob", "Did you mean dapt.mlm_probability?"),
        ("dapt", "mask_ratio", "Did you mean dapt.mlm_probability?"),
        ("dapt", "masking_rate", "Did you mean dapt.mlm_probability?"),
        ("dapt", "mlm_probabilty", "Did you mean dapt.mlm_probability?"),
        (
            "dapt",
            "whole_word_mask",
            "Words are always masked whole, unless segmenter: characters says that there are none; leave it out",
        ),
        ("", "num_hidden_layers", "num_hidden_layers belongs under dapt.shape"),
        ("dapt", "learning_rate", "learning_rate belongs under train"),
        (
            "train",
            "evaluation_strategy",
            "Did you mean train.eval_steps? A checkpoint is written whenever held-out text is measured",
        ),
        ("", "output_dir", "A run lies in runs/<name>/, its base goes to publish.to; leave it out"),
        ("", "data", "It is a key of a recipe that trains an adapter (with task:); leave it out"),
        ("", "Task", "A recipe has one of task, dapt, stages; keep one of them"),
    ],
)
def test_a_pretraining_recipe_is_answered_in_its_own_keys(section: str, key: str, answer: str) -> None:
    assert next_step_for(KINDS["dapt"], section, key) == answer


@pytest.mark.parametrize(
    ("section", "key", "answer"),
    [
        ("", "pipeline", "Did you mean stages?"),
        ("stages", "recipes", "Did you mean stages.recipe?"),
        ("stages", "sources", "sources belongs under stages.corpus"),
        ("stages.corpus", "license", "Did you mean stages.corpus.licence?"),
        (
            "stages",
            "base",
            "It is a key of the recipe that a stage runs; write it there, or under set of the stage",
        ),
        ("stages", "depends_on", "Stages run in the order in which they stand; leave it out"),
    ],
)
def test_a_chain_is_answered_in_its_own_keys(section: str, key: str, answer: str) -> None:
    assert next_step_for(KINDS["stages"], section, key) == answer


def test_a_dotted_key_is_answered_in_its_section() -> None:
    assert next_step_for_dotted("train.lr") == "Did you mean train.learning_rate?"
    assert next_step_for_dotted("data.split.devv") == "Did you mean data.split.dev?"
    assert next_step_for_dotted("lora.r.x") == "lora.r has no keys of its own"
    assert next_step_for_dotted("dapt.mlm_prob") == "Did you mean dapt.mlm_probability?"
    assert next_step_for_dotted("mask_ratio") == "Did you mean dapt.mlm_probability?"
    assert next_step_for_dotted("stages.corpus.source") == "Did you mean stages.corpus.sources?"
