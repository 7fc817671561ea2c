"""5,000 sessions of one gateway vanish at once: one incident, and no account is disconnected before
it is confirmed."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Channel, Gateway, Incident, Notification, Transition
from accounts.words.status import Status
from gateways.base import Reason
from tests.simulator.simulated import connected

MANY = 5000
HELD = Reason.MASS_LOSS_UNCONFIRMED
# Per chunk of 500 (see accounts.state.observe), for any content.
STATEMENTS_A_CHUNK = 15
STATEMENTS_A_PASS = 45
SECONDS_A_PASS = 30.0  # on one busy core; a pass of this size takes 3 to 5 s


@pytest.fixture
def fleet(scene):
    """Create 5,000 connected accounts, in the rows and at the gateway, which was read before."""
    cast = scene.cast
    Account.objects.bulk_create(
        Account(
            workspace=cast.acme,
            gateway=scene.gateway,
            session_id=f"fleet-{number}",
            phone_number=str(70_000_000_000 + number),
            status=Status.CONNECTED,
            status_since=cast.ago(600),
            observed_at=cast.ago(10),
            read_at=cast.ago(10),
        )
        for number in range(MANY)
    )
    for number in range(MANY):
        phone_number = str(70_000_000_000 + number)
        fields = {"workspace_id": cast.acme.pk, "phone_number": phone_number}
        connected(scene.world, f"fleet-{number}", **fields)
    a_pass(scene)
    channel = Channel(name="ops", kind=Channel.Kind.EMAIL)
    channel.target = "ops@example.com"
    channel.save()
    return Account.objects.filter(session_id__startswith="fleet-")


def a_pass(scene):
    """Run a roll call. The uptime stands still while the last one ran, which is no boot."""
    Gateway.objects.update(booted_at=None, boot_seen_at=None, boot_grown_at=None)
    return scene.call_roll()


def vanish(scene):
    kept = {"alice": scene.world.sessions["alice"]}
    gone = dict(scene.world.sessions)
    scene.world.sessions.clear()
    scene.world.sessions.update(kept)
    return gone


def counted(fleet):
    rows = fleet.order_by().values_list("status", "status_reason")
    found = {}
    for row in rows:
        found[row] = found.get(row, 0) + 1
    return found


def measured_pass(scene):
    began = time.monotonic()
    with CaptureQueriesContext(connection) as statements:
        a_pass(scene)
    return len(statements), time.monotonic() - began


def test_one_incident_all_held_then_all_lost_and_all_back(scene, fleet):
    gone = vanish(scene)

    statements, seconds = measured_pass(scene)
    print(f"held: {statements} statements, {seconds:.1f} s")
    assert counted(fleet) == {(Status.UNKNOWN, HELD): MANY}
    assert scene.open_incidents() == [Incident.Kind.MASS_LOSS]
    assert f"{MANY} accounts vanished" in Incident.objects.get().text
    assert statements <= STATEMENTS_A_PASS + MANY // 500 * STATEMENTS_A_CHUNK
    assert seconds < SECONDS_A_PASS

    statements, seconds = measured_pass(scene)
    print(f"held still: {statements} statements, {seconds:.1f} s")
    assert statements <= STATEMENTS_A_PASS
    assert not Transition.objects.filter(to_status=Status.DISCONNECTED).exists()

    for _ in range(2):
        scene.passes(20)
        a_pass(scene)
    assert counted(fleet) == {(Status.UNKNOWN, HELD): MANY}
    scene.passes(20)
    statements, seconds = measured_pass(scene)
    print(f"confirmed: {statements} statements, {seconds:.1f} s")
    assert counted(fleet) == {(Status.DISCONNECTED, Reason.MISSING): MANY}
    [incident] = Incident.objects.all()
    assert incident.text == f"its lists agreed for 60 s: {MANY} accounts are disconnected"

    scene.world.sessions.update(gone)
    scene.passes(20)
    statements, seconds = measured_pass(scene)
    print(f"back: {statements} statements, {seconds:.1f} s")
    assert counted(fleet) == {(Status.CONNECTED, ""): MANY}
    assert scene.open_incidents() == []
    assert Incident.objects.count() == 1
    assert Transition.objects.filter(session_id__startswith="fleet-").count() == 3 * MANY
    notices = Notification.objects.order_by("id").values_list("what", flat=True)
    assert list(notices) == ["opened", "recovered"]


def test_one_that_returns_before_a_minute_has_passed_was_never_lost(scene, fleet):
    gone = vanish(scene)
    a_pass(scene)
    scene.world.sessions.update(gone)
    scene.passes(20)
    a_pass(scene)

    assert counted(fleet) == {(Status.CONNECTED, ""): MANY}
    assert not Transition.objects.filter(to_status=Status.DISCONNECTED).exists()
    notices = Notification.objects.order_by("id").values_list("what", flat=True)
    assert list(notices) == ["opened", "recovered"]
    assert scene.open_incidents() == []
