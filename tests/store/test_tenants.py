"""tenants.yaml: every fault of it at once, with its line and what to do; then what the store says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.errors import Faults, LingyuError
from lingyu.store import (
    AdapterReference,
    Store,
    Tenant,
    Version,
    VersionFacts,
    read_tenants,
    tenant_faults,
)

GOOD = """\
tenants:
  acme: hotel                          # NAME[@VERSION|@CHANNEL]
  beta:
    adapter: ecommerce@canary
    thresholds: {正面: 0.6, 负面: 1}
  北京分公司:
    adapters: [hotel, hotel@v3]
"""

WriteVersion = Callable[[Path, str], VersionFacts]


def write(folder: Path, text: str, name: str = "tenants.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(folder: Path, text: str) -> list[str]:
    """The lines that reading a text fails with, without the folder of the test."""
    with pytest.raises(LingyuError) as failure:
        read_tenants(write(folder, text))
    return str(failure.value).replace(f"{folder}/", "").splitlines()


def fault_of(folder: Path, tenant: str) -> str:
    """The one line that is wrong with `tenants: {a: ...}`."""
    (line,) = faults_of(folder, f"tenants:\n  a: {tenant}\n")
    assert line.startswith("tenants.yaml:2: tenants.a")
    return line.removeprefix("tenants.yaml:2: tenants.a")


def test_a_tenant_is_a_name_a_mapping_or_an_ensemble(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    canary, third = AdapterReference("ecommerce", "canary"), AdapterReference("hotel", "v3")
    assert read_tenants(path) == {
        "acme": Tenant("acme", (AdapterReference("hotel"),), {}, f"{path}:2"),
        "beta": Tenant("beta", (canary,), {"正面": 0.6, "负面": 1.0}, f"{path}:3"),
        "北京分公司": Tenant("北京分公司", (AdapterReference("hotel"), third), {}, f"{path}:6"),
    }


def test_names_of_tenants_and_labels_are_text_as_written(tmp_path: Path) -> None:
    text = "tenants: {no: hotel, 007: hotel, a.b@c d: {adapter: '7', thresholds: {1e-4: 1e-1, yes: 0}}}"
    tenants = read_tenants(write(tmp_path, text))
    assert list(tenants) == ["no", "007", "a.b@c d"]
    assert tenants["a.b@c d"].adapters == (AdapterReference("7"),)
    assert tenants["a.b@c d"].thresholds == {"1e-4": 0.1, "yes": 0.0}


def test_a_file_may_serve_nobody(tmp_path: Path) -> None:
    assert read_tenants(write(tmp_path, "tenants: {}\n")) == {}


def test_all_faults_of_a_file_come_at_once_in_its_order(tmp_path: Path) -> None:
    text = """\
tenants:
  acme: ../hotel
  beta:
    adaptor: hotel
    adapters: [hotel, hotel@stable]
    adapter: hotel@v0
  gamma: {adapters: []}
  acme: hotel
tenent: 3
"""
    assert faults_of(tmp_path, text) == [
        "tenants.yaml:2: tenants.acme: '../hotel' can't name an adapter. "
        "Lower-case letters, digits, - and _, at most 64 of them, the first a letter or digit",
        "tenants.yaml:4: tenants.beta.adaptor: no such key. Did you mean adapter?",
        "tenants.yaml:5: tenants.beta.adapters: hotel@stable stands twice in the list. "
        "Name it once; the average is over different adapters",
        "tenants.yaml:6: tenants.beta: adapter and adapters exclude each other. Keep one of them",
        "tenants.yaml:6: tenants.beta.adapter: v0 can't name a channel: it reads as a version. "
        "Take a word, such as canary",
        "tenants.yaml:7: tenants.gamma.adapters: an empty list. Name the adapters in it: [hotel, hotel@canary]",
        "tenants.yaml:8: tenants.acme: a second time. It stands in line 2 already; keep one of them",
        "tenants.yaml:9: tenent: no such key. Did you mean tenants?",
    ]


@pytest.mark.parametrize(
    ("tenant", "says"),
    [
        ("", ": nothing stands here, where text belongs. Write NAME[@VERSION|@CHANNEL]"),
        ("7", ': 7 is not text. In quotation marks it is: "7"'),
        ("Hotel", ": 'Hotel' can't name an adapter. Lower-case letters,"),
        ("hotel/v3", ": 'hotel/v3' can't name an adapter. "),
        ("hotel\\v3", ": 'hotel\\\\v3' can't name an adapter. "),
        ("hotel@", ": '' can't name a channel. "),
        ("hotel@../x", ": '../x' can't name a channel. "),
        ("[hotel, shop]", ": a list is not an adapter's name. For an ensemble write {adapters: [hotel, shop]}"),
        ("{}", ": no adapter is named. Add adapter: NAME[@VERSION|@CHANNEL]"),
        ("{adapter: [hotel]}", ".adapter: a list is not text. Several stand under adapters"),
        ("{adapters: hotel}", ".adapters: \"hotel\" is not a list. Write it in brackets: [hotel]"),
        ("{adapters: [hotel, [shop]]}", ".adapters: a list is not text. Write NAME[@VERSION|@CHANNEL]"),
        ("{adapter: hotel, threshold: {a: 1}}", ".threshold: no such key. Did you mean thresholds?"),
        ("{adapter: hotel, channel: v}", ".channel: no such key. Write it behind the adapter's name: NAME@CHANNEL"),
        ("{adapter: hotel, colour: v}", ".colour: no such key. Keys of a tenant: adapter, adapters, thresholds"),
        ("{adapter: hotel, thresholds: 0.5}", ".thresholds: 0.5 is not a mapping. Write {label: probability}"),
        ("{adapter: hotel, thresholds: {a: 1.5}}", ".thresholds.a: 1.5 will not do. It has to be at most 1"),
        ("{adapter: hotel, thresholds: {a: -1}}", ".thresholds.a: -1 will not do. It has to be at least 0"),
        ("{adapter: hotel, thresholds: {a: .nan}}", ".thresholds.a: .nan is not a finite number. "),
        ('{adapter: hotel, thresholds: {a: "1"}}', '.thresholds.a: "1" is not a number. Leave out the quotation marks'),
        ("{adapter: hotel, thresholds: {a: yes}}", '.thresholds.a: "yes" is not a number. '),
        ("{adapter: hotel, thresholds: {a: true}}", ".thresholds.a: true is not a number. "),
        ("{adapter: hotel, thresholds: {a: [1]}}", ".thresholds.a: a list is not a number. "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_tenant_is_one_line(tenant: str, says: str, tmp_path: Path) -> None:
    assert fault_of(tmp_path, tenant).startswith(says)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ('" "', "tenants: a tenant without a name. Write who asks before the colon"),
        ('"acme "', "tenants.acme : blanks at an end of the name. Write it as acme"),
        ('"ac\\tme"', "tenants.ac me: a character that can't be seen is in the name. Remove it"),
        ('"ac\\u200bme"', "tenants.ac\\u200bme: a character that can't be seen"),
        ("x" * 65, "tenants.xxxxxxxxxxxxxxxx…: the name has 65 characters. It may have 64"),
    ],
)
def test_a_tenant_has_a_name_that_can_be_told_from_others(name: str, says: str, tmp_path: Path) -> None:
    (line,) = faults_of(tmp_path, f"tenants: {{{name}: hotel, {'x' * 64}: hotel}}")
    assert line.startswith(f"tenants.yaml:1: {says}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "tenants.yaml: an empty file. Begin with tenants:"),
        ("- acme\n", "tenants.yaml:1: not a mapping of keys. Begin with tenants:"),
        ("tenants:\n", "tenants.yaml:1: tenants: nothing is not a mapping. Begin with tenants:"),
        ("# acme\nacme: hotel\n", "tenants.yaml:2: acme: no such key. Begin with tenants:"),
        ("tenants: {a: &x hotel, b: *x}\n", "tenants.yaml:1: the alias *x: aliases are not read. Write the value out"),
        ("tenants: {a: !x hotel}\n", "tenants.yaml:1: the tag !x: tags are not read. Leave it out"),
        ("tenants:\n  a:hotel\n  b: hotel\n", "tenants.yaml:3: not YAML: "),
        ("tenants: {a: hotel}\n---\n", "tenants.yaml:2: a second document (---). One file is one document"),
    ],
)
def test_what_is_no_list_of_tenants_says_so(text: str, says: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, text)[0].startswith(says)


def test_a_file_that_is_not_there_or_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tenants.yaml").write_bytes("tenants: {北京: hotel}\n".encode("gb18030"))
    with pytest.raises(LingyuError, match="not UTF-8 text, probably GBK"):
        read_tenants(tmp_path / "tenants.yaml")
    with pytest.raises(LingyuError, match=r"no such file\. Did you mean .*tenants\.yaml"):
        read_tenants(tmp_path / "tenant.yaml")
    with pytest.raises(LingyuError, match="a folder, not a list of tenants"):
        read_tenants(tmp_path)


@settings(max_examples=150)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=9), st.sampled_from(["hotel", "shop@v2"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["adapter", "adapters", "thresholds", "tenants", "好"]), inner, max_size=3),
        ),
    )
)
def test_whatever_stands_there_is_read_or_refused_with_a_line(
    tmp_path_factory: pytest.TempPathFactory, tree: object
) -> None:
    text = f"tenants: {{a: {flow(tree)}}}\n"
    path = write(tmp_path_factory.mktemp("tenants"), text)
    tenants, fault = attempt(path)
    if isinstance(fault, Faults):
        lines = {f"{path}:{number}" for number, _ in enumerate(text.splitlines(), start=1)}  # a text may hold breaks
        assert {error.where for error in fault.faults} <= lines
    elif fault is not None:
        assert any(words in fault.what for words in ("not YAML", "does not allow", "nested"))
    for tenant in tenants.values():
        assert tenant.adapters
        assert all(0 <= limit <= 1 for limit in tenant.thresholds.values())


def attempt(path: Path) -> tuple[dict[str, Tenant], LingyuError | None]:
    try:
        return read_tenants(path), None
    except LingyuError as error:
        return {}, error


def flow(tree: object) -> str:
    if isinstance(tree, list):
        return f"[{', '.join(map(flow, tree))}]"
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in tree.items()) + "}"
    return {None: "null", True: "true", False: "false"}.get(tree) or str(tree)  # type: ignore[call-overload]


# What the store says


def store_faults(store: Store, text: str) -> list[str]:
    path = write(store.root, text)
    lines = [str(error) for error in tenant_faults(read_tenants(path), store)]
    return [line.replace(f"{store.root}/", "") for line in lines]


def test_a_store_that_has_everything_finds_no_fault(hotel: Version, store: Store) -> None:
    assert store_faults(store, "tenants: {a: hotel@v1, b: {adapter: hotel, thresholds: {正面: 0.7}}}") == []


def test_adapters_and_channels_that_are_not_there_are_named_with_what_was_meant(hotel: Version, store: Store) -> None:
    text = "tenants:\n  a: hotle\n  b: hotel@stabel\n  c: {adapters: [hotel, hotel@v7]}\n"
    assert store_faults(store, text) == [
        f"tenants.yaml:2: tenants.a: {store.root}: no adapter named `hotle`. Did you mean `hotel`?",
        "tenants.yaml:3: tenants.b: hotel: no channel `stabel`. Did you mean `hotel@stable`?",
        "tenants.yaml:4: tenants.c: hotel: no version v7. There are: v1",
    ]


@pytest.mark.parametrize("file", ["hotel/v1/lingyu.json", "hotel/channels.json"])
def test_the_file_that_is_damaged_is_named(file: str, hotel: Version, store: Store) -> None:
    (store.root / file).write_text("{")
    (line,) = store_faults(store, "tenants: {a: hotel}\n")
    assert line.startswith(f"tenants.yaml:1: tenants.a: {file}: ")
    assert line.endswith("The file is damaged: take it from a copy")


def test_a_threshold_is_for_a_label_that_the_adapter_has(hotel: Version, store: Store) -> None:
    text = "tenants: {a: {adapter: hotel, thresholds: {正: 0.6, good: 0.5}}}\n"
    assert store_faults(store, text) == [
        "tenants.yaml:1: tenants.a.thresholds.正: hotel@v1 has no such label. Did you mean 正面?",
        "tenants.yaml:1: tenants.a.thresholds.good: hotel@v1 has no such label. It has 负面, 正面",
    ]


def test_an_ensemble_has_one_set_of_labels(hotel: Version, store: Store, write_hotel: WriteVersion) -> None:
    def write_shop(folder: Path, version: str) -> VersionFacts:
        return write_hotel(folder, version).model_copy(update={"labels": ("差评", "好评")})

    store.publish("shop", write_shop, why="a test")
    assert store_faults(store, "tenants: {a: {adapters: [hotel, shop]}}\n") == [
        "tenants.yaml:1: tenants.a: hotel@v1 answers 负面, 正面, but shop@v1 差评, 好评. "
        "An ensemble's adapters have the same labels"
    ]


@pytest.mark.parametrize(
    ("both", "other", "says"),
    [
        ({}, {"task": "ordinal"}, "hotel@v1 is for the task single_label, but shop@v1 for ordinal. An ensemble's"),
        ({}, {"text_pair": True}, "shop@v1 reads two texts, but hotel@v1 one. An ensemble's adapters have the same"),
        ({"task": "ordinal"}, {"labels": ("正面", "负面")}, "adapters have the same labels, in the same order"),
        ({"task": "token"}, {"max_length": 128}, "hotel@v1 and shop@v1 cut a text into other tokens"),
    ],
)  # fmt: skip
def test_an_ensemble_that_could_not_answer_is_a_fault_as_it_is_in_an_answer(
    both: dict[str, object], other: dict[str, object], says: str, store: Store, write_hotel: WriteVersion
) -> None:
    for name, facts in (("hotel", both), ("shop", both | other)):
        store.publish(name, lambda *place, facts=facts: write_hotel(*place).model_copy(update=facts), why="a test")
    (line,) = store_faults(store, "tenants: {a: {adapters: [hotel, shop]}}\n")
    assert says in line


def test_a_threshold_is_for_a_task_whose_answers_have_one(store: Store, write_hotel: WriteVersion) -> None:
    facts = {"task": "regression", "labels": ()}
    store.publish("price", lambda *place: write_hotel(*place).model_copy(update=facts), why="a test")
    assert store_faults(store, "tenants: {a: {adapter: price, thresholds: {贵: 0.5}}}\n") == [
        "tenants.yaml:1: tenants.a.thresholds: price@v1 is for the task regression, whose answers have no threshold. "
        "Leave them out: single_label and multi_label have them"
    ]


def test_an_adapter_of_a_task_that_is_not_known_yet_is_a_fault(store: Store, write_hotel: WriteVersion) -> None:
    store.publish("poet", lambda *place: write_hotel(*place).model_copy(update={"task": "rhyme"}), why="a test")
    (line,) = store_faults(store, "tenants: {a: poet}\n")
    assert line.startswith("tenants.yaml:1: tenants.a: this lingyu does not know the task 'rhyme'")


def test_a_store_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    tenants = read_tenants(write(tmp_path, GOOD))
    (error,) = tenant_faults(tenants, Store(tmp_path / "nowhere"))
    assert "no such store" in str(error)
