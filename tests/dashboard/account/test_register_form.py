"""Registering by hand: the same words about a number as on the command line."""

from __future__ import annotations

import pytest

from dashboard.admin.account.form import RegisterForm


def filled(cast, **fields):
    given = {"workspace": cast.acme.pk, "gateway": cast.gateway.pk, "session_id": "new"}
    return RegisterForm(given | {"phone_number": "", "wanted": "running"} | fields)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("100000000000783@lid", "it is a LID"),
        ("005511987654321", "it begins with 0"),
        ("123", "7 to 15 digits"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(cast, typed, why):
    form = filled(cast, phone_number=typed)

    assert not form.is_valid()
    assert why in str(form.errors["phone_number"])


def test_another_spelling_finds_the_account(cast):
    first = filled(cast, phone_number="5511987654321")
    again = filled(cast, phone_number="+55 11 8765-4321", session_id="newer")

    assert first.is_valid() and again.is_valid()
    assert first.register(actor="olga") == again.register(actor="olga")


def test_a_session_is_named_by_its_bytes(cast):
    forms = [filled(cast, session_id=name) for name in ("Alice ", "Alice")]

    assert all(form.is_valid() for form in forms)
    assert [form.register(actor="olga").session_id for form in forms] == ["Alice ", "Alice"]
    assert not filled(cast, session_id="  ").is_valid()
