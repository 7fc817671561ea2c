"""A route that goes wrong opens an incident, and closes it when it is well again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident, MaintenanceWindow
from accounts.state import maintenance
from accounts.store.clock import database_now
from accounts.store.redis_client import client
from accounts.words.status import Source, Status
from tests.cast import a_gateway, make_cast, see
from webhooks import misrouted
from webhooks.misrouted import note_misrouted
from webhooks.models import Route, RouteTally
from webhooks.route_monitor.last_seen import flush_routes
from webhooks.route_monitor.missed_changes import count_changes
from webhooks.route_monitor.request_log import Passage, note_passages
from webhooks.route_monitor.tallies import flush_tallies
from webhooks.route_monitor.watch import WATCHED, watch_routes

pytestmark = pytest.mark.django_db
Kind = Incident.Kind


@pytest.fixture(autouse=True)
def _nothing_noted_yet(monkeypatch) -> None:
    monkeypatch.setattr(misrouted, "_noted", {})


@pytest.fixture
def gateway() -> Gateway:
    return a_gateway("whatsapp-1")


@pytest.fixture
def good(gateway: Gateway) -> Passage:
    return Passage(gateway_id=gateway.pk, at=database_now(), status_code=200, handling_ms=3.0)


def watched_for_an_hour() -> None:
    now = database_now().timestamp()
    client().set(WATCHED, json.dumps([now - 3600, now]))


def watch(*passages: Passage) -> dict[str, Incident]:
    """Note them, look, and return what is open, by kind."""
    note_passages(*passages)
    flush_tallies()
    flush_routes()
    watch_routes()
    return {incident.kind: incident for incident in Incident.objects.filter(closed_at=None)}


def test_three_failures_open_it_and_a_success_closes_it(good: Passage) -> None:
    bad = replace(good, status_code=401, code="wrong_signature", why="the signature fits nobody")
    incident = watch(bad, bad, bad)[Kind.FAILING]
    assert "3 webhooks in a row failed" in incident.text
    assert "--hmac-secret" in incident.cure
    assert watch(replace(good, at=database_now())) == {}


def test_looking_again_opens_no_second_one(good: Passage) -> None:
    bad = replace(good, status_code=401)
    watch(bad, bad, bad)
    watch(bad)
    incident = Incident.objects.get()
    assert incident.count == 4


def test_a_wrong_path_is_named_until_events_come_right(good: Passage, gateway: Gateway) -> None:
    wrong = replace(good, wrong_path="/api/hooks/wa", is_unsigned=True)
    incident = watch(wrong, wrong)[Kind.MISROUTED]
    assert "/api/hooks/wa: 2 events" in incident.text
    assert "rotate" in incident.cure
    age_the_wrong_paths(seconds=70)
    Incident.objects.update(opened_at=database_now() - timedelta(seconds=70))
    assert watch(replace(good, at=database_now())) == {}


def age_the_wrong_paths(*, seconds: float) -> None:
    route = Route.objects.get()
    for used in route.wrong_paths.values():
        used["since"] -= seconds
        used["at"] -= seconds
    route.save()


def test_one_that_a_request_has_opened_is_not_closed_before_it_was_noted(gateway: Gateway) -> None:
    note_misrouted(gateway.pk, "/api/hooks/wa", key_went_along=False)
    assert set(watch()) == {Kind.MISROUTED}


def test_accepting_the_path_closes_it_for_good(good: Passage, gateway: Gateway) -> None:
    wrong = replace(good, wrong_path="/api/hooks/wa")
    watch(wrong)
    Gateway.objects.update(accepted_paths=["/api/hooks/wa"])
    assert watch(wrong) == {}


def test_changes_that_only_the_roll_call_sees_mean_silence() -> None:
    cast = make_cast()
    Account.objects.update(created_at=cast.ago(3600))
    watched_for_an_hour()
    for account, word in (
        (cast.alice, Status.DISCONNECTED),
        (cast.bob, Status.CONNECTED),
        (cast.charlie, Status.QR_SCANNING),
    ):
        see(account, word, at=cast.now, source=Source.LIST)
    count_changes(cast.now + timedelta(seconds=20))
    incident = watch()[Kind.SILENT]
    assert incident.gateway == cast.gateway
    assert "webhook_check --gateway whatsapp-1" in incident.cure


def test_a_gateway_that_falls_silent_against_its_habit_is_named() -> None:
    cast = make_cast()
    watched_for_an_hour()
    for hours in range(1, 5):
        began_at = (cast.now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        RouteTally.objects.create(
            gateway=cast.gateway, span="hour", began_at=began_at, received=120
        )
    long_ago = Passage(
        gateway_id=cast.gateway.pk, at=cast.now - timedelta(minutes=30), status_code=200
    )
    text = watch(long_ago)[Kind.SILENT].text
    assert "no webhook for 30 min, although it sends 120 an hour" in text


def test_silence_under_maintenance_is_none_and_counts_anew_afterwards() -> None:
    cast = make_cast()
    watched_for_an_hour()
    began_at = (cast.now - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    for hours in range(4):
        at = began_at - timedelta(hours=hours)
        RouteTally.objects.create(gateway=cast.gateway, span="hour", began_at=at, received=120)
    long_ago = cast.now - timedelta(minutes=30)
    maintenance.begin(cast.gateway, duration=timedelta(hours=1), why="", actor="olga")
    assert watch(Passage(gateway_id=cast.gateway.pk, at=long_ago, status_code=200)) == {}
    maintenance.end(cast.gateway, actor="olga")
    assert watch() == {}
    MaintenanceWindow.objects.update(starts_at=long_ago, ends_at=cast.now - timedelta(minutes=25))
    assert set(watch()) == {Kind.SILENT}


def test_while_we_can_read_no_gateway_silence_is_none_and_counts_anew_afterwards() -> None:
    cast = make_cast()
    watched_for_an_hour()
    began_at = (cast.now - timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    for hours in range(4):
        at = began_at - timedelta(hours=hours)
        RouteTally.objects.create(gateway=cast.gateway, span="hour", began_at=at, received=120)
    open_incident(Kind.SELF_CHECK, text="none of 2 gateways can be read")
    long_ago = cast.now - timedelta(minutes=30)
    silent = Passage(gateway_id=cast.gateway.pk, at=long_ago, status_code=200)
    assert set(watch(silent)) == {Kind.SELF_CHECK}
    close_incident(Kind.SELF_CHECK)
    assert watch() == {}
    over = cast.now - timedelta(minutes=25)
    Incident.objects.update(opened_at=long_ago, closed_at=over)
    assert set(watch()) == {Kind.SILENT}


def test_refusals_of_nobody_open_one_incident_that_names_no_gateway(good: Passage) -> None:
    nobodys = replace(good, gateway_id=None, status_code=401)
    assert watch(*[nobodys] * 50)[Kind.UNATTRIBUTED].gateway is None
    assert set(watch()) == {Kind.UNATTRIBUTED}


def test_events_on_both_sides_of_a_minute_are_one_story(good: Passage) -> None:
    minute = database_now().replace(second=0, microsecond=0)
    wrong = replace(good, wrong_path="/api/hooks/wa")
    before = [replace(wrong, at=minute - timedelta(seconds=2))] * 3
    assert watch(*before, *[replace(wrong, at=minute)] * 2)[Kind.MISROUTED].count == 5


def test_it_asks_a_fixed_number_of_times(django_assert_num_queries, good: Passage) -> None:
    for number in range(20):
        a_gateway(f"gateway-{number}")
    watch(good)
    with django_assert_num_queries(11):
        watch_routes()


def test_what_we_could_not_write_down_opens_one_incident_about_ourselves(good: Passage) -> None:
    other = replace(good, gateway_id=a_gateway("whatsapp-9").pk)
    lost = {"status_code": 503, "code": "unavailable", "why": "could not be written down"}
    found = watch(*[replace(one, **lost) for one in (good, good, good, other, other, other)])
    assert set(found) == {Kind.UNWRITTEN}
    assert found[Kind.UNWRITTEN].gateway is None
    assert "PostgreSQL" in found[Kind.UNWRITTEN].cure

    now = database_now()
    assert watch(replace(good, at=now), replace(other, at=now)) == {}
