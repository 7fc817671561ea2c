"""`rotate_keys` seals everything with the first key of FIELD_KEYS, so that the others can go."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError

from accounts.models import Channel, GatewaySecret
from accounts.store import rotation
from tests.accounts.commands.running import run, run_json
from webhooks.models import Delivery, Forward

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def keep(gateway, value) -> GatewaySecret:
    row = GatewaySecret(gateway=gateway, purpose="api_key")
    row.secret = value
    row.save()
    return row


@pytest.fixture
def sealed(cast, settings) -> GatewaySecret:
    """Create a secret of each kind, all under the old key."""
    settings.FIELD_KEYS = [OLD]
    channel = Channel(name="ops", kind=Channel.Kind.EMAIL)
    channel.target = "ann@example.com"
    channel.save()
    return keep(cast.gateway, "the key")


def test_afterwards_the_old_key_opens_nothing_that_is_needed(sealed, settings):
    settings.FIELD_KEYS = [NEW, OLD]

    assert run_json("rotate_keys") == {"resealed": 2, "already": 0}

    settings.FIELD_KEYS = [NEW]
    assert GatewaySecret.objects.get().secret == "the key"
    assert Channel.objects.get().target == "ann@example.com"


def test_again_it_changes_nothing(sealed, settings):
    settings.FIELD_KEYS = [NEW, OLD]
    run("rotate_keys")
    before = GatewaySecret.objects.get().sealed

    assert run_json("rotate_keys") == {"resealed": 0, "already": 2}
    assert GatewaySecret.objects.get().sealed == before


def test_what_waits_for_a_backend_is_sealed_anew_as_well(cast, settings):
    settings.FIELD_KEYS = [OLD]
    delivery = Delivery.objects.create(
        gateway=cast.gateway, event="session_ready", received_at=cast.now
    )
    forward = Forward.objects.create(
        delivery=delivery, gateway=cast.gateway, sealed_body=rotation.seal('{"body": ""}')
    )
    settings.FIELD_KEYS = [NEW, OLD]

    assert run_json("rotate_keys")["resealed"] == 1

    settings.FIELD_KEYS = [NEW]
    forward.refresh_from_db()
    assert rotation.unseal(forward.sealed_body) == '{"body": ""}'


def test_more_rows_than_are_held_at_once(cast, settings, monkeypatch):
    monkeypatch.setattr(rotation, "ROWS_AT_ONCE", 2)
    settings.FIELD_KEYS = [OLD]
    for number in range(5):
        keep(cast.gateway, f"key {number}")
    settings.FIELD_KEYS = [NEW, OLD]

    assert run_json("rotate_keys")["resealed"] == 5
    assert sorted(row.secret for row in GatewaySecret.objects.all()) == [
        f"key {number}" for number in range(5)
    ]


def test_what_no_key_opens_is_named_kept_and_holds_up_nothing(cast, sealed, settings):
    settings.FIELD_KEYS = [LOST]
    lost = keep(cast.gateway, "another")
    settings.FIELD_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match=r"^1 values .* \(1 in accounts.GatewaySecret.sealed\)"):
        run("rotate_keys")

    settings.FIELD_KEYS = [NEW]
    assert GatewaySecret.objects.get(pk=sealed.pk).secret == "the key"
    settings.FIELD_KEYS = [LOST]
    assert GatewaySecret.objects.get(pk=lost.pk).secret == "another"


def test_it_knows_every_column_that_holds_something_sealed():
    """A new column is found by its name."""
    found = {f"{model._meta.label}.{field}" for model, field in rotation.sealed_columns()}
    assert found >= {
        "accounts.GatewaySecret.sealed",
        "accounts.Channel.sealed",
        "webhooks.Forward.sealed_body",
    }
    assert len(found) == sum(
        "sealed" in field.name
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
    )
