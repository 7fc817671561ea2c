"""The webhook monitor: every gateway's route in figures, those in trouble first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.clock import database_now
from accounts.incidents import open_incident
from accounts.models import Gateway, Incident
from dashboard.route_figures import WINDOWS, Beat, add_beats, figures_of, watched_routes
from dashboard.route_pictures import heartbeat, summary, tone_of
from tests.cast import a_gateway
from webhooks.models import Route, RouteTally
from webhooks.passages import LIMITS_MS

pytestmark = pytest.mark.django_db
PAGE = "/admin/webhooks/route/"
NOTHING = [0] * (len(LIMITS_MS) + 1)


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("alice"))
    return client


def a_tally(gateway: Gateway | None, at: datetime, **fields) -> None:
    numbers = {"handling": [*NOTHING], "lag": [*NOTHING]} | fields
    for span, began_at in (
        ("minute", at.replace(second=0, microsecond=0)),
        ("hour", at.replace(minute=0, second=0, microsecond=0)),
    ):
        RouteTally.objects.create(gateway=gateway, span=span, began_at=began_at, **numbers)


def test_it_shows_a_gateway_that_never_sent_anything(admin: Client) -> None:
    a_gateway("whatsapp-1")
    page = admin.get(PAGE).content.decode()
    assert "whatsapp-1" in page and "never" in page


def test_it_shows_the_incident_with_its_cure_on_top(admin: Client) -> None:
    gateway = a_gateway("whatsapp-1")
    open_incident(
        Incident.Kind.MISROUTED,
        gateway_id=gateway.pk,
        text="it sends to /api/hooks/wa",
        cure="Set WEBHOOK_ENDPOINT=/api/webhooks/webjs",
    )
    page = admin.get(PAGE).content.decode()
    assert "1 open incident" in page
    assert "/api/hooks/wa" in page and "Set WEBHOOK_ENDPOINT=/api/webhooks/webjs" in page


@pytest.mark.parametrize("window", [*WINDOWS, "nonsense", ""])
def test_every_span_is_shown(admin: Client, window: str) -> None:
    a_tally(a_gateway("whatsapp-1"), database_now(), received=41, succeeded=41)
    page = admin.get(PAGE, {"window": window, "page": "nonsense"})
    assert page.status_code == 200
    assert "<strong>41</strong> webhooks" in page.content.decode()


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_figures_and_beats_of_a_span_agree(window) -> None:
    now, gateway = database_now(), a_gateway("whatsapp-1")
    a_tally(gateway, now, received=10, succeeded=7, failed=2, refused=1, changes=4)
    a_tally(gateway, now - window.length - timedelta(hours=2), received=99)
    watched = watched_routes(window, now)
    add_beats(watched, window, now)
    [one] = watched
    assert one.figures.received == sum(beat.received for beat in one.beats) == 10
    assert one.figures.success_percent == 70
    assert one.figures.missed_percent == 0
    assert len(one.beats) == window.cells
    assert one.beats[-1].received == 10


def test_latency_is_read_from_the_histogram() -> None:
    now, gateway = database_now(), a_gateway("whatsapp-1")
    handling = [*NOTHING]
    handling[1], handling[6] = 98, 2
    a_tally(gateway, now, received=100, handling=handling)
    figures = figures_of(WINDOWS["1h"], now)[gateway.pk]
    assert figures.handled_within_ms(50) == LIMITS_MS[1]
    assert figures.handled_within_ms(99) == LIMITS_MS[6]


def test_those_in_trouble_come_first() -> None:
    now = database_now()
    well, failing, broken = (a_gateway(name) for name in ("a-well", "b-failing", "c-broken"))
    Route.objects.create(gateway=failing, consecutive_failures=2)
    open_incident(Incident.Kind.SILENT, gateway_id=broken.pk)
    names = [one.gateway.name for one in watched_routes(WINDOWS["1h"], now)]
    assert names == ["c-broken", "b-failing", "a-well"]


def test_a_beat_tells_silence_from_failure() -> None:
    at = database_now()
    beats = [
        Beat(began_at=at),
        Beat(began_at=at, received=3, succeeded=3),
        Beat(began_at=at, received=3, succeeded=1, not_succeeded=2),
        Beat(began_at=at, received=3, not_succeeded=3),
    ]
    assert [tone_of(beat) for beat in beats] == ["none", "good", "mixed", "bad"]
    assert summary(beats) == "9 received, 5 not successful, nothing in 1 of 4 intervals"
    assert heartbeat(beats).count("<path") == 4


def test_who_may_not_view_routes_sees_nothing() -> None:
    user, client = User.objects.create_user("bob", is_staff=True), Client()
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_route"))
    assert client.get(PAGE).status_code == 200
    client.logout()
    assert client.get(PAGE).status_code == 302


def test_the_number_of_questions_does_not_grow_with_the_fleet(
    admin: Client, django_assert_max_num_queries
) -> None:
    now = database_now()
    for number in range(60):
        gateway = a_gateway(f"gateway-{number}")
        a_tally(gateway, now, received=number)
        open_incident(Incident.Kind.SILENT, gateway_id=gateway.pk)
    with django_assert_max_num_queries(15):
        page = admin.get(PAGE).content.decode()
    assert "1 to 50 of 60 gateways" in page


def test_a_hostile_name_stays_text(admin: Client) -> None:
    a_gateway("<script>alert(1)</script>\u202e")
    page = admin.get(PAGE).content.decode()
    assert "<script>alert(1)" not in page and "\u202e" not in page
