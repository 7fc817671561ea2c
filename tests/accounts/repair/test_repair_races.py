"""Many at once, each on its own connection: the limits hold."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from accounts.models import GatewaySecret, Repair
from accounts.repair import repairs, starts
from accounts.words.status import Status
from gateways import registry
from gateways.base import Reason
from simulator import still_world
from simulator.served.transport import transport
from tests.cast import NOBODY, make_cast
from tests.simulator.simulated import connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rung")]
CUSTOMER = Repair.Asker.CUSTOMER


@pytest.fixture
def cast():
    return make_cast()


def at_once(work, arguments, *, threads: int = 8) -> list:
    def run(argument):
        try:
            return work(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, arguments))


def lost(cast, number: int):
    why = {"status_reason": Reason.BROWSER_GONE}
    return cast.an_account(f"s{number}", Status.DISCONNECTED, **why)


def test_a_hundred_taps_at_once_are_one_start(cast):
    account = lost(cast, 1)
    asked = at_once(
        lambda _: repairs.ask(account, by=CUSTOMER, actor="carl").pk, range(100), threads=16
    )
    assert set(asked) == {Repair.objects.get().pk}


def test_fifty_customers_at_once_never_exceed_two_under_way(cast):
    """Workers claim all the time; each claimed start takes a while."""
    secret = GatewaySecret(gateway=cast.gateway, purpose="api_key")
    secret.secret = "test-key"
    secret.save()
    world = still_world(lambda *request: 200)
    accounts = [lost(cast, number) for number in range(50)]
    for account in accounts:
        connected(world, account.session_id, phone_number=account.phone_number)
    under_way, most, guard = set(), [0], threading.Lock()
    reconnect = world.reconnect

    def watched(session_id, workspace_id):
        with guard:
            assert session_id not in under_way
            under_way.add(session_id)
            most[0] = max(most[0], len(under_way))
        try:
            threading.Event().wait(0.02)
            return reconnect(session_id, workspace_id)
        finally:
            with guard:
                under_way.discard(session_id)

    world.reconnect = watched
    at_once(lambda account: repairs.ask(account, by=CUSTOMER, actor="carl"), accounts)

    def work(_):
        while Repair.objects.filter(state__in=Repair.OPEN).exists():
            try:
                starts.carry_out_due(cast.gateway.pk)
            except OperationalError:  # it waited too long for its turn to claim
                continue
            rows = Repair.objects.filter(state__in=Repair.IN_FLIGHT)
            assert rows.count() <= 2

    with registry.use_transport(NOBODY, transport(world)):
        at_once(work, range(8))
    assert 1 <= most[0] <= 2
    assert list(Repair.objects.values_list("state", flat=True)) == [Repair.State.SUCCEEDED] * 50


def test_of_two_workers_that_claim_at_once_one_has_it(cast):
    for round_ in range(10):
        repairs.ask(lost(cast, round_), by=CUSTOMER, actor="carl")
        claimed = at_once(lambda _: starts.claim(cast.gateway.pk), range(8))
        assert sum(1 for row in claimed if row) == 1
        Repair.objects.update(state=Repair.State.SUCCEEDED)
