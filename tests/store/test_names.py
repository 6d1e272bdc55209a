import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.store import AdapterReference, Store, check_name, open_adapter

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
SELECTORS = st.one_of(
    st.integers(1, 999_999_999).map(lambda number: f"v{number}"),
    NAMES.filter(lambda name: not (name.startswith("v") and name[1:].isdigit())),
)

NO_NAMES = [
    "",
    ".",
    "..",
    "../hotel",
    "hotel/../..",
    "/etc/passwd",
    "..\\hotel",
    "C:\\hotel",
    "hotel\0",
    "hotel\n",
    "Hotel",
    "-hotel",
    "酒店",
    "a" * 65,
    "x" * 100_000,
    "hotel\x1b[31m",
    "\ud800",
    "%2e%2e",
    "%2e%2e%2fhotel",
    "..%252fhotel",
    "hotel%00",
    "..%5chotel",
    "．．/hotel",
    "~",
    "$HOME",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_in_one_short_line(name, tmp_path):
    for ask in (check_name, AdapterReference.parse, Store(tmp_path).versions, Store(tmp_path).open):
        with pytest.raises(LingyuError) as caught:
            ask(name)
        message = str(caught.value)
        assert message.isprintable()
        assert len(message) < 400
        assert caught.value.status == 2


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_makes_nothing_in_the_store_or_beside_it(name, store, write_hotel, tmp_path):
    with pytest.raises(LingyuError):
        store.publish(name, write_hotel, why="a test")
    assert list(tmp_path.iterdir()) == []


@given(NAMES, SELECTORS)
def test_a_reference_reads_back_from_what_it_prints(name, selector):
    reference = AdapterReference.parse(f"{name}@{selector}")
    assert (reference.name, reference.selector) == (name, selector)
    assert AdapterReference.parse(str(reference)) == reference


@given(NAMES)
def test_a_name_alone_is_channel_stable(name):
    assert str(AdapterReference.parse(name)) == f"{name}@stable"


@given(st.text())
def test_any_text_is_a_name_inside_the_store_or_refused(tmp_path_factory, text):
    root = tmp_path_factory.getbasetemp()
    try:
        name = AdapterReference.parse(text).name
    except LingyuError as refused:
        name, message = None, str(refused)
    assert message.isprintable() if name is None else (root / name).resolve().parent == root.resolve()


@pytest.mark.parametrize("selector", ["", "v0", "v01", "v1@v2", "../v1", "V1", "v1\n", "v" + "9" * 30])
def test_what_is_neither_version_nor_channel_is_refused(selector):
    with pytest.raises(LingyuError):
        AdapterReference.parse(f"hotel@{selector}")


@pytest.mark.parametrize("reference", ["../hotel", "adapters/../../hotel", "adapters\\hotel/", "adapters/ho\0tel", "/"])
def test_a_folder_that_climbs_or_hides_is_refused(reference, tmp_path):
    with pytest.raises(LingyuError):
        open_adapter(reference, tmp_path)
