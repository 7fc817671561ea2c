"""What a business's own backend does not take opens an incident, which says what it answered."""

from __future__ import annotations

import pytest

from accounts.models import Incident
from tests.cast import Cast, make_cast
from webhooks.models import Delivery, Forward
from webhooks.route_monitor.watch import watch_routes

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def waiting(cast: Cast, *, seconds: float, **fields: object) -> Forward:
    delivery = Delivery.objects.create(
        gateway=cast.gateway, event="session_ready", received_at=cast.ago(seconds)
    )
    return Forward.objects.create(
        delivery=delivery,
        gateway=cast.gateway,
        **{"next_attempt_at": cast.now, "error": "the backend answered 503"} | fields,
    )


def told() -> Incident | None:
    watch_routes()
    return Incident.objects.filter(kind="undelivered", closed_at__isnull=True).first()


def test_it_says_how_many_wait_for_how_long_and_why(cast: Cast) -> None:
    waiting(cast, seconds=300)
    waiting(cast, seconds=200)
    incident = told()
    assert incident is not None
    assert (incident.gateway, incident.count) == (cast.gateway, 2)
    assert "2 state events waiting, the first for 5 min: the backend answered 503" in incident.text


def test_a_backend_that_is_just_started_again_is_no_incident(cast: Cast) -> None:
    waiting(cast, seconds=60)
    assert told() is None


def test_it_is_over_once_nothing_waits(cast: Cast) -> None:
    forward = waiting(cast, seconds=300)
    assert told() is not None
    forward.delete()
    assert told() is None


def test_what_was_given_up_does_not_wait(cast: Cast) -> None:
    waiting(cast, seconds=300, next_attempt_at=None)
    assert told() is None
