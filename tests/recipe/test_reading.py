"""Reading recipes: layers, overrides, origins, and every fault at once."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.errors import Faults, LingyuError
from lingyu.recipe import is_recipe_file, load_any, load_recipe, load_recipe_with_origins, load_stored_recipe
from lingyu.recipe.kinds import DAPT, TASK, Kind
from lingyu.recipe.layers import Layers
from lingyu.recipe.reading import kind_in
from lingyu.recipe.section import Section

GOOD = """\
name: hotel
task: single_label
data:
  train: data/hotel.csv
  labels: {0: 负面, 1: 正面}
"""


def write(folder: Path, text: str, name: str = "r.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path, *overrides: str) -> list[str]:
    """The lines that reading fails with, without the folder of the test."""
    with pytest.raises(LingyuError) as failure:
        load_recipe(path, overrides)
    return str(failure.value).replace(f"{path.parent}/", "").splitlines()


def test_a_small_recipe_has_every_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.base == "embedded"
    assert recipe.data.labels == {"0": "负面", "1": "正面"}
    assert recipe.lora.r == 8
    assert recipe.report_to == ()


def test_values_are_yaml_1_2(tmp_path: Path) -> None:
    text = "name: a\ntask: single_label\ndata: {train: x.csv, labels: {no: 否, 1e-4: yes, 007: off}}\n"
    recipe = load_recipe(write(tmp_path, text + "train: {learning_rate: 1e-4}\n"))
    assert recipe.data.labels == {"no": "否", "1e-4": "yes", "007": "off"}
    assert recipe.train.learning_rate == 1e-4


def test_a_list_of_labels_is_kept_as_written(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD.replace("{0: 负面, 1: 正面}", "[007, 1e-4, no]")))
    assert list(recipe.data.labels.items()) == [("007", "007"), ("1e-4", "1e-4"), ("no", "no")]


def test_all_faults_of_a_file_come_at_once_in_its_order(tmp_path: Path) -> None:
    text = """\
name: Hotel
task: single_lable
lora:
  target_module: [query]
  r: eight
  lora_alpha: 0
data:
  train: data/hotel.csv
  labels: {负面: 0, 正面: 1}
  encoding: 8
  learning_rate: 3
train:
  lr: 3
  bf16: yes
  per_device_train_batch_size: 32
  learning_rate: "5e-4"
  learning_rate: 3
  fp16: yes
  lr_scheduler_type: cosin
  num_train_epochs: .inf
epochs: 3
report_to: 3
publish: adapters
zzz: 1
"""
    assert faults_of(write(tmp_path, text), "lora.rr=3", "foo", "train.max_length=7", "data.labels.0=3") == [
        'r.yaml:1: name: "Hotel" is not a name. '
        "Small letters, digits, _ and - make one, at most 64, a letter or digit first",
        'r.yaml:2: task: "single_lable" is not one of single_label, multi_label, token, ordinal, regression, '
        "preference. "
        "Did you mean single_label?",
        "r.yaml:4: lora.target_module: no such key. Did you mean lora.target_modules?",
        'r.yaml:5: lora.r: "eight" is not a whole number. Write it in digits, for instance 3',
        "r.yaml:6: lora.lora_alpha: 0 will not do. It has to be more than 0",
        "r.yaml:9: data.labels.负面: 0 is not a label's name. "
        'The value in the file comes first, then the name; if 0 is the name, write "0"',
        "r.yaml:9: data.labels.正面: 1 is not a label's name. "
        'The value in the file comes first, then the name; if 1 is the name, write "1"',
        'r.yaml:10: data.encoding: 8 is not text. In quotation marks it is: "8"',
        "r.yaml:11: data.learning_rate: no such key. learning_rate belongs under train",
        "r.yaml:13: train.lr: no such key. Did you mean train.learning_rate?",
        'r.yaml:14: train.bf16: "yes" will not do. Write auto, true or false',
        "r.yaml:15: train.per_device_train_batch_size: no such key. Did you mean train.tokens_per_batch? "
        "It counts the tokens of a step over all processes, not rows",
        'r.yaml:16: train.learning_rate: "5e-4" is not a number. Leave out the quotation marks',
        "r.yaml:17: train.learning_rate: a second time. It stands in line 16 already; keep one of them",
        'r.yaml:18: train.fp16: "yes" is neither true nor false. Write true',
        'r.yaml:19: train.lr_scheduler_type: "cosin" is not one of cosine, linear, constant_with_warmup. '
        "Did you mean cosine?",
        "r.yaml:20: train.num_train_epochs: .inf is not a finite number. Write it in digits, for instance 0.1 or 1e-4",
        "r.yaml:21: epochs: no such key. Did you mean train.num_train_epochs?",
        "r.yaml:22: report_to: 3 is not a list. Write it in brackets: [3]",
        'r.yaml:23: publish: "adapters" is not a mapping. Write key: value pairs under it',
        "r.yaml:24: zzz: no such key. Keys of a recipe: "
        "name, base, revision, task, data, method, quantization, lora, train, report_to, publish, card",
        "command line: foo: not an override of the form key=value. Write it like train.num_train_epochs=3",
        "command line: data.labels.0: can't be set on the command line. Set it whole: 'data.labels={0: 负面, 1: 正面}'",
        "command line: lora.rr: no such key. Did you mean lora.r?",
        "command line: train.max_length: 7 will not do. It has to be at least 8",
    ]


def test_a_channel_that_reads_as_a_version_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, GOOD), "publish.channel=v12") == [
        "command line: publish.channel: v12 can't name a channel: it reads as a version; take a word, such as canary"
    ]
    assert load_recipe(write(tmp_path, GOOD), ["publish.channel=v12b"]).publish.channel == "v12b"


def test_missing_keys_stand_at_their_section_or_at_line_one(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, "base: embedded\ndata:\n  text: review\n")) == [
        "r.yaml:1: name: missing. Add for instance name: hotel",
        "r.yaml:1: task: missing. Add for instance task: single_label",
        "r.yaml:2: data.train: missing. Add for instance train: data/hotel.csv",
        "r.yaml:2: data.labels: missing. Add for instance labels: {0: 负面, 1: 正面}",
    ]
    assert "r.yaml:1: data: missing. Add the section data: with train and labels" in faults_of(
        write(tmp_path, "name: a\ntask: single_label\n")
    )


def test_rules_between_keys_are_all_told_at_the_line_of_a_key(tmp_path: Path) -> None:
    text = GOOD + "train:\n  eval_steps: 5\n  max_length: 256\n  tokens_per_batch: 128\ntrian: 3\n"
    assert faults_of(write(tmp_path, text)) == [
        "r.yaml:7: train.eval_steps: eval_steps needs eval_strategy: steps",
        "r.yaml:9: train.tokens_per_batch: 128 tokens do not hold one text of max_length 256",
        "r.yaml:10: trian: no such key. Did you mean train?",
    ]


@pytest.mark.parametrize(
    ("kind", "override", "most"),
    [
        ("task", "train.learning_rate=1e39", "1000000000"),
        ("task", "train.weight_decay=1e300", "1000000000"),
        ("task", "lora.loraplus_lr_ratio=1e300", "1000000000"),
        ("task", "lora.r=1000000000", "8192"),
        ("task", "train.tokens_per_batch=99999999999999999999999", "1000000000"),
        ("dapt", "lora.r=1000000000", "8192"),
        ("dapt", "dapt.shape.max_position_embeddings=99999999999999999", "65536"),
        ("dapt", "dapt.shape.vocab_size=99999999999999999", "1000000"),
    ],
)
def test_numbers_that_no_machine_could_take_are_refused(tmp_path: Path, kind: str, override: str, most: str) -> None:
    with pytest.raises(Faults) as refused:
        load_any(write(tmp_path, SMALLEST[kind]), [override])
    key, _, value = override.partition("=")
    assert str(refused.value) == f"command line: {key}: {value} will not do. It has to be at most {most}"


def test_an_orthogonal_beginning_wants_an_even_rank(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_recipe(path, ["lora.init_lora_weights=orthogonal", "lora.r=6"]).lora.r == 6
    assert load_recipe(path, ["lora.r=5"]).lora.r == 5
    assert faults_of(path, "lora.init_lora_weights=orthogonal", "lora.r=5") == [
        "command line: lora.r: init_lora_weights: orthogonal gives A and B half of the directions each, and 5 is odd; "
        "take an even rank"
    ]


def test_rules_over_sections_have_a_line_too(tmp_path: Path) -> None:
    text = GOOD + "train:\n  class_weights: {负面: 1, 好: 2}\nrevision: main\n"
    assert faults_of(write(tmp_path, text)) == [
        "r.yaml:7: train.class_weights: names no label of data.labels: 好",
        "r.yaml:8: revision: the embedded base has no revisions; leave it out",
    ]


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ("{0: 负面}", "data.labels: a classifier needs at least two labels"),
        ("[好，差]", "data.labels: a classifier needs at least two labels; write an ASCII comma in place of ，"),
        ("[好、中、差]", "data.labels: a classifier needs at least two labels; write an ASCII comma in place of 、"),
        ("{0: 负, 1: 负}", "data.labels: two values have the same name, 负; give each label its own"),
        ("[负, 正, 负]", "data.labels: 负 stands twice in the list"),
        ("{0: '', 1: 正}", "data.labels.0: nothing stands between the quotation marks"),
        ("{0: , 1: 正}", "data.labels.0: nothing stands here, where text belongs"),
        ("负面", 'data.labels: "负面" is not a mapping. Write key: value pairs under it'),
    ],
)
def test_labels_that_make_no_classifier_are_refused(tmp_path: Path, labels: str, line: str) -> None:
    assert faults_of(write(tmp_path, GOOD.replace("{0: 负面, 1: 正面}", labels))) == [f"r.yaml:5: {line}"]


@pytest.mark.parametrize("separator", ["|", ">", '""'])
def test_a_separator_that_yaml_takes_for_its_own_mark_is_told_to_be_quoted(tmp_path: Path, separator: str) -> None:
    several = GOOD.replace("single_label", "multi_label")
    told = 'data.label_separator: an empty text separates nothing. Write it in quotation marks: "|"'
    assert faults_of(write(tmp_path, f"{several}  label_separator: {separator}\n")) == [f"r.yaml:6: {told}"]
    assert faults_of(write(tmp_path, several), f"data.label_separator={separator}") == [f"command line: {told}"]
    assert load_recipe(write(tmp_path, f'{several}  label_separator: "|"\n')).data.label_separator == "|"


def test_a_wrong_value_inside_one_kind_of_a_union_is_told_alone(tmp_path: Path) -> None:
    text = GOOD + "train:\n  class_weights:\n    负面: 1\n    正面: -1\n"
    assert faults_of(write(tmp_path, text)) == [
        "r.yaml:9: train.class_weights.正面: -1 will not do. It has to be more than 0"
    ]


def test_a_list_that_may_be_a_word_is_not_empty(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert load_recipe(path, ["lora.target_modules=[query]"]).lora.target_modules == ("query",)
    assert faults_of(path, "lora.target_modules=[]") == [
        "command line: lora.target_modules: an empty list. Give at least 1"
    ]
    assert faults_of(path, "lora.target_modules=3") == [
        "command line: lora.target_modules: 3 will not do. Write auto or a list"
    ]


@pytest.mark.parametrize(
    ("name", "next_step"),
    [
        ("gb18O30", "Did you mean gb18030?"),
        ("gb2313", "Did you mean gb2312?"),
        ("ansi", "Write utf-8, gb18030 or utf-16"),
        ("rot13", "Write utf-8, gb18030 or utf-16"),
    ],
)
def test_an_encoding_that_does_not_exist_is_a_fault_of_the_recipe(tmp_path: Path, name: str, next_step: str) -> None:
    told = f"no encoding is called '{name}'. {next_step}"
    path = write(tmp_path, GOOD)
    assert faults_of(path, f"data.encoding={name}") == [f"command line: data.encoding: {told}"]
    stage = f"{{name: c, corpus: {{sources: [raw], to: data/corpus/a, encoding: {name}}}}}"
    with pytest.raises(Faults, match=re.escape(f"stages.corpus.encoding: {told}")):
        load_any(write(tmp_path, f"name: a\nstages:\n  - {stage}\n", "c.yaml"))


@pytest.mark.parametrize("name", ["gb2312", "GBK", "UTF8", "utf-16", "cp936"])
def test_an_encoding_may_be_called_as_python_calls_it(tmp_path: Path, name: str) -> None:
    assert load_recipe(write(tmp_path, GOOD), [f"data.encoding={name}"]).data.encoding == name


def test_a_list_item_has_its_own_line(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, GOOD + "  clean:\n    - html\n    - widht\n")) == [
        'r.yaml:8: data.clean: "widht" is not one of html, control, width, urls, repeats, personal, simplified. '
        "Did you mean width?"
    ]


def test_extends_merges_mappings_and_replaces_lists_and_labels(tmp_path: Path) -> None:
    write(tmp_path, "lora: {r: 4, target_modules: [query, value]}\ntrain: {seed: 7}\n", "p/base.yaml")
    write(tmp_path, f"extends: p/base.yaml\n{GOOD}train: {{max_length: 64}}\n", "middle.yaml")
    child = write(
        tmp_path,
        "extends: middle.yaml\nname: child\nlora: {target_modules: [key]}\ndata: {labels: {a: 甲, b: 乙, c: 丙}}\n",
    )
    recipe = load_recipe(child)
    assert recipe.name == "child"
    assert (recipe.lora.r, recipe.lora.target_modules) == (4, ("key",))
    assert (recipe.train.seed, recipe.train.max_length) == (7, 64)
    assert recipe.data.labels == {"a": "甲", "b": "乙", "c": "丙"}
    assert recipe.data.train == "data/hotel.csv"


def test_overrides_win_and_are_yaml(tmp_path: Path) -> None:
    overrides = ["train.num_train_epochs=3", "lora.r=16", "report_to=none", "data.labels={0: 负, 1: 正}", "lora.r=32"]
    recipe = load_recipe(write(tmp_path, GOOD + "report_to: [wandb]\n"), overrides)
    assert recipe.train.num_train_epochs == 3
    assert recipe.lora.r == 32
    assert recipe.report_to == ()
    assert list(recipe.data.labels.items()) == [("0", "负"), ("1", "正")]


def test_origins_name_file_and_line_or_the_command_line(tmp_path: Path) -> None:
    write(tmp_path, "lora: {r: 4}\n\ntrain:\n  seed: 7\n", "parent.yaml")
    path = write(tmp_path, f"extends: parent.yaml\n{GOOD}")
    origins = load_recipe_with_origins(path, ["lora.r=16"]).origins
    assert {key: origin.replace(f"{tmp_path}/", "") for key, origin in origins.items()} == {
        "name": "r.yaml:2",
        "task": "r.yaml:3",
        "data.train": "r.yaml:5",
        "data.labels": "r.yaml:6",
        "lora.r": "command line",
        "train.seed": "parent.yaml:4",
    }


def test_faults_of_a_parent_come_after_those_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, "train: {lr: 3, seed: x}\n", "parent.yaml")
    assert faults_of(write(tmp_path, f"extends: parent.yaml\n{GOOD}bse: x\n")) == [
        "r.yaml:7: bse: no such key. Did you mean base?",
        "parent.yaml:1: train.lr: no such key. Did you mean train.learning_rate?",
        'parent.yaml:1: train.seed: "x" is not a whole number. Write it in digits, for instance 3',
    ]


def test_a_missing_parent_is_one_fault_among_the_others(tmp_path: Path) -> None:
    write(tmp_path, "", "parents/lora.yaml")
    lines = faults_of(write(tmp_path, "name: a\nextends: parents/lorra.yaml\nlora: {r: 0}\n"))
    assert lines == [
        "r.yaml:2: extends: parents/lorra.yaml: no such file. Did you mean parents/lora.yaml?",
        "r.yaml:3: lora.r: 0 will not do. It has to be at least 1",
    ]


def test_a_ring_of_parents_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "extends: r.yaml\n", "other.yaml")
    assert faults_of(write(tmp_path, f"extends: other.yaml\n{GOOD}")) == [
        "other.yaml:1: extends: r.yaml extends itself. Leave out one of the links of this ring"
    ]


def test_more_than_one_parent_is_refused(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, f"extends: [a.yaml, b.yaml]\n{GOOD}")) == [
        "r.yaml:1: extends: one file belongs here. A recipe has at most one parent"
    ]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "dapt",
            "a recipe that pretrains a base, where one that trains an adapter belongs. Run it with: python dapt.py",
        ),
        (
            "stages",
            "a recipe that chains other recipes, where one that trains an adapter belongs. Run it with: lingyu chain",
        ),
    ],
)
def test_a_recipe_of_another_kind_is_one_line_with_its_command(tmp_path: Path, key: str, told: str) -> None:
    path = write(tmp_path, f"nam: a\n{key}: {{mode: full}}\n")
    assert faults_of(path) == [f"r.yaml:2: {key}: {told} r.yaml"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GOOD, "task"),
        ("dapt: {}\n", "dapt"),
        ("stages: []\n", "stages"),
        ("name: a\nstage: []\n", "stages"),
        ("task: single_label\ndapt: {}\n", "task"),
        ("name: a\n", "task"),
    ],
)
def test_the_kind_is_told_by_one_key_or_the_nearest_to_it(tmp_path: Path, text: str, kind: str) -> None:
    assert kind_in(Layers(write(tmp_path, text), ()).root).key == kind


def test_the_kind_may_stand_in_a_parent(tmp_path: Path) -> None:
    write(tmp_path, "dapt: {corpus: [x]}\n", "parent.yaml")
    child = write(tmp_path, "extends: parent.yaml\nname: a\npublish: {to: bases/a}\n")
    assert kind_in(Layers(child, ()).root).key == "dapt"
    assert load_any(child, ["train.seed=7"]).name == "a"


def test_a_file_of_two_kinds_is_told_which_key_is_too_many(tmp_path: Path) -> None:
    assert faults_of(write(tmp_path, f"{GOOD}dapt: {{corpus: [x]}}\n")) == [
        "r.yaml:6: dapt: no such key. A recipe has one of task, dapt, stages; keep one of them"
    ]


def test_files_that_are_no_recipe_get_one_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "hotel.yaml")
    gbk = tmp_path / "gbk.yaml"
    gbk.write_bytes("name: a\n# 酒店评论\n".encode("gbk"))
    junk = tmp_path / "junk.yaml"
    junk.write_bytes(b"\xff\xfe\x00\x01\xff")
    assert faults_of(tmp_path / "hotl.yaml") == ["hotl.yaml: no such file. Did you mean hotel.yaml?"]
    assert faults_of(write(tmp_path, "# nothing\n", "empty.yaml"))[0].startswith("empty.yaml: an empty file. Begin")
    assert faults_of(write(tmp_path, "- a\n- b\n", "list.yaml"))[0].startswith("list.yaml:1: not a mapping of keys.")
    assert faults_of(write(tmp_path, "name：hotel\n", "wide.yaml")) == [
        "wide.yaml:1: not a mapping of keys. Write an ASCII colon and a blank (: ) in place of ："
    ]
    assert faults_of(gbk)[0].startswith("gbk.yaml:2: not UTF-8 text, probably GBK. Save it as UTF-8")
    assert faults_of(junk) == ["junk.yaml:1: not UTF-8 text (byte 0xff). Save it as UTF-8"]
    with pytest.raises(LingyuError, match=r"a folder, not a recipe\. Name its files: .*/\*\.yaml"):
        load_recipe(tmp_path)
    large = write(tmp_path, "# " + "x" * (1 << 20), "large.yaml")
    assert faults_of(large) == [
        "large.yaml: larger than 1 MiB, so no recipe. Name the recipe; rows are named in it, by data.train"
    ]


@pytest.mark.parametrize("key", ["train.seed", "data.split.seed"])
def test_a_seed_is_one_that_every_generator_takes(tmp_path: Path, key: str) -> None:
    path = write(tmp_path, GOOD)
    assert load_recipe(path, [f"{key}=0"])
    assert load_recipe(path, [f"{key}={2**32 - 2}"])
    assert faults_of(path, f"{key}=-1") == [f"command line: {key}: -1 will not do. It has to be at least 0"]
    assert faults_of(path, f"{key}={2**32 - 1}") == [
        f"command line: {key}: 4294967295 will not do. It has to be at most 4294967294"
    ]


def test_no_path_of_a_machine_gets_into_a_version(tmp_path: Path) -> None:
    for base in ("/data/bases/hotel", "~/bases/hotel", "~"):
        [line] = faults_of(write(tmp_path, GOOD), f"base={json.dumps(base)}")
        assert line.startswith(f"command line: base: {base} is a path of this machine, which a version would record")
        assert "./bases/hotel" in line
    for base in ("./bases/hotel", "../hotel", "bases/hotel", "hfl/chinese-macbert-base", "embedded"):
        assert load_recipe(write(tmp_path, GOOD), [f"base={base}"]).base == base


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_recipe(path).name == "hotel"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["auto", "none", "yes", "steps", "pissa", "balanced", "wandb", "html", "\ud800"]),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=3), st.one_of(st.integers(), st.text(max_size=3), st.none()), max_size=3),
    st.just({"a": {"b": []}}),
)


SMALLEST = {
    "task": GOOD,
    "dapt": "name: a\ndapt: {corpus: [x]}\npublish: {to: bases/a}\n",
}


@pytest.mark.parametrize("kind", [TASK, DAPT], ids=lambda kind: kind.key)
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_is_fine_or_told_in_plain_words(
    tmp_path: Path, kind: Kind[Section], data: st.DataObject
) -> None:
    values = data.draw(st.dictionaries(st.sampled_from(list(kind.keys)), VALUES, min_size=1, max_size=4))
    overrides = [f"{key}={json.dumps(value)}" for key, value in values.items() if not key.startswith("data.labels.")]
    try:
        load_any(write(tmp_path, SMALLEST[kind.key]), overrides)
    except Faults as faults:
        for fault in faults.faults:
            assert fault.where is not None
            assert fault.what.split(":")[0].split(".")[0] in {key.split(".")[0] for key in kind.keys}
            for jargon in ("Input should", "type=", "literal[", "Value error", "pydantic"):
                assert jargon not in str(fault)


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.yaml", True), ("a.YML", True), ("a.yaml.txt", False), ("yaml", False)]
)
def test_a_recipe_is_known_by_its_ending(name: str, is_one: bool) -> None:
    assert is_recipe_file(name) is is_one


def test_the_recipe_of_a_version_names_no_other_file(tmp_path: Path) -> None:
    plain, other = tmp_path / "recipe.yaml", tmp_path / "other.yaml"
    plain.write_text(GOOD, "utf-8")
    assert load_stored_recipe(plain) == load_recipe(plain)
    other.write_text(f"extends: {plain}\n", "utf-8")
    assert load_recipe(other) == load_recipe(plain)
    with pytest.raises(LingyuError, match="extends: the recipe of a version names no other"):
        load_stored_recipe(other)
