"""Personal data: what is found, what only looks like it, and that a mask is where anything goes on as before."""

import itertools
import random
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lingyu.text import PERSONAL_KINDS, STEPS, Span, personal_spans

personal = STEPS["personal"]

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
NUMBERS = ["13800138000", "138-0013-8000", "0571-88888888", "82345678", "11010519491231002X", "110105 19491231 002X"]
CARDS = ["4111 1111 1111 1111", "4111111111111111", "110105194912310021"]
NUMBERS += ["（010）65529988", "+86 10 6552 9988", "138-123-45678", "13812345678.13912345678", "010-6552-9988"]
BITS = [
    "8613812345678.13912345678",
    "0571",
    "—",
    " - ",
    "·",
    "（0571）",
    "+86 ",
    "86",
    "(010)",
    "010-",
    "138",
    "1",
    "-",
    " ",
    ".",
    "@",
    "a",
    "X",
    "zhang@qq.com",
    "a.b.cc",
    "好",
    "[电话]",
    "２",
]
LIKE_PERSONAL = st.text(alphabet="0139 -.@aXc+86()[好") | st.lists(
    st.sampled_from(NUMBERS + CARDS + BITS), max_size=8
).map("".join)


def with_luhn(digits: str) -> str:
    """The digits and the one that makes them pass Luhn's test, found by trying, as ISO/IEC 7812-1 words it."""
    for check in "0123456789":
        total = 0
        for place, digit in enumerate(reversed(digits + check)):
            value = int(digit) * (2 if place % 2 else 1)
            total += value // 10 + value % 10
        if total % 10 == 0:
            return digits + check
    raise AssertionError("one of ten passes")


def with_mod_11_2(digits: str) -> str:
    """The 17 digits and the check character, by ISO 7064's recursion for pure systems (the code uses weights)."""
    product = 0
    for digit in digits:
        product = (product + int(digit)) * 2 % 11
    return digits + "0123456789X"[(12 - product) % 11]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("电话13800138000，谢谢", "电话[电话]，谢谢"),
        ("138-0013-8000或138 0013 8000", "[电话]或[电话]"),
        ("+86 13800138000、8613800138000、0086-13800138000", "[电话]、[电话]、[电话]"),
        ("1３８００１３８０００", "[电话]"),
        ("010-82345678转12，(0571)8888888", "[电话]转12，[电话]"),
        ("01082345678，02012345678", "[电话]，02012345678"),
        ("+86-10-82345678-801", "[电话]"),
        ("（010）65529988，(0571)8888 8888，（0571） 8888888", "[电话]，[电话]，[电话]"),
        ("0571-8888 8888或010-6552-9988或010 6552 9988", "[电话]或[电话]或[电话]"),
        ("+86 10 6552 9988、+86 (10) 6552 9988", "[电话]、[电话]"),
        ("010—65529988，0571－88888888，010–6552·9988", "[电话]，[电话]，[电话]"),
        ("138-123-45678，138 12345678", "[电话]，[电话]"),
        ("138—1234—5678，138–1234–5678，138·1234·5678，138 - 1234 - 5678", "[电话]，[电话]，[电话]，[电话]"),
        ("13812345678.13912345678。", "[电话].[电话]。"),
        ("邮箱zhang.san+1@mail.example.com.cn。", "邮箱[邮箱]。"),
        ("13800138000@163.com", "[邮箱]"),
        ("身份证11010519491231002X的", "身份证[证件号]的"),
        ("11010519491231002x", "[证件号]"),
        ("110105 19491231 002X", "[证件号]"),
        ("卡号4111 1111 1111 1111", "卡号[银行卡号]"),
        ("4111-1111-1111-1111", "[银行卡号]"),
    ],
)
def test_what_has_the_form_of_personal_data_is_masked_whole(text: str, masked: str) -> None:
    assert personal(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "400-820-8820、12345、110",  # of companies and the state
        "82345678",  # no area code
        "12800138000",  # no such network
        "113800138000、138001380001",  # longer numbers
        "3.13800138000、13800138000.5",
        "110105194912310021",  # wrong check digit
        "110105194913310028",  # no such month
        "110105491231002",  # 15 digits have no check
        "4111111111111112",  # Luhn says no
        "9111111111111111",  # no issuer
        "单号SF0000000000000",
        "工号010-20230101，文件编号 0571 20190101，0755-2023-1231，01020230101",  # days
        "020-12345678，0301-12345678，0571-01234567",  # no subscriber's number begins so
        "3.13812345678.5",
        "身份证110101190001010000，卡号6222000000000000000",
        "2008年4月9日，1999-2008，20081231，1,299.00元，3.14159265358979",
        "@用户甲 回复@用户乙：同意",
        "a@b，@qq.com",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert personal(text) == text
    assert personal_spans(text) == ()


@given(st.integers(0, 10**6 - 1), st.dates(), st.integers(0, 999), st.data())
def test_an_identity_number_is_masked_exactly_where_its_check_character_is_right(place, born, serial, data) -> None:
    digits = f"{place % 900000 + 100000}{born:%Y%m%d}".replace(" ", "0").zfill(14)[:14] + f"{serial:03}"
    right = with_mod_11_2(digits)
    wrong = data.draw(st.sampled_from([char for char in "0123456789X" if char != right[-1]]))
    kinds = {span.kind for span in personal_spans(f"号{right}。")}
    assert ("id_card" in kinds) == (1880 <= born.year < 2100)
    assert "id_card" not in {span.kind for span in personal_spans(f"号{digits}{wrong}。")}


@given(
    st.sampled_from(
        [("62", 16), ("62", 19), ("4", 16), ("53", 16), ("2221", 16), ("37", 15), ("3528", 16), ("9558", 19)]
    ),
    st.integers(0, 10**17),
)
def test_a_bank_card_is_masked_exactly_where_luhn_holds(issuer, number) -> None:
    prefix, length = issuer
    card = with_luhn(prefix + f"{number:017}"[: length - 1 - len(prefix)])
    assert len(card) == length
    assert [span.kind for span in personal_spans(f"卡{card}。")] == ["bank_card"]
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert "bank_card" not in {span.kind for span in personal_spans(f"卡{wrong}。")}


def test_a_company_s_number_with_an_extension_is_no_card_though_luhn_may_hold() -> None:
    assert personal_spans(with_luhn("400820882012")) == ()


def test_an_order_number_of_nineteen_digits_is_no_visa_card() -> None:
    assert personal_spans("订单" + with_luhn("431234567890123456")) == ()
    assert personal_spans("卡" + with_luhn("436712345678901234"))[0].kind == "bank_card"


def test_spans_say_the_kind_and_the_place_in_the_text_as_it_is() -> None:
    text = "我是ａ@qq.com，１3800138000"
    assert personal_spans(text) == (Span("email", 2, 10), Span("phone", 11, 22))
    assert {span.kind for span in personal_spans("a@b.cc 11010519491231002X 4111111111111111 13800138000")} == set(
        PERSONAL_KINDS
    )


@given(ANY_TEXT | LIKE_PERSONAL)
def test_spans_are_apart_in_order_and_all_that_personal_changes(text: str) -> None:
    spans = personal_spans(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))
    kept, done = [], 0
    for span in spans:
        kept.append(text[done : span.start])
        done = span.end
    masked = personal(text)
    for piece in [*kept, text[done:]]:  # what is between them stands in the result, in order
        assert piece in masked
        masked = masked[masked.index(piece) + len(piece) :]


@given(LIKE_PERSONAL)
@example("11010519491231002X13800138000")
@example("13800138000(010)82345678")
@example("4111 1111 1111 1111 138 0013 8000")
@example("110105194912310021" + "1" * 64 + "@a.com")
@example("13800138000+8613800138000")
def test_masking_one_number_never_makes_its_neighbour_into_one(text: str) -> None:
    once = personal(text)
    assert personal(once) == once
    assert personal_spans(once) == ()


def test_random_numbers_beside_each_other_are_masked_in_one_go() -> None:
    """What hypothesis finds too seldom: whole numbers side by side, with every kind of sign between them."""
    draw = random.Random(3)
    pieces = (
        NUMBERS + CARDS + ["010-82345678", "(010)82345678", "a@b.cc", "+86", "86", "00", "12", "6011 ", "138", "1234"]
    )
    for _ in range(4000):
        text = "".join(
            draw.choice(pieces) + draw.choice(["", "", " ", "-", ".", "X", "好", "—", " - "]) for _ in range(5)
        )
        once = personal(text)
        assert personal(once) == once, text


@pytest.mark.parametrize("mark", ["[邮箱]", "[证件号]", "[银行卡号]", "[电话]", "[网址]"])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_leaves_every_mask_alone(step: str, mark: str) -> None:
    for text in (mark, f"打{mark}给我", f"在{mark}，{mark}", mark * 3):
        assert STEPS[step](text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1-",
        "@",
        "a@",
        "a.",
        "@a.",
        "138",
        "138 ",
        "4111 ",
        "0571-",
        "+86",
        "(010)",
        "138 - ",
        "138·",
        "（010）8",
        "13812345678.",
    ],
)
def test_hundred_thousand_characters_of_nearly_a_number_take_no_time(unit: str) -> None:
    began = time.process_time()
    personal(unit * (100_000 // len(unit)))
    assert time.process_time() - began < 1
