"""Acknowledging and muting stop the notices; the incident stays visible."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts.alerts.outbox import tell_channel
from accounts.incidents.incidents import acknowledge, close_incident, mute, open_incident, unmute
from accounts.models import Incident, Notification
from accounts.store.clock import database_now
from accounts.words.refusals import Refused
from tests.accounts.alerts.receivers import a_channel

Kind = Incident.Kind
HOUR = timedelta(hours=1)


@pytest.fixture
def incident(cast):
    a_channel()
    return open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)


def tell() -> list[tuple[str, str]]:
    """Send what may be sent, and return the result of each notice."""
    for pk in Notification.objects.values_list("channel", flat=True).distinct():
        tell_channel(pk)
    return list(Notification.objects.order_by("id").values_list("what", "state"))


def close(incident: Incident) -> None:
    close_incident(Kind(incident.kind), gateway_id=incident.gateway_id)


def test_what_is_acknowledged_before_it_was_told_is_not_told_nor_is_its_end(incident, mail_server):
    acknowledge(incident, actor="ann")
    close(incident)
    assert tell() == [("opened", "cancelled")]
    assert mail_server.letters == []


def test_who_was_told_of_it_hears_of_its_end_though_somebody_was_at_it(incident, mail_server):
    tell()
    acknowledge(incident, actor="ann")
    close(incident)
    assert tell() == [("opened", "sent"), ("recovered", "sent")]


def test_acknowledging_says_who_and_when_and_leaves_it_open(incident):
    acknowledge(incident, actor="ann")
    incident.refresh_from_db()
    assert incident.acknowledged_by == "ann"
    assert incident.acknowledged_at >= incident.opened_at
    assert incident.closed_at is None


def test_it_goes_on_counting_while_it_is_muted_and_acknowledged(incident):
    acknowledge(incident, actor="ann")
    mute(incident, duration=HOUR, actor="ann")
    open_incident(Kind.MISROUTED, gateway_id=incident.gateway_id)
    incident.refresh_from_db()
    assert incident.count == 2


def test_what_is_muted_is_told_once_that_is_over(incident, mail_server):
    mute(incident, duration=HOUR, actor="ann")
    assert tell() == [("opened", "pending")]
    assert Notification.objects.get().next_attempt_at > database_now() + timedelta(minutes=59)
    Incident.objects.update(muted_until=F("muted_until") - HOUR)
    Notification.objects.update(next_attempt_at=F("next_attempt_at") - HOUR)
    assert tell() == [("opened", "sent")]


def test_unmuting_tells_at_once_what_was_kept_back(incident, mail_server, rung):
    mute(incident, duration=HOUR, actor="ann")
    tell()
    unmute(incident, actor="ann")
    assert tell() == [("opened", "sent")]


def test_what_was_muted_before_it_was_told_and_heals_is_never_told(incident, mail_server):
    mute(incident, duration=HOUR, actor="ann")
    close(incident)
    assert tell() == [("opened", "cancelled")]


def test_the_end_of_what_is_muted_is_not_told(incident, mail_server):
    tell()
    mute(incident, duration=HOUR, actor="ann")
    close(incident)
    assert tell() == [("opened", "sent")]


def test_unmuting_does_not_end_the_hold(cast, mail_server):
    a_channel()
    incident = open_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
    mute(incident, duration=HOUR, actor="ann")
    unmute(incident, actor="ann")
    assert tell() == [("opened", "pending")]


@pytest.mark.parametrize(
    "verb",
    [acknowledge, unmute, lambda incident, actor: mute(incident, duration=HOUR, actor=actor)],
)
def test_nothing_can_be_done_about_what_is_over(incident, verb):
    close(incident)
    with pytest.raises(Refused, match="over"):
        verb(incident, actor="ann")


def test_what_was_unmuted_stays_unmuted_when_it_comes_back(incident):
    mute(incident, duration=HOUR, actor="ann")
    close(incident)
    again = open_incident(Kind.MISROUTED, gateway_id=incident.gateway_id)
    unmute(again, actor="ann")
    close(again)
    third = open_incident(Kind.MISROUTED, gateway_id=incident.gateway_id)
    assert third.muted_until is None
