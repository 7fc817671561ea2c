"""Figures for Prometheus, and who may read them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from accounts.incidents import open_incident
from accounts.models import Incident
from tests.cast import Cast, make_cast
from webhooks.models import Route
from webhooks.passages import Passage, note_passages
from webhooks.tallies import flush_tallies

pytestmark = pytest.mark.django_db
BEARER = {"Authorization": "Bearer s3cret"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@override_settings(METRICS_TOKEN="s3cret")
def read() -> dict[tuple[str, ...], float]:
    """By name and labels' values."""
    answer = Client().get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def test_it_counts_webhooks_by_how_they_ended(cast: Cast) -> None:
    good = Passage(gateway_id=cast.gateway.pk, at=cast.now, status_code=200, handling_ms=12)
    bad = Passage(gateway_id=cast.gateway.pk, at=cast.now, status_code=400, wrong_path="/x")
    note_passages(good, good, bad)
    flush_tallies()
    figures = read()
    assert figures["rollcall_webhooks_total", "whatsapp-1", "succeeded"] == 2
    assert figures["rollcall_webhooks_total", "whatsapp-1", "failed"] == 1
    assert figures["rollcall_webhooks_noted_total", "whatsapp-1", "misrouted"] == 1
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "0.01"] == 0
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "0.025"] == 2
    assert figures["rollcall_webhook_handling_seconds_bucket", "whatsapp-1", "+Inf"] == 2


def test_it_shows_accounts_as_people_see_them(cast: Cast) -> None:
    figures = read()
    assert figures["rollcall_accounts", "whatsapp-1", "connected"] == 1
    assert figures["rollcall_accounts", "whatsapp-1", "logged_out"] == 1
    assert figures["rollcall_accounts", "whatsapp-2", "connected"] == 0


def test_it_shows_incidents_and_failures(cast: Cast) -> None:
    open_incident(Incident.Kind.SILENT, gateway_id=cast.gateway.pk)
    Route.objects.create(gateway=cast.gateway, consecutive_failures=4)
    figures = read()
    assert figures["rollcall_incidents_open", "silent"] == 1
    assert figures["rollcall_incidents_open", "failing"] == 0
    assert figures["rollcall_webhook_failures_in_a_row", "whatsapp-1"] == 4


@pytest.mark.parametrize("said", ["", "Bearer ", "Bearer wrong", "s3cre", "Bearer \xe9"])
@pytest.mark.parametrize("token", ["", "s3cret"])
def test_nobody_else_may_read_them(said: str, token: str) -> None:
    with override_settings(METRICS_TOKEN=token):
        answer = Client().get("/metrics", headers={"Authorization": said})
    assert answer.status_code == 401
    assert "METRICS_TOKEN" in answer.json()["reason"]


def test_staff_who_may_view_the_monitor_may_read_them() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("alice"))
    assert client.get("/metrics").status_code == 200
