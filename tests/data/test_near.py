"""Near-duplicates are what an exhaustive search by edits finds, but for a few that chance misses."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from lingyu.data import NEAR, Nearness, near, near_pairs
from lingyu.data.near import NearIndex, near_groups
from lingyu.text import content_hashes, same_text_form

WORDS = ("房间", "早餐", "前台", "服务", "干净", "安静", "位置", "停车", "热情", "很好", "不错", "一般", "推荐", "失望")
ALPHABET = "的一是不了在有我人这中大来上个到房间很干净下次还早餐差服务态度好贵便宜物流快慢书酒店住前台热情满意"


def sentence(drawn: random.Random, characters: int) -> str:
    return "".join(drawn.choice(ALPHABET) for _ in range(characters))


def edited(text: str, edits: int, drawn: random.Random) -> str:
    """The text after so many substitutions, insertions and deletions of single characters."""
    characters = list(text)
    for _ in range(edits):
        at = drawn.randrange(len(characters))
        match drawn.choice("sid"):
            case "s":
                characters[at] = drawn.choice(ALPHABET)
            case "i":
                characters.insert(at, drawn.choice(ALPHABET))
            case _:
                del characters[at]
    return "".join(characters)


def found(texts):
    pairs = near_pairs(texts, content_hashes(texts))
    return dict(zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), pairs.similarity, strict=True))


def by_exhaustive_search(texts, near=NEAR):
    """Every pair of distinct same-text forms that edits alone make near."""
    first_of = {}
    for row, text in enumerate(texts):
        first_of.setdefault(same_text_form(text), row)
    near_ones = {}
    for (form, row), (other, other_row) in itertools.combinations(first_of.items(), 2):
        similarity = Levenshtein.normalized_similarity(form, other)
        if min(len(form), len(other)) >= near.shortest and similarity >= near.similarity:
            runs = [e.src_end - e.src_start for e in Levenshtein.opcodes(form, other) if e.tag == "replace"]
            if max(runs, default=0) <= near.longest_other:
                near_ones[row, other_row] = similarity
    return near_ones


def test_what_is_found_is_what_edits_say_and_little_is_missed():
    drawn = random.Random(7)
    texts = [sentence(drawn, drawn.randrange(15, 80)) for _ in range(150)]
    texts += [edited(text, round(len(text) * drawn.choice((0.02, 0.1, 0.2))), drawn) for text in texts]
    reference, ours = by_exhaustive_search(texts), found(texts)
    assert len(reference) > 60
    assert set(ours) <= set(reference)
    assert len(ours) >= 0.95 * len(reference)
    assert all(ours[pair] == pytest.approx(reference[pair], abs=1e-6) for pair in ours)


@pytest.mark.parametrize(("share", "at_least"), [(0.05, 0.98), (0.1, 0.95), (0.15, 0.85)])
def test_a_copy_with_a_share_of_its_characters_edited_is_found(share, at_least):
    drawn = random.Random(3)
    texts = [sentence(drawn, drawn.randrange(30, 120)) for _ in range(300)]
    copies = [edited(text, round(len(text) * share), drawn) for text in texts]
    ours = found(texts + copies)
    assert np.mean([(row, row + len(texts)) in ours for row in range(len(texts))]) >= at_least
    assert all(second == first + len(texts) for first, second in ours)  # and nothing that is no copy


def test_a_similarity_of_just_what_is_asked_is_near():
    drawn = random.Random(5)
    texts = [sentence(drawn, 4 * length) for length in range(5, 40)]
    longer = [text + sentence(drawn, len(text) // 4) for text in texts]
    ours = found(texts + longer)
    assert {pair: pytest.approx(0.8) for pair in ours} == ours
    assert len(ours) >= 0.9 * len(texts)


@pytest.mark.parametrize("seed", range(5))
def test_how_many_are_found_is_what_the_bands_say_whatever_the_seed(seed, monkeypatch):
    """1 - (1 - share^4)^32 of the pairs that share so much of their character pairs."""
    monkeypatch.setattr(near, "_SEED", seed)
    drawn = random.Random(seed)
    texts = [sentence(drawn, 60) for _ in range(400)]
    copies = [edited(text, drawn.choice((6, 9, 11)), drawn) for text in texts]
    expected = [(row, row + len(texts)) for row in range(len(texts))]
    reference = by_exhaustive_pairs(texts, copies)
    chances = [1 - (1 - shared(texts[row], copies[row]) ** 4) ** 32 for row in reference]
    ours = found(texts + copies)
    hits = sum(expected[row] in ours for row in reference)
    spread = sum(chance * (1 - chance) for chance in chances) ** 0.5
    assert len(reference) > 200
    assert abs(hits - sum(chances)) < 4 * spread


def by_exhaustive_pairs(texts, copies):
    """The rows whose copy is near by edits alone."""
    pairs = enumerate(zip(texts, copies, strict=True))
    return [row for row, pair in pairs if (0, 1) in by_exhaustive_search(pair)]


def shared(one, other):
    """The share of the character pairs of either that both have."""
    ours, theirs = ({*itertools.pairwise(text)} for text in (one, other))
    return len(ours & theirs) / len(ours | theirs)


def test_punctuation_width_and_case_are_no_edits_but_the_same_text():
    assert found(["房间很干净，早餐也不错，前台的服务很热情ABC", "房间很干净早餐也不错！前台的服务很热情abc"]) == {}


def test_short_texts_are_the_same_or_they_are_not():
    assert found(["房间很干净，早餐不错", "房间不干净，早餐不错"]) == {}


def test_sixteen_characters_are_compared_and_fifteen_are_not():
    text = "房间干净早餐丰富前台热情停车方便"
    assert len(text) == 16
    assert list(found([text, text[:-1] + "利"])) == [(0, 1)]
    assert found([text[:-1], text[:-2] + "利"]) == {}


def test_five_characters_in_a_row_may_stand_for_others_and_six_say_something_else():
    frame = "房间设施陈旧气味太重电梯很慢还要排队早餐品种不多味道一般前台态度冷淡不会再来"
    for replaced, pairs in ((5, [(0, 1)]), (6, []), (7, [])):
        other = frame[:12] + "甲乙丙丁戊己庚"[:replaced] + frame[12 + replaced :]
        assert list(found([frame, other])) == list(found([frame, other[:-1] + "辛"])) == pairs


def test_another_sentence_in_the_same_frame_is_no_copy():
    footer = "免费注册网站导航宾馆索引服务说明关于携程诚聘英才代理合作广告业务联系我们" * 2
    assert found(["房间设施陈旧气味太重" + footer, "还不错环境挺好挺舒服" + footer]) == {}
    assert len(found(["房间设施陈旧气味太重" + footer, "房间设备陈旧气味太重" + footer])) == 1


def test_the_order_of_the_rows_changes_nothing():
    drawn = random.Random(11)
    texts = [sentence(drawn, 40) for _ in range(60)]
    texts += [edited(text, 3, drawn) for text in texts]
    order = list(range(len(texts)))
    drawn.shuffle(order)
    shuffled = {frozenset((order[a], order[b])) for a, b in found([texts[row] for row in order])}
    assert shuffled == {frozenset(pair) for pair in found(texts)}


def filled(slots, alphabet, seed=0):
    """Texts of one template with six characters of their own: two are near where one of those is the same."""
    characters = np.random.default_rng(seed).integers(0, alphabet, (slots, 6))
    frame = "尊敬的用户{}您好您的会员积分即将到期请及时登录商城兑换礼品逾期作废感谢您的支持"
    return characters, [frame.format("".join(chr(0x4E00 + 4 * at) for at in row)) for row in characters.tolist()]


@pytest.mark.parametrize("slots", [600, 2_500])
def test_of_a_template_whose_copies_are_rarely_near_each_is_found_and_connected(slots):
    characters, texts = filled(slots, slots)
    pairs = near_pairs(texts, content_hashes(texts))
    ends = [(characters == row).any(axis=1).nonzero()[0] for row in characters]
    has_near = {at for at, near in enumerate(ends) if len(near) > 1}
    assert has_near <= {*pairs.first.tolist(), *pairs.second.tolist()}
    groups = near_groups(content_hashes(texts), pairs)
    assert all((groups[near] == groups[near[0]]).all() for near in ends)


def test_texts_of_a_common_frame_that_are_no_copies_are_gone_through_in_no_time():
    drawn = np.random.default_rng(3).integers(0x4E00, 0x9000, (1_501, 200))
    footer, *reviews = ("".join(map(chr, row)) for row in drawn.tolist())
    texts = [review[:20] + footer for review in reviews]
    compared = 0

    class Counted(NearIndex):
        def _verified(self, codes, forms, lengths):
            nonlocal compared
            compared += len(codes)
            return super()._verified(codes, forms, lengths)

    assert len(Counted(texts).among_themselves()) == 0
    assert compared < 400 * len(texts)  # of each with each it would be 750, in every band that has another bucket


def test_ten_thousand_copies_of_a_template_take_no_time_and_are_one_group():
    texts = [f"您好，您的订单{number:06d}已经发出，请注意查收，祝您生活愉快，欢迎下次光临" for number in range(10_000)]
    hashes = content_hashes(texts)
    pairs = near_pairs(texts, hashes)
    assert len(pairs) < 10_000 * 32 * 32
    assert len(np.unique(near_groups(hashes, pairs))) == 1


def test_every_copy_of_a_template_in_an_index_is_found() -> None:
    known = [f"您好，您的订单{number:04d}已经发出，请注意查收，祝您生活愉快，欢迎下次光临" for number in range(900)]
    pairs = NearIndex(known).near(["您好，您的订单9999已经发出，请注意查收，祝您生活愉快，欢迎下次光临"] * 3)
    assert len(pairs) == 3 * len(known)


def test_many_candidates_are_gone_through_in_portions(monkeypatch) -> None:
    drawn = random.Random(9)
    known = [sentence(drawn, 40) for _ in range(200)]
    coming = [edited(text, 2, drawn) for text in known]
    whole = NearIndex(known).near(coming)
    monkeypatch.setattr(near, "_CANDIDATES_AT_ONCE", 7)
    in_portions = NearIndex(known).near(coming)
    assert whole.first.tolist() == in_portions.first.tolist()
    assert whole.second.tolist() == in_portions.second.tolist()
    assert len(whole) >= 199


def test_groups_are_what_same_texts_and_pairs_connect():
    texts = ["房间很干净早餐也不错前台的服务很热情周到", "好", "房间很干净早餐也不错前台的服务很热情周全", "好！", "差"]
    texts.append("房间很干净早餐也不错前台的服务很热心周全")
    hashes = content_hashes(texts)
    groups = near_groups(hashes, near_pairs(texts, hashes))
    assert groups.tolist() == [0, 1, 0, 1, 4, 0]


def test_an_index_finds_the_near_and_the_same_among_texts_that_come_by():
    drawn = random.Random(5)
    known = [sentence(drawn, 50) for _ in range(200)]
    coming = [edited(known[3], 2, drawn), sentence(drawn, 50), known[150] + "！", "短"]
    pairs = NearIndex(known).near(coming)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(0, 3), (2, 150)]
    assert pairs.similarity[1] == 1


@pytest.mark.parametrize("texts", [[], [""], ["短"], ["短", "短"], ["x" * 50]])
def test_nothing_to_compare_is_no_pair(texts):
    assert found(texts) == {}
    assert len(NearIndex(texts).near(texts)) == (1 if texts == ["x" * 50] else 0)
    assert len(NearIndex([]).near(texts)) == 0


def test_a_threshold_of_one_finds_nothing_but_the_same():
    texts = ["房间很干净早餐也不错前台的服务很热情周到", "房间很干净早餐也不错前台的服务很热情周全"]
    assert len(near_pairs(texts, content_hashes(texts), Nearness(similarity=1.0))) == 0


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(), min_size=0, max_size=60), max_size=12))
def test_any_text_can_be_compared_and_no_pair_is_wrong(texts):
    texts = [*texts, *(text[:-1] + "的" for text in texts if text)]
    assert set(found(texts)) <= set(by_exhaustive_search(texts))
