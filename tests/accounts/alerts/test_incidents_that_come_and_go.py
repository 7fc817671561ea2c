"""An incident that comes and goes: few rows and messages, and its end is told once it is quiet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.incidents.alert_rules import CLOSED_AGAIN_AND_AGAIN, MOST_IN_SPAN, QUIET
from accounts.incidents.incidents import close_incident, is_open, open_incident
from accounts.models import Incident
from tests.cast import a_gateway


@pytest.fixture
def gateway(db):
    return a_gateway("whatsapp-1")


def comes_and_goes(kind, gateway, times):
    for _ in range(times):
        open_incident(kind, gateway_id=gateway.pk, text="x")
        close_incident(kind, gateway_id=gateway.pk)


@pytest.mark.parametrize("kind", sorted(CLOSED_AGAIN_AND_AGAIN))
def test_beyond_so_many_an_hour_it_stays_open_and_counts(gateway, kind):
    comes_and_goes(kind, gateway, 100)
    assert Incident.objects.count() == MOST_IN_SPAN
    assert is_open(kind, gateway_id=gateway.pk)
    assert Incident.objects.latest("pk").count == 100 - MOST_IN_SPAN + 1


def test_it_closes_once_it_was_quiet(gateway):
    kind = Incident.Kind.UNREACHABLE
    comes_and_goes(kind, gateway, 100)
    open_one = Incident.objects.filter(closed_at__isnull=True)
    seen = open_one.get().last_seen_at
    open_one.update(last_seen_at=seen - QUIET - timedelta(seconds=1))
    assert close_incident(kind, gateway_id=gateway.pk)


def test_what_comes_and_goes_at_one_gateway_says_nothing_of_another(gateway):
    kind = Incident.Kind.UNREACHABLE
    other = a_gateway("whatsapp-2", base_url="http://127.0.0.1:2")
    comes_and_goes(kind, gateway, 100)
    open_incident(kind, gateway_id=other.pk)
    assert close_incident(kind, gateway_id=other.pk)


@pytest.mark.parametrize("kind", sorted(set(Incident.Kind) - CLOSED_AGAIN_AND_AGAIN))
def test_what_a_person_or_a_verdict_closes_is_closed(gateway, kind):
    comes_and_goes(kind, gateway, 20)
    assert not is_open(kind, gateway_id=gateway.pk)
