import hashlib
import json
import re

import pytest

from lingyu.errors import LingyuError
from lingyu.store import MANIFEST, Store, open_version, read_manifest
from lingyu.store.manifest import sealed
from lingyu.tasks import Calibration


@pytest.fixture
def rewrite(hotel, forge):
    """Change the manifest's JSON, and seal it again; gives its path."""
    return lambda **keys: forge(hotel.folder, **keys)


@pytest.mark.filterwarnings("error")
def test_a_manifest_reads_back_as_it_was_published(hotel):
    assert read_manifest(hotel.folder / MANIFEST) == hotel.manifest
    assert hotel.manifest.labels == ("负面", "正面")
    assert hotel.manifest.created.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("wrong", [{"weight": 1.5}, {"weight": -0.1}, {"name": "../hotel"}, {"version": "3"}])
def test_parents_are_read_as_strictly_as_all_else(rewrite, wrong):
    parent = {"name": "hotel", "version": "v3", "weight": 0.5, "sha256": "ab" * 32}
    assert read_manifest(rewrite(parents=[parent])).parents[0].reference == "hotel@v3"
    with pytest.raises(LingyuError, match=r"parents\.0\."):
        read_manifest(rewrite(parents=[{**parent, **wrong}]))


SPLIT = {
    "source": "5" * 64, "seed": 7, "shares": {"dev": 0.1, "test": 0.1}, "near_similarity": 0.8, "near_shortest": 16,
    "near_longest_other": 5, "group": "customer", "parts": {"train": "6" * 64},
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [{"source": "5"}, {"seed": "7"}, {"shares": {"dev": 1.1}}, {"parts": {"train": "../x"}}, {"group": 1}]
)
def test_how_the_rows_were_split_is_read_as_strictly_as_all_else(rewrite, wrong):
    found = read_manifest(rewrite(split=SPLIT)).split
    assert (found.seed, found.group, found.time) == (7, "customer", None)
    with pytest.raises(LingyuError, match=rf"split\.{next(iter(wrong))}"):
        read_manifest(rewrite(split={**SPLIT, **wrong}))


def test_a_manifest_of_before_splits_were_recorded_is_read(hotel):
    path = hotel.folder / MANIFEST
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["split"], document["manifest_sha256"]
    path.write_bytes(sealed(document))
    assert open_version(hotel.folder).manifest.split is None


def test_labels_stand_in_the_file_as_text_and_not_as_escapes(hotel):
    assert "负面" in (hotel.folder / MANIFEST).read_text(encoding="utf-8")


@pytest.mark.parametrize("found", [2, 0, "1", 1.0, None, True, [1]])
def test_an_unknown_format_is_refused_and_both_numbers_named(rewrite, found):
    path = rewrite(format=found)
    with pytest.raises(LingyuError, match="reads format 1") as caught:
        read_manifest(path)
    assert repr(found) in str(caught.value)


def test_a_later_format_is_told_before_its_other_keys_are_looked_at(rewrite):
    path = rewrite(format=2, labels={"of another": "shape"})
    with pytest.raises(LingyuError, match="has format 2"):
        read_manifest(path)


def test_unknown_keys_are_skipped_with_a_warning_that_names_them(rewrite, hotel):
    base, part = hotel.manifest.base.model_dump(), hotel.manifest.data["dev"].model_dump()
    entry = hotel.manifest.lineage[0].model_dump()
    rewrite(colour="red", base=base | {"poem": 1}, data={"dev": part | {"rhyme": 1}}, lineage=[entry | {"verse": 1}])
    named = ", ".join(("'colour'", "base.'poem'", "data.dev.'rhyme'", "lineage.0.'verse'"))
    with pytest.warns(UserWarning, match=re.escape(named)):
        assert open_version(hotel.folder).manifest.name == "hotel"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1]", "no JSON object"),
        (b"[" * 200_000, "nested too deeply|is not JSON"),
        (b" " * (16 * 2**20 + 1), "at most"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(hotel, content, says):
    (hotel.folder / MANIFEST).write_bytes(content)
    with pytest.raises(LingyuError, match=says) as caught:
        open_version(hotel.folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../hotel"),
        ("version", "3"),
        ("version", "v1\n"),
        ("labels", "负面"),
        ("labels", [1, 2]),
        ("labels", ["负面", ""]),
        ("labels", ["负面", "负面"]),
        ("task", ""),
        ("max_length", "256"),
        ("max_length", 0),
        ("created", "yesterday"),
        ("created", "2026-01-01T00:00:00"),
        ("base", {"id": "embedded"}),
        ("base", {"id": "", "weights_fingerprint": "0" * 64, "tokenizer_fingerprint": "0" * 64}),
        ("calibration", {"temperature": 0}),
        ("calibration", {"temperature": float("nan")}),
        ("files", {"README.md": {"sha256": "0", "size": 1}}),
        ("files", {"README.md": {"sha256": "0" * 64, "size": -1}}),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_its_key_named(rewrite, key, value):
    path = rewrite(**{key: value})
    with pytest.raises(LingyuError) as caught:
        read_manifest(path)
    assert f"{path}: {key}" in str(caught.value)


def test_of_several_wrong_values_the_first_is_named_and_the_others_are_counted(rewrite):
    with pytest.raises(LingyuError, match=r"lingyu\.json: task: .* and 2 more\. The file is damaged"):
        read_manifest(rewrite(task=1, max_length=0, name="../hotel"))
    with pytest.raises(LingyuError, match=r"task: Input should be a valid string\. The file"):
        read_manifest(rewrite(task=1, max_length=256, name="hotel"))


def test_the_seal_is_of_the_whole_file_with_zeros_in_its_place(hotel):
    text = (hotel.folder / MANIFEST).read_text(encoding="utf-8")
    seal = json.loads(text)["manifest_sha256"]
    assert text.endswith(f'"manifest_sha256": "{seal}"\n}}\n')
    assert hashlib.sha256(text.replace(seal, "0" * 64).encode()).hexdigest() == seal


@pytest.mark.parametrize("seal", [None, "", "0" * 63, "g" * 64, 7])
def test_a_manifest_without_a_seal_is_refused(hotel, seal):
    path = hotel.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "manifest_sha256": seal}))
    with pytest.raises(LingyuError, match="has no manifest_sha256"):
        read_manifest(path)


def test_a_manifest_that_was_edited_is_refused(hotel):
    path = hotel.folder / MANIFEST
    path.write_text(path.read_text(encoding="utf-8").replace('"max_length": 256', '"max_length": 512'))
    with pytest.raises(LingyuError, match="is not what its manifest_sha256 says"):
        read_manifest(path)


def test_what_came_later_is_written_only_where_it_is_used(hotel):
    facts = hotel.manifest.model_dump(mode="json")
    assert "text_pair" not in facts
    assert facts["calibration"] == {"temperature": hotel.manifest.calibration.temperature}
    several = hotel.manifest.model_copy(
        update={"text_pair": True, "calibration": Calibration(thresholds=(0.4, 0.6), offset=3.5, scale=1.5)}
    )
    written = several.model_dump(mode="json")
    assert written["text_pair"] is True
    assert written["calibration"] == {"temperature": 1.0, "thresholds": [0.4, 0.6], "offset": 3.5, "scale": 1.5}
    assert type(several).model_validate_json(several.model_dump_json()) == several


@pytest.mark.parametrize("name", ["hotel", "ecommerce", "customer_service", "restaurant"])
def test_the_manifest_of_a_shipped_adapter_is_written_byte_for_byte_as_it_was(repo, name):
    path = Store(repo / "adapters").open(name).folder / MANIFEST
    assert read_manifest(path).as_bytes() == path.read_bytes()


def test_a_head_without_lora_says_so_and_an_older_manifest_is_of_lora(hotel):
    assert (hotel.manifest.method, hotel.manifest.what) == ("lora", "LoRA adapter")
    assert "method" not in hotel.manifest.model_dump(mode="json")
    head = hotel.manifest.model_copy(update={"method": "head"})
    assert head.model_dump(mode="json")["method"] == "head"
    assert head.what == "head without LoRA"


@pytest.mark.parametrize(
    "calibration",
    [{"thresholds": [0.5]}, {"thresholds": [0.5, 1.5]}, {"thresholds": [0.5, float("nan")]}, {"offset": float("inf")}],
)
def test_a_calibration_that_fits_no_labels_or_is_no_number_is_refused(rewrite, calibration):
    path = rewrite(calibration=calibration)
    with pytest.raises(LingyuError, match=r"lingyu\.json"):
        read_manifest(path)


def test_a_task_without_labels_has_a_manifest_too(rewrite):
    assert read_manifest(rewrite(task="regression", labels=[])).labels == ()


def test_an_empty_file_and_a_part_without_rows_are_nothing_wrong(hotel, rewrite):
    (hotel.folder / "recipe.yaml").write_bytes(b"")
    rewrite(data={"dev": {"rows": 0, "fingerprint": "0" * 64}})
    manifest = open_version(hotel.folder).manifest
    assert (manifest.data["dev"].rows, manifest.files["recipe.yaml"].size) == (0, 0)
