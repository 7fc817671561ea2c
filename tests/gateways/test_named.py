"""Whose session it is: a number, a LID, or neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.phone_numbers import Named, Sort, named, normal_phone_number, number_of_user

NUMBER = Named(Sort.NUMBER, "62811801641")
LID = Named(Sort.LID, "100000000000783")
OTHER = Named(Sort.OTHER)
NOTHING = Named(Sort.NOTHING)


@pytest.mark.parametrize(
    ("written", "is_named"),
    [
        ("62811801641", NUMBER),
        (62811801641, NUMBER),
        ("+62 811-801-641", NUMBER),
        ("62811801641@c.us", NUMBER),
        ("62811801641@C.US", NUMBER),
        ("62811801641@s.whatsapp.net", NUMBER),
        ("62811801641:12@s.whatsapp.net", NUMBER),
        ("62811801641_1:12@s.whatsapp.net", NUMBER),
        ({"user": "62811801641", "server": "c.us", "_serialized": "62811801641@c.us"}, NUMBER),
        ({"user": "62811801641"}, NUMBER),
        ({"_serialized": "62811801641@c.us"}, NUMBER),
        ("100000000000783@lid", LID),
        ("100000000000783:12@lid", LID),
        ("100000000000783_1:12@hosted.lid", LID),
        ({"user": "100000000000783", "server": "lid"}, LID),
        ({"_serialized": "100000000000783@lid"}, LID),
        ("62811801641@hosted", OTHER),
        ("120363000000000@g.us", OTHER),
        ("62811801641-1500000000@g.us", OTHER),
        ("120363000000000@newsletter", OTHER),
        ("status@broadcast", OTHER),
        ("13135550002@bot", OTHER),
        ({"user": "62811801641", "server": "g.us"}, OTHER),
        ("005511987654321", NOTHING),
        ("0@c.us", NOTHING),
        ("@c.us", NOTHING),
        ("62811801641@", NOTHING),
        ("Alice", NOTHING),
        ("6281180164١", NOTHING),
        ("", NOTHING),
        (" ", NOTHING),
        ("null", NOTHING),
        ("123456", NOTHING),
        ("1" * 16, NOTHING),
        (None, NOTHING),
        (True, NOTHING),
        (6.5, NOTHING),
        ([], NOTHING),
        ({}, NOTHING),
        ({"user": None, "server": "lid"}, NOTHING),
        ({"user": {"user": 1}}, NOTHING),
    ],
)
def test_a_number_a_lid_and_neither_are_told_apart(written, is_named):
    assert named(written) == is_named
    assert normal_phone_number(written) == (is_named.digits if is_named is NUMBER else None)


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
))  # fmt: skip
def test_whatever_is_given_has_an_answer(value):
    found = named(value)

    assert (found.sort in (Sort.NUMBER, Sort.LID)) == bool(found.digits)
    assert normal_phone_number(value) in (None, found.digits)


def test_a_lid_whose_server_is_kept_from_us_is_known_by_its_digits():
    assert number_of_user("62811801641") == "62811801641"
    assert number_of_user("5511987654321") == "5511987654321"
    assert number_of_user("493012345678901") == "493012345678901"  # Germany has as long ones
    assert number_of_user("100000000000783") is None
    assert number_of_user("100000000000783@lid") is None
