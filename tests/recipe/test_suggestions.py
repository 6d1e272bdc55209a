"""What unknown keys are answered with."""

import pytest

from lingyu.recipe.keys import KEYS
from lingyu.recipe.suggestions import FOREIGN, next_step_for, next_step_for_dotted


def test_every_foreign_word_leads_to_a_key_that_exists_or_says_why_there_is_none() -> None:
    for word, foreign in FOREIGN.items():
        assert foreign.key in KEYS or (foreign.key is None and foreign.note), word


def test_no_foreign_word_is_one_of_ours() -> None:
    assert not set(FOREIGN) & {key.rpartition(".")[2] for key in KEYS}


@pytest.mark.parametrize(
    ("section", "key", "answer"),
    [
        ("", "lora_r", "Did you mean lora.r?"),
        ("", "lora_alpha", "lora_alpha belongs under lora"),
        ("lora", "rank", "Did you mean lora.r?"),
        ("train", "evaluation_strategy", "Did you mean train.eval_strategy?"),
        ("train", "Learning-Rate", "Did you mean learning_rate?"),
        ("train", "learning_rat", "Did you mean learning_rate?"),
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
        ("publish", "qqqq", "Keys of publish: to, channel"),
    ],
)
def test_an_unknown_key_is_answered_with_ours(section: str, key: str, answer: str) -> None:
    assert next_step_for(section, key) == answer


def test_a_dotted_key_is_answered_in_its_section() -> None:
    assert next_step_for_dotted("train.lr") == "Did you mean train.learning_rate?"
    assert next_step_for_dotted("data.split.devv") == "Did you mean dev?"
    assert next_step_for_dotted("lora.r.x") == "lora.r has no keys of its own"
