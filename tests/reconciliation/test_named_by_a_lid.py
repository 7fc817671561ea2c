"""A session whose page names it by a LID, at each kind of gateway: list, read and webhook."""

from __future__ import annotations

import pytest

from accounts.models import Account, Gateway, GatewaySecret
from accounts.repair.targeted_read import confirm
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import KINDS, use_transport
from reconciliation.models import Finding
from reconciliation.rollcall.roll_call import call_roll
from simulator import still_world
from simulator.served.transport import transport
from simulator.world import faults
from tests.accounts.conftest import rung  # noqa: F401 - the fixture
from tests.cast import make_cast
from tests.simulator.simulated import connected

ADDRESS = "http://gateway-1:3000"
LID = "100000000000783"
LISTS_NAME_NUMBERS = ("webjs", "waha", "evolution")
PLAYED = ["webjs", "wwebjs_api", "waha", "evolution", "wppconnect"]
SPELT = [("5511987654321", "551187654321"), ("541112345678", "5491112345678")]


@pytest.fixture(params=PLAYED)
def place(request, db):
    """A cast, its gateway of this kind, and the world behind it; `said` collects its webhooks."""
    said = []

    def hear(method, path, headers, body):
        said.append(body)
        return 200

    cast = make_cast()
    world = still_world(hear, kind=request.param, hmac_secret="s" * 32)
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=request.param, base_url=ADDRESS)
    cast.gateway.refresh_from_db()
    GatewaySecret.objects.create(
        gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY, secret="test-key"
    )
    Account.objects.filter(session_id__in=["bob", "charlie"]).delete()
    with use_transport(ADDRESS, transport(world)):
        yield cast, world, said


def lives(place, session_id, number):
    cast, world, _ = place
    connected(world, session_id, phone_number=number, workspace_id=cast.acme.pk)


def alike(account):
    account.refresh_from_db()
    return account.status, account.status_reason, account.phone_number


def test_it_stays_connected_with_its_number(place):
    cast, world, _ = place
    lives(place, "alice", cast.alice.phone_number)
    faults.show_lid(world, "alice", lid=LID)

    call_roll(cast.gateway.pk)
    confirm(cast.gateway.pk, "alice")

    assert alike(cast.alice) == (Status.CONNECTED, "", "62811801641")


def test_an_account_without_a_number_goes_on_without_one(place):
    cast, world, _ = place
    lives(place, "alice", cast.alice.phone_number)
    fresh = cast.an_account("fresh", Status.CONNECTING, phone_number=None)
    lives(place, "fresh", "15550109002")
    faults.show_lid(world, "fresh", lid=LID)

    call_roll(cast.gateway.pk)
    confirm(cast.gateway.pk, "fresh")

    assert alike(fresh) == (Status.CONNECTED, "", None)


def test_its_webhooks_name_no_number(place):
    cast, world, said = place
    lives(place, "alice", cast.alice.phone_number)
    faults.show_lid(world, "alice", lid=LID)
    session = world.sessions["alice"]

    world.tell(world.behaviour.ready(session, world.host.now()))
    world.settle()

    events = [KINDS[cast.gateway.kind].parse(bytes(body)) for body in said]
    assert {event.phone_number for event in events} <= {None}
    if cast.gateway.kind in LISTS_NAME_NUMBERS:
        assert any(LID in bytes(body).decode() for body in said)


def test_a_read_that_names_the_number_heals_a_wrong_one(
    place,
    rung,  # noqa: F811
    django_capture_on_commit_callbacks,
):
    """Works also if lists name no number: the roll call requests a read."""
    cast = place[0]
    lives(place, "alice", cast.alice.phone_number)
    Account.objects.filter(pk=cast.alice.pk).update(
        status=Status.LOGGED_OUT,
        status_reason=Reason.WRONG_NUMBER,
        status_raw="scanned 15550206001",
    )

    with django_capture_on_commit_callbacks(execute=True):
        call_roll(cast.gateway.pk)
    for _, (gateway_id, session_id) in rung:
        confirm(gateway_id, session_id)

    assert alike(cast.alice) == (Status.CONNECTED, "", "62811801641")


def test_a_number_that_only_a_read_names_is_learned_without_a_webhook(
    place,
    rung,  # noqa: F811
    django_capture_on_commit_callbacks,
):
    cast, world, _ = place
    lives(place, "alice", cast.alice.phone_number)
    fresh = cast.an_account("fresh", Status.CONNECTED, phone_number=None)
    lives(place, "fresh", "15550109002")

    with django_capture_on_commit_callbacks(execute=True):
        call_roll(cast.gateway.pk)
    for _, (gateway_id, session_id) in rung:
        confirm(gateway_id, session_id)

    assert alike(fresh) == (Status.CONNECTED, "", "15550109002")


@pytest.mark.parametrize(("ours", "theirs"), [*SPELT, *((b, a) for a, b in SPELT)])
def test_another_spelling_is_its_own_number(place, ours, theirs):
    cast, world, _ = place
    Account.objects.filter(pk=cast.alice.pk).update(phone_number=ours)
    lives(place, "alice", theirs)

    report = call_roll(cast.gateway.pk)
    confirm(cast.gateway.pk, "alice")

    assert not report.findings
    assert alike(cast.alice) == (Status.CONNECTED, "", ours)


@pytest.mark.parametrize(("ours", "theirs"), SPELT)
def test_a_stranger_of_another_spelling_is_the_account_s_own(place, ours, theirs):
    cast, world, _ = place
    Account.objects.filter(pk=cast.alice.pk).update(phone_number=ours, status=Status.DISCONNECTED)
    lives(place, "new", theirs)

    call_roll(cast.gateway.pk)
    cast.alice.refresh_from_db()

    is_proposed = Finding.objects.filter(session_id="new", account=cast.alice).exists()
    is_named = cast.gateway.kind in LISTS_NAME_NUMBERS
    assert (cast.alice.session_id == "new" or is_proposed) == is_named
