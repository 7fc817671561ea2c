"""System checks report mistakes by name."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from cryptography.fernet import Fernet
from django.core.checks import CheckMessage

from accounts.checks import check_allowed_hosts, check_clocks, check_field_keys, check_gateways
from accounts.models import Gateway


def ids(complaints: Iterable[CheckMessage]) -> list[str | None]:
    return [complaint.id for complaint in complaints]


def test_the_clocks_as_shipped_fit_into_each_other() -> None:
    assert ids(check_clocks(None)) == []


def test_an_expiry_without_room_for_a_lost_roll_call_is_an_error(settings) -> None:
    settings.ROLL_CALL_EVERY_SECONDS = 30
    assert ids(check_clocks(None)) == ["accounts.E001"]


def test_an_expiry_that_breaks_the_promise_is_a_warning(settings) -> None:
    settings.LIVE_WORD_EXPIRES_AFTER_SECONDS = 56
    assert ids(check_clocks(None)) == ["accounts.W001"]


def test_a_deployment_without_keys_of_its_own_is_warned(settings) -> None:
    settings.FIELD_KEYS = []
    assert ids(check_field_keys(None)) == ["accounts.W002"]


@pytest.mark.parametrize("hosts", [["*"], ["rollcall.example.com", "*"]])
def test_a_deployment_that_answers_to_every_name_is_warned(settings, hosts) -> None:
    settings.ALLOWED_HOSTS = hosts
    assert ids(check_allowed_hosts(None)) == ["accounts.W005"]


def test_one_that_names_its_hosts_is_not(settings) -> None:
    settings.ALLOWED_HOSTS = ["rollcall.example.com", ".example.org"]
    assert ids(check_allowed_hosts(None)) == []


def test_a_key_that_opens_nothing_is_counted_but_never_shown(settings) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), "hunter2"]
    (complaint,) = check_field_keys(None)
    assert complaint.id == "accounts.E002"
    assert "Key 2 of FIELD_KEYS" in complaint.msg
    assert "hunter2" not in f"{complaint.msg} {complaint.hint}"


@pytest.mark.django_db
def test_a_gateway_without_a_secret_is_named() -> None:
    Gateway.objects.create(name="mute", kind="webjs", base_url="http://127.0.0.1:3001")
    (complaint,) = check_gateways(None, databases=["default"])
    assert complaint.id == "accounts.W003"
    assert "Gateway mute has no secret" in complaint.msg


@pytest.mark.django_db
def test_rows_are_read_only_when_a_database_is_named(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert ids(check_gateways(None)) == []
