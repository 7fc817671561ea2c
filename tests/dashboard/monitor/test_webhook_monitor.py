"""The webhook monitor: every gateway's route in figures, those in trouble first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.incidents.incidents import open_incident
from accounts.models import Incident
from accounts.store.clock import database_now
from dashboard.monitor.figures import WINDOWS
from dashboard.monitor.watched import fleet
from tests.cast import a_gateway
from tests.dashboard.conftest import a_visitor
from tests.dashboard.monitor.routes_cast import MONITOR, a_tally, on_wrong_path
from tests.dashboard.pages import words
from webhooks.models import Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db):
    return a_visitor("root", is_superuser=True)


def test_it_says_what_to_do_where_there_is_no_gateway(admin):
    page = words(admin.get(MONITOR))
    assert 'id="content-main" data-live="monitor"> No gateway is registered yet. Add a' in page


def test_it_shows_a_gateway_that_never_sent_anything(admin):
    a_gateway("whatsapp-1")
    page = admin.get(MONITOR)
    assert "0 – – – 0 0 never" in words(page)
    assert "never sent anything" in page.content.decode()


def test_it_shows_the_incident_with_its_cure_on_top(admin):
    gateway = a_gateway("whatsapp-1")
    open_incident(
        Incident.Kind.MISROUTED,
        gateway_id=gateway.pk,
        text="it sends to /api/hooks/wa",
        cure="Set WEBHOOK_ENDPOINT=/api/webhooks/webjs",
    )
    page = words(admin.get(MONITOR))
    assert page.index("1 open incident") < page.index("webhooks in 1 hour")
    assert "/api/hooks/wa" in page and "Set WEBHOOK_ENDPOINT=/api/webhooks/webjs" in page
    assert "1 of 1 gateway in trouble" in page


def test_it_shows_the_incident_that_is_no_gateways(admin):
    a_gateway("whatsapp-1")
    open_incident(Incident.Kind.UNATTRIBUTED, text="70 webhooks were refused", cure="Look at them.")
    page = words(admin.get(MONITOR))
    assert "Unknown sender webhooks of nobody we know are refused" in page
    assert "Look at them." in page


def test_of_many_incidents_it_shows_those_first_that_nobody_is_at(admin):
    for number in range(10):
        gateway = a_gateway(f"g{number}")
        open_incident(Incident.Kind.SILENT, gateway_id=gateway.pk, text=f"told of g{number}")
    Incident.objects.filter(gateway__name="g0").update(acknowledged_at=database_now())
    page = words(admin.get(MONITOR))
    assert "10 open incidents" in page and "and 5 more" in page
    assert "Told of g1" in page and "Told of g0" not in page


def test_what_is_wrong_now_stands_beside_the_name(admin):
    now, gateway = database_now(), a_gateway("whatsapp-1")
    Route.objects.create(
        gateway=gateway,
        consecutive_failures=4,
        last_failure_code="clock_skew",
        clock_skew_seconds=-412,
        wrong_paths=on_wrong_path("/api/hooks/wa", now),
        last_unsigned_at=now - timedelta(minutes=3),
    )
    page = words(admin.get(MONITOR))
    assert "4 failures in a row its clock is 412 s behind sends to /api/hooks/wa" in page
    assert "accepts unsigned, last 3 min ago" in page


def test_an_old_story_and_an_allowed_path_are_no_trouble(admin):
    now = database_now()
    for name, minutes, accepted in (("a", 6, []), ("b", 0, ["/api/hooks/wa"])):
        gateway = a_gateway(name, accepted_paths=accepted)
        at = now - timedelta(minutes=minutes)
        Route.objects.create(gateway=gateway, wrong_paths=on_wrong_path("/api/hooks/wa", at))
    assert "sends to" not in words(admin.get(MONITOR))


def test_failures_lead_into_the_inbox_and_to_the_refused_requests(admin):
    gateway = a_gateway("whatsapp-1")
    a_tally(gateway, database_now(), received=9, succeeded=2, failed=4, refused=3)
    page = admin.get(MONITOR).content.decode()
    inbox = f"/admin/webhooks/delivery/?gateway__id__exact={gateway.pk}"
    refused = f"/admin/webhooks/refusedrequest/?gateway__id__exact={gateway.pk}"
    assert f'{inbox}&amp;state=dead">4 failed' in page
    assert f'{refused}">3 rejected' in page
    for address in (inbox, f"{inbox}&state=dead", refused):
        assert admin.get(address).status_code == 200


@pytest.mark.parametrize("window", [*WINDOWS, "nonsense", ""])
def test_every_span_is_shown(admin, window):
    a_tally(a_gateway("whatsapp-1"), database_now(), received=1041, succeeded=1041)
    page = words(admin.get(MONITOR, {"window": window, "page": "nonsense"}))
    assert "1,041 webhooks" in page


def test_strangers_do_not_count_as_a_gateways(admin):
    now = database_now()
    a_tally(a_gateway("whatsapp-1"), now, received=2, succeeded=2)
    a_tally(None, now, received=70, refused=70)
    page = words(admin.get(MONITOR))
    assert page.count("70") == 1 and "Unknown senders: 70 rejected" in page
    assert "2 handled, 0 failed, 0 rejected" in page


def test_a_name_narrows_everything_that_is_shown(admin):
    now = database_now()
    for name, number in (("Paris-1", 5), ("paris-2", 6), ("rome-1", 90)):
        gateway = a_gateway(name)
        a_tally(gateway, now, received=number, succeeded=number)
        open_incident(Incident.Kind.SILENT, gateway_id=gateway.pk, text=f"about {name}")
    page = admin.get(MONITOR, {"q": " PARIS ", "window": "24h"})
    assert "11 webhooks in 24 hours" in words(page) and "rome" not in words(page)
    assert "2 open incidents" in words(page)
    assert "?window=7d&amp;q=PARIS" in page.content.decode()


@pytest.mark.parametrize("asked", ["london", "\0", "<script>alert(1)</script>", "%", "' OR 1"])
def test_a_name_that_nobody_has_is_said_to_be_nobodys(admin, asked):
    a_gateway("whatsapp-1")
    page = admin.get(MONITOR, {"q": asked})
    assert "No gateway has" in words(page) and "Show all" in words(page)
    assert "<script>alert(1)" not in page.content.decode()


def test_those_in_trouble_come_first():
    now = database_now()
    _, failing, broken = (a_gateway(name) for name in ("a-well", "b-failing", "c-broken"))
    Route.objects.create(gateway=failing, consecutive_failures=2)
    open_incident(Incident.Kind.SILENT, gateway_id=broken.pk)
    found = fleet(WINDOWS["1h"], now)
    assert [one.gateway.name for one in found.watched] == ["c-broken", "b-failing", "a-well"]


def test_who_may_not_view_routes_sees_nothing(db):
    gateway = a_gateway("whatsapp-1")
    for path in (MONITOR, f"{MONITOR}gateway/{gateway.pk}/"):
        assert a_visitor(f"bob of {path}").get(path).status_code == 403
        client = a_visitor(f"ann of {path}", "webhooks.view_route")
        assert client.get(path).status_code == 200
        client.logout()
        assert client.get(path).status_code == 302


def test_who_may_view_routes_alone_is_led_nowhere_forbidden(db):
    gateway = a_gateway("whatsapp-1")
    a_tally(gateway, database_now(), received=9, failed=4, refused=5)
    open_incident(Incident.Kind.FAILING, gateway_id=gateway.pk, text="it fails")
    client = a_visitor("ann", "webhooks.view_route")
    for path in (MONITOR, f"{MONITOR}gateway/{gateway.pk}/"):
        page = client.get(path).content.decode()
        main = page[page.index('id="content-main"') :]
        assert "/admin/webhooks/delivery/" not in main and "/admin/accounts/" not in main
        assert "/admin/webhooks/refusedrequest/" not in main


def test_the_number_of_questions_does_not_grow_with_the_fleet(admin, django_assert_num_queries):
    now = database_now()
    for number in range(60):
        gateway = a_gateway(f"gateway-{number}")
        a_tally(gateway, now, received=number)
        open_incident(Incident.Kind.SILENT, gateway_id=gateway.pk)
    with django_assert_num_queries(16):
        page = words(admin.get(MONITOR))
    assert "1 to 50 of 60 gateways" in page


def test_pages_keep_what_was_asked_for(admin):
    for number in range(60):
        a_gateway(f"gateway-{number}")
    page = admin.get(MONITOR, {"q": "gate", "window": "7d"}).content.decode()
    assert "?window=7d&amp;q=gate&amp;page=2" in page
    assert "51 to 60 of 60" in words(admin.get(f"{MONITOR}?window=7d&q=gate&page=2"))


def test_a_hostile_name_stays_text(admin):
    gateway = a_gateway("<script>alert(1)</script>\u202e")
    for path in (MONITOR, f"{MONITOR}gateway/{gateway.pk}/"):
        page = admin.get(path).content.decode()
        assert "<script>alert(1)" not in page and "\u202e" not in page
