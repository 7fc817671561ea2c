"""Explanation of an account's status in a terminal."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import SupersededSession
from accounts.words.status import Status
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("account_explain", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("number", ["62811801641", "+62 811-801641"])
def test_it_finds_a_number_however_it_is_written(cast: Cast, number: str) -> None:
    text = said(number)
    assert "62811801641 (account" in text
    assert ": claimed by the gateway, never proven" in text


def test_it_finds_a_number_in_another_spelling(cast: Cast) -> None:
    cast.an_account("spelt", Status.CONNECTED, phone_number="551187654321")
    assert "551187654321 (account" in said("+55 11 98765-4321")


def test_it_finds_a_session_also_one_from_before(cast: Cast) -> None:
    SupersededSession.objects.create(gateway=cast.gateway, session_id="old", account=cast.alice)
    assert said("alice") == said("old")


def test_it_finds_an_id(cast: Cast) -> None:
    assert f"(account {cast.charlie.pk}, workspace Acme, gateway whatsapp-1)" in said(
        str(cast.charlie.pk)
    )


def test_it_says_the_same_to_scripts(cast: Cast) -> None:
    [record] = json.loads(said("charlie", "--json"))["accounts"]
    assert (record["status"], record["session_id"]) == ("logged_out", "charlie")
    assert record["sentence"] in said("charlie")


@pytest.mark.parametrize("which", ["nobody", "", "\x00", "\x1b[31m", "9" * 30])
def test_it_says_when_nobody_fits(cast: Cast, which: str) -> None:
    with pytest.raises(CommandError, match="no account has"):
        said(which)
