"""Which forms stand inside others: as `in` says it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.corpus.inside import InsideIndex

# two letters only, so that windows repeat, overlap and share their beginnings
FORMS = st.lists(st.text("ab", max_size=24) | st.text("好间房", min_size=16, max_size=20), max_size=8)
PAGES = st.lists(st.text("ab", max_size=60), max_size=6)


def pairs(index, pages):
    pages_at, forms_at = index.found_in(pages)
    return list(zip(pages_at.tolist(), forms_at.tolist(), strict=True))


@settings(max_examples=80)
@given(FORMS, PAGES, st.data())
def test_what_is_found_is_what_stands_there(forms, pages, data):
    for form in forms:  # or hardly a page would hold one
        if data.draw(st.booleans()):
            pages.append(data.draw(st.text("abc", max_size=20)) + form + data.draw(st.text("abc", max_size=20)))
    expected = [
        (page, at)
        for page, text in enumerate(pages)
        for at, form in enumerate(forms)
        if len(form) >= 16 and form in text
    ]
    assert pairs(InsideIndex(forms, 16), pages) == expected


def test_a_form_at_the_very_end_of_a_page_is_found_and_one_over_two_pages_is_not():
    form = "房间很干净服务员态度也很好下次还会再来"
    index = InsideIndex([form], 16)
    assert pairs(index, [f"网友点评{form}", form[:10], form[10:]]) == [(0, 0)]


def test_no_pages_and_no_forms_are_fine():
    assert pairs(InsideIndex([], 20), ["房" * 40]) == []
    assert pairs(InsideIndex(["房" * 20], 20), []) == []
    assert pairs(InsideIndex(["短"], 20), ["", "短"]) == []
