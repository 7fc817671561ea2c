"""Secrets of gateways are sealed at rest; keys are rotated without a gap."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from accounts.models import GatewaySecret
from accounts.models.gateways import client_of
from accounts.store import encryption
from gateways.base import GatewayError

pytestmark = pytest.mark.django_db
SECRET = "the-key-of-both-directions"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def secret(cast, settings):
    settings.FIELD_KEYS = [OLD]
    return keep(cast.gateway, SECRET)


def keep(gateway, value, **fields):
    row = GatewaySecret(gateway=gateway, purpose="api_key", **fields)
    row.secret = value
    row.save()
    return row


def every_text_in_the_database():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN"
            " ('text', 'character varying', 'jsonb', 'bytea')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT "{column}"::text FROM "{table}"')
            yield from (f"{table}.{column}: {row[0]}" for row in cursor.fetchall())


def test_no_column_holds_it_in_plain(secret):
    cells = list(every_text_in_the_database())

    assert any("whatsapp-1" in cell for cell in cells)
    assert [cell for cell in cells if SECRET in cell] == []


def test_its_owner_reads_it(secret):
    assert GatewaySecret.objects.get().secret == SECRET


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(secret, settings):
    settings.FIELD_KEYS = [NEW, OLD]
    assert GatewaySecret.objects.get(pk=secret.pk).secret == SECRET

    fresh = keep(secret.gateway, "another")
    settings.FIELD_KEYS = [NEW]

    assert GatewaySecret.objects.get(pk=fresh.pk).secret == "another"


def test_a_key_that_does_not_open_it_says_so(secret, settings):
    settings.FIELD_KEYS = [NEW]

    with pytest.raises(encryption.CannotOpen, match="not in FIELD_KEYS any more: add that key"):
        _ = GatewaySecret.objects.get().secret
    with pytest.raises(GatewayError, match="or set the secret again with gateway_add"):
        client_of(secret.gateway)


def test_the_check_names_the_gateway_whose_secret_no_key_opens(secret, settings):
    settings.FIELD_KEYS = [NEW]

    ids = {check.id: check.msg for check in run_checks(databases=["default"])}

    assert "whatsapp-1" in ids["accounts.W004"]
    assert SECRET not in str(ids)


def test_without_field_keys_the_secret_key_seals(settings):
    settings.FIELD_KEYS = []
    sealed = encryption.seal(SECRET)

    assert SECRET not in sealed
    assert encryption.unseal(sealed) == SECRET


def test_a_key_that_is_none_is_named(settings):
    settings.FIELD_KEYS = ["short"]

    with pytest.raises(ImproperlyConfigured, match="FIELD_KEYS"):
        encryption.seal(SECRET)


def test_a_gateway_without_a_key_says_what_to_do(cast):
    with pytest.raises(GatewayError, match="gateway_add --name whatsapp-1 --api-key"):
        client_of(cast.gateway)


def test_the_newest_key_that_is_still_valid_is_used(cast):
    keep(cast.gateway, "old")
    keep(cast.gateway, "over", not_after=cast.ago(1))

    assert cast.gateway.active_secrets("api_key", cast.now) == ["old"]
    keep(cast.gateway, "new")
    cast.gateway.refresh_from_db()
    assert cast.gateway.active_secrets("api_key", cast.now) == ["new", "old"]


def test_a_secret_is_in_no_words_about_it(secret, capsys):
    call_command("check")

    assert SECRET not in f"{secret!r} {secret} {capsys.readouterr()}"
