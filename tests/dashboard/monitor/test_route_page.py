"""One gateway's webhooks, over all spans at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.incidents.incidents import open_incident
from accounts.models import Incident
from accounts.store.clock import database_now
from tests.cast import a_gateway
from tests.dashboard.conftest import a_visitor
from tests.dashboard.monitor.routes_cast import (
    MONITOR,
    NOTHING,
    a_tally,
    on_wrong_path,
    page_of_route,
)
from tests.dashboard.pages import words
from webhooks.models import Delivery, Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db):
    return a_visitor("root", is_superuser=True)


def test_it_shows_a_gateway_that_never_sent_anything(admin):
    page = words(admin.get(page_of_route(a_gateway("whatsapp-1"))))
    assert "whatsapp-1 never sent anything" in page
    assert "Last success never" in page and "Failures in a row 0" in page
    assert "accepts unsigned webhooks, none so far" in page


def test_it_shows_how_the_route_stands_now(admin):
    now = database_now()
    gateway = a_gateway("whatsapp-1")
    Route.objects.create(
        gateway=gateway,
        last_success_at=now - timedelta(minutes=7),
        last_unsigned_at=now - timedelta(minutes=3),
        last_failure_at=now,
        last_failure_why="the signature fits no active secret",
        consecutive_failures=4,
        clock_skew_seconds=600,
        wrong_paths=on_wrong_path("/api/hooks/wa", now),
    )
    Delivery.objects.create(gateway=gateway, event="e", received_at=now)
    page = words(admin.get(page_of_route(gateway)))
    assert "failed the last time" in page
    assert "Last success 7 min ago" in page and "Failures in a row 4" in page
    assert "accepts unsigned webhooks, last one 3 min ago" in page
    assert "the signature fits no active secret" in page
    assert "600 s ahead, at the last failure" in page
    assert "Wrong path /api/hooks/wa , last" in page and "Waiting to be applied 1" in page


def test_it_says_that_a_signature_is_required(admin):
    gateway = a_gateway("whatsapp-1", require_signature=True)
    assert "Signature required" in words(admin.get(page_of_route(gateway)))


def test_it_says_that_a_path_is_allowed(admin):
    gateway = a_gateway("whatsapp-1", accepted_paths=["/old"])
    Route.objects.create(gateway=gateway, wrong_paths=on_wrong_path("/old", database_now()))
    assert "allowed for this gateway" in words(admin.get(page_of_route(gateway)))


def test_it_compares_the_spans(admin):
    now, gateway = database_now(), a_gateway("whatsapp-1")
    handling = [*NOTHING]
    handling[2] = 10
    numbers = {"succeeded": 10, "handling": handling, "changes": 4, "changes_missed": 3}
    a_tally(gateway, now, received=10, **numbers)
    a_tally(gateway, now - timedelta(days=3), received=990, succeeded=990)
    page = words(admin.get(page_of_route(gateway)))
    assert "Received 10 10 1,000" in page and "Success of those handled" in page
    assert "25 · 25 · 25 ms" in page and "75 % (3 of 4)" in page


def test_it_shows_its_own_incidents_only(admin):
    gateway, other = a_gateway("whatsapp-1"), a_gateway("whatsapp-2")
    open_incident(Incident.Kind.FAILING, gateway_id=gateway.pk, text="mine", cure="Do this.")
    open_incident(Incident.Kind.FAILING, gateway_id=other.pk, text="not mine")
    page = words(admin.get(page_of_route(gateway)))
    assert "1 open incident" in page and "Do this." in page and "Not mine" not in page


def test_a_gateway_that_is_not_there_is_a_404(admin):
    assert admin.get(f"{MONITOR}gateway/999999/").status_code == 404
    assert admin.get(f"{MONITOR}gateway/99999999999999999999/").status_code == 404


def test_the_settings_of_a_gateway_lead_to_it(admin):
    gateway = a_gateway("whatsapp-1")
    settings = f"/admin/accounts/gateway/{gateway.pk}/change/"
    assert page_of_route(gateway) in admin.get(settings).content.decode()
    client = a_visitor("ann", "accounts.view_gateway")
    assert page_of_route(gateway) not in client.get(settings).content.decode()


def test_the_page_of_a_route_is_that_of_its_gateway(admin):
    route = Route.objects.create(gateway=a_gateway("whatsapp-1"))
    answer = admin.get(f"{MONITOR}{route.pk}/change/")
    assert answer.status_code == 302 and answer["Location"] == page_of_route(route.gateway)
    assert admin.get(f"{MONITOR}999999/change/").status_code == 404


def test_it_costs_the_same_however_much_came(admin, django_assert_num_queries):
    now, gateway = database_now(), a_gateway("whatsapp-1")
    for number in range(30):
        a_tally(gateway, now - timedelta(hours=number), received=5, succeeded=5)
        Delivery.objects.create(gateway=gateway, event="e", received_at=now)
    with django_assert_num_queries(18):
        admin.get(page_of_route(gateway))
