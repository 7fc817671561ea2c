"""What comes and goes each half minute is one incident, told once, on every kind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Channel, Incident, Notification
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import KINDS
from reconciliation.repair.governor import govern
from tests.cast import make_cast, see

KIND = Incident.Kind.FLAPPING
LOSSES = [(Status.DISCONNECTED, Reason.REPLACED), (Status.DISCONNECTED, Reason.NETWORK)]


@pytest.fixture
def cast(db, monkeypatch):
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: None)
    return make_cast()


def spells(cast, account, loss, *, times, govern_each=False, every=26):
    """As recorded: open, lost, connecting, open again, every 26 s."""
    status, reason = loss
    for number in range(times, 0, -1):
        at = number * every
        see(account, Status.CONNECTED, at=cast.ago(at))
        see(account, status, at=cast.ago(at - 12), reason=reason)
        if govern_each:
            govern()
        see(account, Status.CONNECTING, at=cast.ago(at - 22))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_ten_spells_are_one_incident(cast, kind, loss):
    cast.gateway.kind = kind
    cast.gateway.save()
    Channel.objects.create(name="on call", kind=Channel.Kind.EMAIL)
    dana = cast.an_account("dana", Status.CONNECTED, observed_at=None)
    spells(cast, dana, loss, times=10, govern_each=True)
    [incident] = Incident.objects.filter(kind=KIND)
    assert incident.closed_at is None
    assert f"(account {dana.pk})" in incident.text
    assert Notification.objects.filter(incident=incident).count() == 1
    assert not Incident.objects.filter(kind=Incident.Kind.CONFLICT, closed_at__isnull=True).exists()
    # Before the fourth loss each was only a conflict that healed inside its hold.
    assert Incident.objects.filter(kind=Incident.Kind.CONFLICT).count() <= 3


@pytest.mark.parametrize("loss", LOSSES)
def test_three_losses_are_none(cast, loss):
    dana = cast.an_account("dana", Status.CONNECTED, observed_at=None)
    spells(cast, dana, loss, times=3)
    govern()
    assert not Incident.objects.filter(kind=KIND).exists()


def test_it_ends_once_it_is_quiet(cast):
    dana = cast.an_account("dana", Status.CONNECTED, observed_at=None)
    spells(cast, dana, LOSSES[1], times=5)
    govern()
    dana.transitions.update(created_at=cast.now - timedelta(minutes=11))
    govern()
    assert Incident.objects.get(kind=KIND).closed_at is not None


def test_a_gateway_that_cannot_be_seen_is_no_loss(cast):
    dana = cast.an_account("dana", Status.CONNECTED, observed_at=None)
    spells(cast, dana, (Status.UNKNOWN, Reason.UNREACHABLE), times=6)
    govern()
    assert not Incident.objects.filter(kind=KIND).exists()
