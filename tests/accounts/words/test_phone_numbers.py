"""Two spellings of one number, and text that is no number at all."""

from __future__ import annotations

import phonenumbers
import pytest
from django.db import connection
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from accounts.words.phone_numbers import (
    CANONICAL_SQL,
    NotANumber,
    canonical,
    same_number,
    spellings,
    spellings_at_home,
    typed_number,
)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5511987654321", "551187654321"),  # Brazil's ninth digit
        ("5215512345678", "525512345678"),  # Mexico's 1
        ("5491112345678", "541112345678"),  # Argentina's 9
        ("5493511234567", "543511234567"),
        ("22507123456", "2250707123456"),  # Ivory Coast: an operator's two digits
        ("22545123456", "2250545123456"),
        ("22501123456", "2250101123456"),
        ("22521712345", "2252721712345"),
        ("22520012345", "2252520012345"),
        ("22520812345", "2252120812345"),
        ("22997123456", "2290197123456"),  # Benin's 01
        ("62811801641", "62811801641"),
    ],
)
def test_these_are_the_same_number(a, b):
    assert same_number(a, b) and same_number(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5511987654321", "5511987654322"),
        # the short one is a landline: it never had a ninth digit
        ("5511923456789", "551123456789"),
        ("5501987654321", "550187654321"),  # no area code begins with 0
        ("521551234567", "52551234567"),  # a digit too few
        ("5211512345678", "521512345678"),  # no Mexican number begins with 1
        ("549111234567", "54111234567"),  # a digit too few
        ("5499912345678", "549912345678"),  # no Argentinian area code begins with 9
        ("22507123456", "2250507123456"),  # another operator's
        ("22997123456", "2290297123456"),
        ("22897123456", "2280197123456"),  # another country
        (None, None),
        ("", ""),
        ("62811801641", None),
    ],
)
def test_these_are_not(a, b):
    assert not same_number(a, b) and not same_number(b, a)


# --- whatever the number ------------------------------------------------------------------------
SEVERAL = r"(55[1-9]{2}9?|521?|549?|225(0[157]|2[157])?|229(01)?)[0-9]{8,10}"
numbers = st.from_regex(rf"{SEVERAL}|[1-9][0-9]{{6,14}}", fullmatch=True)


@given(number=numbers)
def test_all_spellings_of_a_number_are_the_same_and_one_of_them_is_itself(number):
    assert number in spellings(number)
    assert {canonical(one) for one in spellings(number)} == {canonical(number)}
    assert {spellings(one) for one in spellings(number)} == {spellings(number)}
    assert canonical(canonical(number)) == canonical(number)


@given(a=numbers, b=numbers, c=numbers)
def test_being_the_same_number_is_an_equivalence(a, b, c):
    for one in {*spellings(a), *spellings(b), *spellings(c)}:
        for other in (a, b, c):
            assert same_number(one, one)
            assert same_number(one, other) == same_number(other, one)
            assert same_number(one, other) == (canonical(one) == canonical(other))
            assert same_number(one, other) == (one in spellings(other))


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SORTS = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]


@st.composite
def assigned(draw):
    """Draw a number of a country's numbering plan, as it is dialled from abroad today."""
    region = draw(st.sampled_from(["BR", "MX", "AR", "CI", "BJ"]) | st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from(SORTS)))
    assume(example is not None)
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
    end = draw(st.integers(min_value=0, max_value=9999))
    number = f"{digits[:-4]}{end:04d}"
    assume(phonenumbers.is_valid_number(phonenumbers.parse(f"+{number}")))
    return number


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(a=assigned(), b=assigned())
def test_no_two_numbers_of_the_world_are_one(a, b):
    assert same_number(a, b) == (a == b) or {a, b} <= spellings(a)
    others = spellings(a) - {a}
    # No other spelling is an assigned number today; only Argentina's landlines may be both.
    assert a.startswith("54") or not any(
        phonenumbers.is_valid_number(phonenumbers.parse(f"+{other}")) for other in others
    )


WRITTEN = {
    "BR": lambda n: {n, n[:4] + n[5:]} if n[4] == "9" and n[5] in "6789" and len(n) == 13 else {n},
    "MX": lambda n: {n, "521" + n[2:]},
    "AR": lambda n: {n, "54" + n[3:]} if n.startswith("549") else {n, "549" + n[2:]},
    "BJ": lambda n: {n, "229" + n[5:]},
    "CI": lambda n: {n},
    "ID": lambda n: {n},
    "US": lambda n: {n},
}


@pytest.mark.parametrize("region", WRITTEN)
@given(end=st.integers(min_value=0, max_value=9999))
def test_every_spelling_that_whatsapp_uses_of_a_number_has_one_key(region, end):
    mobile = phonenumbers.PhoneNumberType.MOBILE
    example = phonenumbers.example_number_for_type(region, mobile)
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
    number = f"{digits[:-4]}{end:04d}"

    written = WRITTEN[region](number)

    assert len({canonical(one) for one in written}) == 1
    assert all(spellings(one) >= written for one in written)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(number=numbers)
def test_the_database_agrees(db, number):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {CANONICAL_SQL.format(number='%(n)s::text')}", {"n": number})
        assert cursor.fetchone() == (canonical(number),)


# --- what people type ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("62811801641", "62811801641"),
        ("+62 811-801-641", "62811801641"),
        ("+55 (11) 98765-4321", "5511987654321"),
        ("\u202a+55\u00a011 98765.4321\u202c", "5511987654321"),
        ("55 0 11 98765-4321", "5511987654321"),
        ("+44 (0) 7911 123456", "447911123456"),
        ("54 11 15 1234-5678", "5491112345678"),
        ("39 06 1234567", "39061234567"),  # Italy's 0 is dialled from abroad, too
        ("551187654321", "551187654321"),  # as it was typed, not as it is dialled today
        ("5215512345678", "5215512345678"),
        ("15550109001", "15550109001"),  # nobody's, and a number all the same
        ("62811801641@c.us", "62811801641"),
        ("62811801641:12@s.whatsapp.net", "62811801641"),
    ],
)
def test_a_number_is_taken_however_people_write_it(typed, number):
    assert typed_number(typed) == number


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("005511987654321", "begins with 0"),
        ("0811801641", "begins with 0"),
        ("+0055 11 98765-4321", "begins with 0"),
        ("100000000000783@lid", "is a LID"),
        ("100000000000783:12@lid", "is a LID"),
        ("100000000000783", "may be a LID"),
        ("120363000000000000@g.us", "a group"),
        ("15550109001@newsletter", "a channel"),
        ("15550109001@hosted", "or the like"),
        ("status@broadcast", "or the like"),
        ("123456", "7 to 15 digits"),
        ("1" * 16, "7 to 15 digits"),
        ("555 CALL NOW", "7 to 15 digits"),
        ("", "7 to 15 digits"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(typed, why):
    with pytest.raises(NotANumber, match=why):
        typed_number(typed)


def test_a_number_without_its_country_is_found_where_that_writes_it_in_two_ways():
    assert "551187654321" in spellings_at_home("11987654321")
    assert "5491112345678" in spellings_at_home("1112345678")
    assert spellings_at_home("811801641") == frozenset()
