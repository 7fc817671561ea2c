"""Two spellings of one number."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.words.phone_numbers import CANONICAL_SQL, canonical, same_number, spellings


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5511987654321", "551187654321"),  # Brazil's ninth digit
        ("5215512345678", "525512345678"),  # Mexico's 1
        ("62811801641", "62811801641"),
    ],
)
def test_these_are_the_same_number(a, b):
    assert same_number(a, b) and same_number(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5511987654321", "5511987654322"),
        (
            "5511923456789",
            "551123456789",
        ),  # the short one is a landline: it never had a ninth digit
        ("5501987654321", "550187654321"),  # no area code begins with 0
        ("521551234567", "52551234567"),  # a digit too few
        ("5491112345678", "541112345678"),  # another country
        (None, None),
        ("", ""),
        ("62811801641", None),
    ],
)
def test_these_are_not(a, b):
    assert not same_number(a, b) and not same_number(b, a)


numbers = st.from_regex(r"(55[1-9]{2}9?|521?|62)[0-9]{8,10}", fullmatch=True)


@given(number=numbers)
def test_all_spellings_of_a_number_are_the_same_and_one_of_them_is_itself(number):
    assert number in spellings(number)
    assert {canonical(one) for one in spellings(number)} == {canonical(number)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=numbers)
def test_the_database_agrees(db, number):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {CANONICAL_SQL.format(number='%(n)s::text')}", {"n": number})
        assert cursor.fetchone() == (canonical(number),)
