"""A retry that arrives late is signed anew and looks fresh: the event's own time tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Gateway
from accounts.state.observations import Verdict
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see, see_session

HOURS_OFF = timedelta(hours=7)


@pytest.fixture
def dana(cast):
    return cast.an_account("dana", Status.CONNECTED)


def told(cast, account, status, *, ago, arrived_ago, off=timedelta(), **said):
    """What happened `ago` by its gateway's clock, which is `off`, and arrived later."""
    at = cast.ago(arrived_ago)
    return see(account, status, at=at, event_at=cast.ago(ago) + off, **said).verdict


@pytest.mark.parametrize("off", [timedelta(), HOURS_OFF, -HOURS_OFF])
def test_a_late_connected_does_not_undo_a_logout(cast, dana, off):
    told(cast, dana, Status.LOGGED_OUT, ago=2, arrived_ago=2, off=off, reason=Reason.UNLINKED)
    late = told(cast, dana, Status.CONNECTED, ago=600, arrived_ago=1, off=off)
    assert (late, dana.status) == (Verdict.OLDER, Status.LOGGED_OUT)


def test_a_late_loss_does_not_undo_a_return(cast, dana):
    told(cast, dana, Status.CONNECTED, ago=2, arrived_ago=2)
    told(cast, dana, Status.DISCONNECTED, ago=120, arrived_ago=1, reason=Reason.NETWORK)
    assert dana.status == Status.CONNECTED


def test_the_next_event_counts_whatever_came_late(cast, dana):
    told(cast, dana, Status.LOGGED_OUT, ago=9, arrived_ago=9)
    told(cast, dana, Status.CONNECTED, ago=600, arrived_ago=8)
    told(cast, dana, Status.CONNECTED, ago=3, arrived_ago=3)
    assert dana.status == Status.CONNECTED


def test_two_events_of_one_moment_count_as_they_arrive(cast, dana):
    told(cast, dana, Status.CONNECTING, ago=2, arrived_ago=2)
    told(cast, dana, Status.CONNECTED, ago=2, arrived_ago=1)
    assert dana.status == Status.CONNECTED


def test_events_are_not_compared_with_reads(cast, dana):
    """A gateway's clock may be off by any amount."""
    see(dana, Status.DISCONNECTED, at=cast.ago(5), source=Source.READ, reason=Reason.LISTED)
    told(cast, dana, Status.CONNECTED, ago=600, arrived_ago=1)
    assert dana.status == Status.CONNECTED


def test_nor_with_those_before_a_boot(cast, dana):
    """Its clock may have been set meanwhile."""
    told(cast, dana, Status.CONNECTED, ago=60, arrived_ago=60)
    Gateway.objects.filter(pk=cast.gateway.pk).update(booted_at=cast.ago(30))
    told(cast, dana, Status.DISCONNECTED, ago=90, arrived_ago=1)
    assert dana.status == Status.DISCONNECTED


def test_nor_with_those_of_an_earlier_session(cast, dana):
    told(cast, dana, Status.CONNECTED, ago=9, arrived_ago=9)
    number = {"phone_number": dana.phone_number, "workspace_id": dana.workspace_id}
    at = {"at": cast.ago(5), "event_at": cast.ago(600)}
    see_session(cast.gateway, "dana-2", Status.CONNECTED, **at, **number)
    dana.refresh_from_db()
    assert (dana.session_id, dana.event_at) == ("dana-2", cast.ago(600))


def test_an_event_without_a_time_of_its_own_counts_as_it_arrives(cast, dana):
    told(cast, dana, Status.CONNECTED, ago=2, arrived_ago=2)
    see(dana, Status.DISCONNECTED, at=cast.ago(1))
    assert dana.status == Status.DISCONNECTED
