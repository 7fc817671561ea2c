"""Leases: one roll call of a gateway at a time, and nothing of the database held meanwhile."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from accounts.models import Account, Gateway
from accounts.store.clock import database_now
from accounts.words.status import Status
from reconciliation.models import Run
from reconciliation.rollcall import lease, roll_call, targeted_reads
from reconciliation.rollcall.lease import LEASE, LeaseLost, take_lease
from simulator.state.settings import Failure
from tests.cast import story


def test_a_lease_is_had_once(scene):
    first = take_lease(scene.gateway.pk)

    assert first is not None
    assert take_lease(scene.gateway.pk) is None
    first.release()
    assert take_lease(scene.gateway.pk) is not None


def test_a_lease_is_not_taken_by_who_looked_at_the_clock_before_it_was_given(scene, monkeypatch):
    late = database_now()
    take_lease(scene.gateway.pk)
    monkeypatch.setattr("accounts.store.clock.database_now", lambda: late)

    assert take_lease(scene.gateway.pk) is None


def test_the_lease_of_one_that_died_ends_by_itself(scene):
    take_lease(scene.gateway.pk)
    scene.passes(LEASE.total_seconds())

    assert take_lease(scene.gateway.pk) is not None


def test_a_lease_that_another_has_taken_cannot_be_renewed_and_is_not_released(scene):
    first = take_lease(scene.gateway.pk)
    scene.passes(LEASE.total_seconds())
    second = take_lease(scene.gateway.pk)

    with pytest.raises(LeaseLost):
        first.renew()
    first.release()
    second.renew()


@pytest.mark.parametrize(("ago", "is_skipped"), [(14, True), (15, False)])
def test_the_schedule_skips_a_pass_when_one_began_less_than_15_seconds_ago(scene, ago, is_skipped):
    roll_call.call_roll(scene.gateway.pk)
    scene.passes(ago)

    assert roll_call.call_roll(scene.gateway.pk).skipped is is_skipped
    assert Run.objects.count() == (1 if is_skipped else 2)


def test_a_person_may_call_it_right_after_the_schedule(scene):
    roll_call.call_roll(scene.gateway.pk)

    assert not scene.call_roll().skipped


def test_what_a_person_calls_does_not_delay_the_schedule(scene):
    """Otherwise a session lost right after it would be found 35 s later."""
    scene.call_roll()
    scene.passes(1)

    assert not roll_call.call_roll(scene.gateway.pk).skipped


def test_a_pass_that_does_not_end_is_said_to_be_under_way(scene):
    take_lease(scene.gateway.pk)

    report = scene.call_roll()

    assert report.skipped and "under way" in report.why
    assert not report.is_sighted
    assert scene.plan().skipped


def test_one_that_lost_its_lease_writes_nothing_more(scene, during_the_list):
    dana = scene.an_account("dana")
    scene.loses(dana)
    gateway = Gateway.objects.filter(pk=scene.gateway.pk)
    during_the_list(lambda: gateway.update(lease_token=uuid.uuid4()))

    report = scene.call_roll()

    assert report.skipped and "taken over" in report.why
    assert story(dana) == []
    assert Run.objects.count() == 0


def test_of_what_it_would_have_written_at_once_nothing_stays_when_it_lost_its_lease(
    committed, during_the_list
):
    """The last statement of the one commit checks the lease."""
    dana = committed.an_account("dana")
    committed.world.sessions["dana"].phone_number = None
    Account.objects.filter(pk=dana.pk).update(status=Status.CONNECTING)
    gateway = Gateway.objects.filter(pk=committed.gateway.pk)
    during_the_list(lambda: gateway.update(lease_token=uuid.uuid4()))
    before = gateway.values("listed_at", "sight_since").get()

    assert committed.call_roll().skipped

    assert committed.says(dana) == [(Status.CONNECTING, "")]
    assert (story(dana), Run.objects.count()) == ([], 0)
    assert gateway.values("listed_at", "sight_since").get() == before


def test_of_two_passes_at_once_the_second_waits(committed, during_the_list, monkeypatch):
    reports = []
    under_way, second_waits = threading.Event(), threading.Event()

    def sleep(seconds):
        second_waits.set()
        time.sleep(seconds)

    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
    monkeypatch.setattr(lease, "time", waiting)

    def call():
        reports.append(roll_call.call_roll_now(committed.gateway.pk, wait_seconds=60))
        connections.close_all()

    def dawdle():
        under_way.set()
        assert second_waits.wait(30)

    during_the_list(dawdle)
    threads = [threading.Thread(target=call) for _ in range(2)]
    threads[0].start()
    assert under_way.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join(60)

    first, second = Run.objects.order_by("id")
    assert first.finished_at <= second.started_at
    assert [report.is_in_sync for report in reports] == [True, True]


def test_no_connection_is_held_while_the_gateway_is_asked(committed, during_the_list, monkeypatch):
    held, ours = [], connections["default"]
    during_the_list(lambda: held.append(ours.connection))
    committed.loses(committed.cast.alice)
    _when_read(monkeypatch, lambda: held.append(ours.connection))

    committed.call_roll()

    assert held == [None, None]
    assert committed.says(committed.cast.alice)[0][0] == Status.DISCONNECTED


def _when_read(monkeypatch, happens):
    from simulator.dialects import webjs as api

    in_memory = api._in_memory

    def found(*args):
        happens()
        return in_memory(*args)

    monkeypatch.setattr(api, "_in_memory", found)


class StillClock:
    """What a pass takes for the time: it goes on with each read, and not by itself."""

    def __init__(self):
        self.now = 1000.0
        self._lock = threading.Lock()

    def monotonic(self):
        return self.now

    def passes(self, seconds):
        with self._lock:
            self.now += seconds


@pytest.fixture
def pass_clock(monkeypatch):
    clock = StillClock()
    for module in (roll_call, targeted_reads):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_hundreds_of_absences_do_not_prolong_a_pass(scene, monkeypatch, pass_clock):
    """Slow reads: those without time left are held for the next roll call."""
    monkeypatch.setattr(roll_call, "PASS_SECONDS", 1.2)
    gone = scene.accounts(300)[:140]
    scene.loses(*gone)
    _when_read(monkeypatch, lambda: pass_clock.passes(0.1))
    began = pass_clock.now

    report = scene.call_roll()

    assert pass_clock.now - began < 3
    read = [finding for finding in report.findings if not finding.held]
    assert 0 < len(read) < 140 == len(report.findings)


def test_reads_that_fail_do_not_starve_the_others(scene, monkeypatch, pass_clock):
    """Time for some reads only: each roll call reads others."""
    monkeypatch.setattr(roll_call, "PASS_SECONDS", 1.3)
    scene.loses(*scene.accounts(60)[:29])
    asked = []

    def fails(world, session_id):
        asked.append(session_id)
        pass_clock.passes(0.1)
        raise Failure("out of memory")

    monkeypatch.setattr("simulator.dialects.webjs._in_memory", fails)
    scene.call_roll()
    first = set(asked)
    scene.call_roll()

    assert 0 < len(first) < 29
    assert set(asked) > first


@pytest.fixture
def locked(committed):
    """Hold Alice's row without an end."""
    other = connections["default"].copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        account = committed.cast.alice.pk
        cursor.execute("SELECT FROM whatsapp_accounts WHERE id = %s FOR UPDATE", [account])
    yield committed
    other.close()


@pytest.mark.parametrize("is_read", [True, False])
def test_a_row_that_somebody_holds_ends_the_pass_before_its_lease(locked, monkeypatch, is_read):
    """Otherwise each roll call of the gateway would hold a thread of the worker for good."""

    def fails(*args):
        raise Failure("out of memory")

    if not is_read:
        monkeypatch.setattr("simulator.dialects.webjs._in_memory", fails)
    locked.loses(locked.cast.alice)
    began = time.monotonic()

    with pytest.raises(OperationalError) as error:
        locked.call_roll()

    # PostgreSQL's limit on the wait ended it; 2 s, and the rest is what a busy machine adds.
    assert isinstance(error.value.__cause__, LockNotAvailable)
    assert time.monotonic() - began < LEASE.total_seconds()
    assert take_lease(locked.gateway.pk) is not None


def test_the_run_tells_when_it_was_and_what_it_found(scene):
    scene.loses(scene.cast.alice)
    began = database_now()
    scene.call_roll()

    run = Run.objects.get()
    assert began <= run.started_at <= run.finished_at <= database_now()
    assert (run.outcome, run.findings_count, run.held_count) == (Run.Outcome.DRIFT, 1, 0)
    assert run.sessions_listed == 0
    assert run.finished_at - run.started_at < timedelta(seconds=15)
