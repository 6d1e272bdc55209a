"""metrics.json as the card and the list read it: of every task, and of files that are older than most of them."""

import json

import pytest

from lingyu.errors import LingyuError
from lingyu.store import METRICS, Store, read_scores

INTERVAL = {"value": 0.8, "low": 0.7, "high": 0.9}


def written(folder, **document):
    (folder / METRICS).write_text(json.dumps(document))
    return folder


def test_figures_are_found_among_the_other_keys_of_a_part(tmp_path):
    test = {"rows": 10, "qwk": INTERVAL, "mae": INTERVAL, "confusion": [[9, 1], [0, 0]], "note": {"value": 1}}
    found = read_scores(written(tmp_path, test=test))
    assert list(found.test.figures) == ["qwk", "mae"]
    assert found.test.figures["mae"].high == 0.9
    assert found.test.confusion == ((9, 1), (0, 0))


def test_the_shipped_files_are_read(repo):
    for name in ("hotel", "ecommerce", "customer_service", "restaurant"):
        found = read_scores(Store(repo / "adapters").open(name).folder)
        assert list(found.test.figures) == ["accuracy", "macro_f1"]
        assert list(found.versus_baseline.fair.figures) == ["accuracy", "macro_f1"]
        assert found.baseline.name == "TF-IDF"
        assert found.trivial.name == "majority"
        assert 0 < found.trivial.figures["macro_f1"].value < found.baseline.figures["macro_f1"].value
        assert found.column_baseline is None


@pytest.mark.parametrize(
    "test",
    [
        {"rows": 10},
        {"rows": 10, "accuracy": 0.8},
        {"accuracy": INTERVAL},
        {"rows": 1, "qwk": {**INTERVAL, "low": None}},
    ],
    ids=["no figure", "no interval", "no rows", "no number"],
)
def test_what_is_no_measurement_is_one_line(tmp_path, test):
    with pytest.raises(LingyuError, match=r"metrics\.json") as caught:
        read_scores(written(tmp_path, test=test))
    assert "\n" not in str(caught.value)
