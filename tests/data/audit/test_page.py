"""The page of an audit: whole, safe, and right."""

import dataclasses
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.audit.excerpts import legible
from lingyu.data.audit.page import page
from lingyu.data.audit.report import Audit
from lingyu.data.audit.samples import Sample, Samples

from .audits import HOTEL, chnsenticorp, samples

VOID = {"meta", "link", "br"}
LINKS = {"href", "src", "srcset", "action", "xlink:href", "data", "poster", "background"}
ANY_TEXT = st.text(st.characters(codec=None), max_size=60)


class Read(HTMLParser):
    """The elements of a page, each closed by its own end; what is linked to; the words in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.fixture(scope="module")
def html() -> str:
    return page(chnsenticorp(), samples())


@pytest.fixture(scope="module")
def read(html: str) -> Read:
    return Read(html)


def test_it_needs_nothing_but_itself(html: str, read: Read) -> None:
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "script" not in read.tags
    assert not any(name.startswith("on") for name, _ in read.attributes)
    linked = {value for name, value in read.attributes if name in LINKS}
    assert all(value == "data:," or value.startswith("#") for value in linked)
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", html)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in read.attributes


def test_every_link_leads_somewhere_and_every_id_is_there_once(read: Read) -> None:
    ids = [value for name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = {value.removeprefix("#") for name, value in read.attributes if name in ("href", "aria-labelledby")}
    assert named - {"data:,"} <= set(ids)


def test_the_verdict_comes_before_everything_else(read: Read) -> None:
    words = [word.strip() for word in read.words[: read.words.index("Checks")] if word.strip()]
    assert words[:4] == [
        "Data audit: stop",
        "✕",
        "stop",
        "Do not train on this before it is mended: leakage (677 rows), two labels (57 rows)",
    ]


def test_figures_stand_at_both_levels(read: Read) -> None:
    text = " ".join(read.text.split())
    assert "335 of 1,200 (27.9 %)331 exact, 6 with another label, 12 near" in text
    assert "train9,60008,2498,2141,3511,3861902425" in text


def test_what_was_not_checked_or_left_out_is_said(read: Read, html: str) -> None:
    text = " ".join(read.text.split())
    assert "Overlap ? unchecked nothing to compare with was given" in text
    assert 'class="card unchecked"' in html
    assert "9,600 rows read; left out: beyond max_train_samples 77" in text
    assert "0 = 负面, 1 = 正面" in text


def test_a_pair_shows_what_it_differs_in(html: str) -> None:
    assert "服务员态度<mark>不错</mark>，离地铁站" in html
    assert "服务员态度<mark>很差</mark>，离地铁站" in html


def test_a_text_that_both_rows_have_is_quoted_once() -> None:
    same = {"leakage": (Sample("test", "test.csv:2", HOTEL, "1", "train.csv:9", HOTEL, "1"),)}
    assert page(chnsenticorp(), same).count(HOTEL) == 1


def test_a_text_that_stands_there_many_times_is_one_sample() -> None:
    copies = tuple(Sample("train", f"train.csv:{line}", HOTEL, "1", "train.csv:2", HOTEL, "1") for line in range(3, 40))
    other = Sample("train", "train.csv:70", "别的文本", "1", "train.csv:60", "别的文本", "1")
    html = page(chnsenticorp(), {"duplicates": (*copies, other)})
    assert html.count(HOTEL) == 1
    assert "别的文本" in html


def test_personal_data_is_masked(html: str) -> None:
    assert "订房请打" in html
    assert "13812345678" not in html
    assert "someone@example.com" not in html


def test_the_page_is_english_and_its_samples_chinese(read: Read) -> None:
    assert ("lang", "en") in read.attributes
    assert ("lang", "zh") in read.attributes


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}{% include 'page.css' %}",
        "</style></title><!--",
        "\u202eabc\u2066\x00\x1b[31m\ud800",
    ],
)
def test_no_text_gets_out_of_its_place(text: str) -> None:
    audit, shown = everywhere(text)
    html = page(audit, shown)
    before = Read(page(*everywhere("plain")))
    after = Read(html)
    assert after.tags == before.tags
    assert {name for name, _ in after.attributes} == {name for name, _ in before.attributes}
    assert legible(text) in after.text
    assert not set(html) & set("\x00\x1b\u202e\u2066\ud800")


@settings(max_examples=30)
@given(ANY_TEXT, ANY_TEXT)
def test_any_text_makes_a_page_that_can_be_written(text: str, other: str) -> None:
    html = page(*everywhere(text, other))
    html.encode()
    assert Read(html).tags <= tags_of_a_page()
    assert all(char.isprintable() or char.isspace() for char in html)


def test_the_largest_texts_make_no_large_page() -> None:
    text = "".join(f'\U000e0001"{number}' for number in range(6_000))
    audit, _ = everywhere(text[:2_000], "负面" * 500)
    sample = Sample("train" * 99, text, text, text, text, "".join(reversed(text)), text, 0.9, 0.9, text)
    shown = {
        verdict.check: tuple(dataclasses.replace(sample, text=f"{number}{text}") for number in range(3))
        for verdict in audit.verdicts
    }
    one = len(page(audit, {check: rows[:1] for check, rows in shown.items()}).encode())
    three = len(page(audit, shown).encode())
    assert three + 9 * (three - one) / 2 < 1_000_000  # twelve of each check


def test_an_audit_without_rows_to_show_has_a_page() -> None:
    audit = chnsenticorp().summary().model_copy(update={"crossings": (), "overlaps": (), "noise": None})
    assert "The worst of them" not in page(audit, {})


@cache
def tags_of_a_page() -> set[str]:
    return Read(page(*everywhere("a", "b"))).tags


def everywhere(text: str, other: str | None = None) -> tuple[Audit, Samples]:
    """An audit and samples with the text wherever a text can stand."""
    audit = chnsenticorp()
    other = text if other is None else other
    source = audit.parts[0].source.model_copy(update={"path": text, "sha256": text})
    part = audit.parts[0].model_copy(
        update={
            "name": text,
            "source": source,
            "labels": {text: 3, other: 4},
            "languages": {text: 1},
            "personal": {text: 1},
            "left_out": {text: 1},
        }
    )
    assert part.unknown is not None
    assert audit.noise is not None
    part = part.model_copy(update={"unknown": part.unknown.model_copy(update={"characters": ((text, 1),)})})
    audit = audit.model_copy(
        update={
            "lingyu": text,
            "created": text,
            "settings": audit.settings.model_copy(
                update={"text": text, "base": text, "clean": (text,), "labels": {text: other}}
            ),
            "parts": (part, *audit.parts[1:]),
            "crossings": tuple(it.model_copy(update={"part": text, "other": other}) for it in audit.crossings),
            "overlaps": tuple(it.model_copy(update={"part": text, "other": other}) for it in audit.overlaps),
            "noise": audit.noise.model_copy(update={"method": text, "pairs": ((text, other, 3),)}),
            "verdicts": tuple(it.model_copy(update={"says": text, "rows": 3}) for it in audit.verdicts),
        }
    )
    sample = Sample(text, text, text, text, other, other, other, 0.9, 0.8, other)
    return audit, {it.check: (sample, dataclasses.replace(sample, other_text=None)) for it in audit.verdicts}
