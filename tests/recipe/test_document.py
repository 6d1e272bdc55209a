"""YAML as recipes and tenants.yaml use it: what scalars mean, where things stand, what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.recipe.document import MappingNode, ScalarNode, SequenceNode, parse, scalar_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5E3", 5000.0),
        (".5", 0.5),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("-.inf", -math.inf),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    got = scalar_value(text)
    assert got == value
    assert type(got) is type(value)


def test_keys_are_text_exactly_as_written() -> None:
    root = parse("{0: 负, 007: 正, 1e-4: a, 'no': b, true: c}", "x.yaml").root
    assert isinstance(root, MappingNode)
    assert list(root.entries) == ["0", "007", "1e-4", "no", "true"]


def test_every_value_knows_its_line() -> None:
    root = parse("# a comment\na:\n  b: [1,\n    2]\nc:\n  - 3\n  - 4\n", "x.yaml").root
    assert isinstance(root, MappingNode)
    a, c = root.entries["a"], root.entries["c"]
    assert isinstance(a, MappingNode)
    assert str(a.entries["b"].place) == "x.yaml:3"
    assert isinstance(c, SequenceNode)
    assert [str(item.place) for item in c.items] == ["x.yaml:6", "x.yaml:7"]


def test_duplicate_keys_are_all_collected_with_both_lines() -> None:
    document = parse("a: 1\nb: {c: 1, c: 2}\na: 2\n", "x.yaml")
    assert [str(fault.as_error()) for fault in document.faults] == [
        "x.yaml:2: b.c: a second time. It stands in line 2 already; keep one of them",
        "x.yaml:3: a: a second time. It stands in line 1 already; keep one of them",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "a: &x 1\nb: *x\n",
            "x.yaml:2: the alias *x: aliases are not read. Write the value out; recipes share by extends: FILE",
        ),
        (
            "a:\n  <<: {b: 1}\n",
            "x.yaml:2: <<: merge keys are not read. Write the keys out; recipes share by extends: FILE",
        ),
        ("a: !!int '3'\n", "x.yaml:1: the tag tag:yaml.org,2002:int: tags are not read. Leave it out"),
        ("[a]: 1\n", "x.yaml:1: a key that is not text. Write a word, a colon and a blank"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: a second document (---). One file is one document"),
    ],
)
def test_what_yaml_can_do_beyond_plain_data_is_refused(text: str, line: str) -> None:
    document = parse(text, "x.yaml")
    assert document.refused
    assert [str(fault.as_error()) for fault in document.faults] == [line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb:\n\tc: 2\n", "x.yaml:3: not YAML: found character '\\t' that cannot start any token. "),
        ("a: 1\nb： 2\n", "x.yaml:2: not YAML: could not find expected ':'. Write an ASCII colon and a blank"),
        ("a: 1\nb:2\n", "x.yaml:2: not YAML: could not find expected ':'. A blank belongs after the colon"),
        ("a: [1, 2\n", "x.yaml:1: not YAML: expected ',' or ']'"),
        ("a: x\x01y\n", "x.yaml:1: a character that YAML does not allow: U+0001. Remove it"),
        ("a: " + "[" * 50_000, "x.yaml:1: nested more than 8 levels deep. Nothing read here is"),
    ],
)
def test_broken_syntax_is_one_clear_line(text: str, line: str) -> None:
    with pytest.raises(LingyuError) as failure:
        parse(text, "x.yaml")
    assert str(failure.value).startswith(line)


@given(st.one_of(st.text(max_size=60), st.text("ab: -[]{},&*!|>'\"#%@`?\n\t", max_size=40)))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        line = parse(text, "x.yaml").root.place
    except LingyuError as error:
        line = error.where
    assert str(line).startswith("x.yaml")


def test_an_emoji_written_as_json_writes_it_is_one_character() -> None:
    root = parse(r'"\ud83d\ude00"', "x.yaml").root
    assert isinstance(root, ScalarNode)
    assert root.value == "😀"


def test_an_alias_bomb_ends_at_once() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60))
    document = parse(f"a0: &a0 x\n{levels}\n", "x.yaml")
    assert document.refused
    assert isinstance(document.root, MappingNode)
    assert isinstance(document.root.entries["a0"], ScalarNode)
