"""Closed incidents are kept for a time, with their notices; open ones stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.incidents import incidents
from accounts.models import Channel, Incident, Notification
from accounts.store import clock


@pytest.fixture
def over(cast):
    """Return a function that creates an incident which closed so many days ago, and was told."""
    channel = Channel(name="desk", kind=Channel.Kind.EMAIL)
    channel.target = "desk@example.com"
    channel.save()

    def make(days: float) -> Incident:
        at = clock.database_now() - timedelta(days=days)
        incident = Incident.objects.create(
            kind=Incident.Kind.SILENT, gateway=cast.gateway, opened_at=at, closed_at=at
        )
        Notification.objects.create(
            incident=incident, channel=channel, what=Notification.What.OPENED, state="sent"
        )
        return incident

    return make


def test_those_that_were_over_long_ago_go_with_what_was_told(over, settings):
    settings.INCIDENTS_KEPT_DAYS = 90
    kept, gone = over(89.9), over(90.1)

    assert incidents.prune() == 1
    assert list(Incident.objects.all()) == [kept]
    assert not Notification.objects.filter(incident_id=gone.pk).exists()
    assert Notification.objects.count() == 1


def test_one_that_lasts_stays_however_old_it_is(over, cast):
    incident = over(400)
    Incident.objects.filter(pk=incident.pk).update(closed_at=None)

    assert incidents.prune() == 0
    assert Incident.objects.filter(pk=incident.pk).exists()


def test_many_go_in_batches(over, monkeypatch):
    monkeypatch.setattr(incidents, "PRUNE_ROWS", 2)
    for _ in range(5):
        over(400)

    assert incidents.prune() == 5
    assert not Incident.objects.exists()
