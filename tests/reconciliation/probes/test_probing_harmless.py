"""Kinds whose live clients can be probed without WhatsApp noticing: on schedule, one at a time."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from django.db import connection

from accounts.models import Account, Gateway, GatewaySecret, Repair
from accounts.state import probes
from accounts.state.expiry import expire_live_words
from accounts.store.clock import database_now
from accounts.words.status import Status
from gateways.base import Reason
from gateways.registry import use_transport
from reconciliation import tasks
from reconciliation.models import Finding
from reconciliation.probes.ask import probe_gateway
from reconciliation.rollcall import roll_call
from tests.cast import make_cast
from tests.reconciliation.scene import ADDRESS, shift_back


class Waha:
    """Says WORKING for every session; its page answers or does not."""

    def __init__(self) -> None:
        self.mute = set[str]()
        self.names = ["alice"]
        self.asked = Counter[str]()
        self.at_once = Counter[str]()
        self.most_at_once = Counter[str]()
        self.takes_seconds = 0.0
        self.lock = threading.Lock()

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/api/server/status":
            return httpx.Response(200, json={"uptime": 3_600_000})
        if path == "/api/sessions":
            return httpx.Response(200, json=[self.session(name) for name in self.names])
        name = path.removeprefix("/api/sessions/")
        with self.lock:
            self.asked[name] += 1
            for key in (name, "all"):
                self.at_once[key] += 1
                self.most_at_once[key] = max(self.most_at_once[key], self.at_once[key])
        time.sleep(self.takes_seconds)
        with self.lock:
            self.at_once.subtract([name, "all"])
        state = None if name in self.mute else "CONNECTED"
        engine = {"engine": {"engine": "WEBJS", "state": state}}
        return httpx.Response(200, json=self.session(name) | engine)

    def session(self, name: str) -> dict[str, object]:
        return {"name": name, "status": "WORKING", "me": None}


class WwebjsApi:
    """Builds its list by asking each page."""

    def __init__(self) -> None:
        self.hung = set[str]()
        self.asked = Counter[str]()

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/ping":
            return httpx.Response(200, json={"success": True, "message": "pong"})
        if path == "/session/getSessions":
            return httpx.Response(200, json={"success": True, "result": ["alice"]})
        self.asked[path] += 1
        if "alice" in self.hung:
            raise httpx.ReadTimeout("hung", request=request)
        said = {"success": True, "state": "CONNECTED", "message": "session_connected"}
        return httpx.Response(200, content=json.dumps(said))


def make(kind: str, world):
    cast = make_cast()
    Account.objects.filter(session_id__in=["bob", "charlie"]).delete()
    Gateway.objects.filter(pk=cast.gateway.pk).update(kind=kind, base_url=ADDRESS)
    cast.gateway.refresh_from_db()
    GatewaySecret.objects.create(
        gateway=cast.gateway, purpose=GatewaySecret.Purpose.API_KEY, secret="a-key"
    )
    return cast, use_transport(ADDRESS, httpx.MockTransport(world.answer))


@pytest.fixture
def waha():
    return Waha()


@pytest.fixture
def cast(db, waha):
    cast, reached = make("waha", waha)
    with reached:
        yield cast


def tick(cast, *, seconds: int = 20) -> tuple[str, str]:
    """Run a roll call and the due probes, then let time pass until the next."""
    roll_call.call_roll_now(cast.gateway.pk, wait_seconds=0)
    tasks.probe_due_sessions()
    cast.alice.refresh_from_db()
    shift_back(seconds)
    return cast.alice.status, cast.alice.status_reason


def test_every_connected_account_is_proven_at_least_every_two_minutes(cast, waha):
    for _ in range(15):
        tick(cast)
        assert database_now() - cast.alice.proven_at < timedelta(minutes=2)

    assert waha.asked["alice"] == 3  # in five minutes
    assert cast.alice.probe_answer == "alive: WORKING"


def test_a_mute_page_is_unresponsive_after_three_and_the_list_does_not_turn_it(cast, waha):
    waha.mute = {"alice"}

    said = [tick(cast) for _ in range(12)]

    assert said[1][0] == Status.CONNECTED
    assert said[3:] == [(Status.UNRESPONSIVE, Reason.HUNG)] * 9
    assert not Finding.objects.filter(ended_at__isnull=True).exists()


def test_it_is_back_with_its_first_answer(cast, waha):
    waha.mute = {"alice"}
    for _ in range(4):
        tick(cast)
    waha.mute = set()

    said = [tick(cast) for _ in range(6)]

    assert said[-1] == (Status.CONNECTED, "")


def test_after_a_repair_it_is_asked_at_once(cast, waha):
    waha.mute = {"alice"}
    for _ in range(4):
        tick(cast)
    waha.mute = set()
    Repair.objects.create(
        account=cast.alice,
        gateway=cast.gateway,
        session_id="alice",
        asked_by=Repair.Asker.OPERATOR,
        state=Repair.State.SUCCEEDED,
        finished_at=database_now(),
    )

    assert tick(cast) == (Status.CONNECTED, "")


def test_none_is_asked_while_it_is_being_started(cast, waha):
    Repair.objects.create(
        account=cast.alice,
        gateway=cast.gateway,
        session_id="alice",
        asked_by=Repair.Asker.OPERATOR,
        state=Repair.State.RUNNING,
    )

    tick(cast)

    assert not waha.asked


def test_one_whose_lease_is_somebody_elses_is_left_alone(cast, waha):
    Account.objects.update(probing_until=database_now() + timedelta(seconds=20))

    tasks.probe_due_sessions()

    assert not waha.asked


def test_what_a_probe_is_at_is_not_read_beside_it_when_it_is_missing(cast, waha):
    waha.names = []
    lease = database_now() + timedelta(seconds=10)
    Account.objects.filter(pk=cast.alice.pk).update(probing_until=lease)

    report = roll_call.call_roll_now(cast.gateway.pk, wait_seconds=0)
    assert waha.asked["alice"] == 0
    assert [finding.held for finding in report.findings] == [True]

    Account.objects.filter(pk=cast.alice.pk).update(probing_until=None)
    roll_call.call_roll_now(cast.gateway.pk, wait_seconds=0)
    assert waha.asked["alice"] == 1


def test_a_lease_from_the_future_binds_nobody(cast, waha):
    Account.objects.update(probing_until=database_now() + timedelta(hours=1))

    tasks.probe_due_sessions()

    assert waha.asked["alice"] == 1


@pytest.mark.django_db(transaction=True)
def test_a_session_is_never_asked_twice_at_once_and_a_gateway_not_by_all(transactional_db, waha):
    waha.takes_seconds = 0.02
    cast, reached = make("waha", waha)
    for number in range(30):
        cast.an_account(f"session-{number}", Status.CONNECTED)
    with reached:
        probers = [threading.Thread(target=_probe, args=(cast.gateway.pk,)) for _ in range(4)]
        for prober in probers:
            prober.start()
        for prober in probers:
            prober.join(30)

    assert waha.most_at_once.pop("all") <= probes.AT_ONCE
    assert set(waha.most_at_once.values()) == {1}
    assert len(waha.asked) == 31
    assert not Account.objects.filter(probed_at=None).exists()


def test_a_turn_is_not_taken_by_who_looked_at_the_clock_before_it_was_given(db, waha):
    cast, _ = make("waha", waha)
    cast.an_account("session-1", Status.CONNECTED)
    late = database_now()
    taken = probes.take_turns(cast.gateway.pk, database_now(), by_send=False)

    assert len(taken) == 2
    assert probes.take_turns(cast.gateway.pk, late, by_send=False) == []


def _probe(gateway_id: int) -> None:
    try:
        probe_gateway(gateway_id)
    finally:
        connection.close()


# --- where the list is made by asking ------------------------------------------------------------
@pytest.fixture
def wwebjs_api():
    return WwebjsApi()


@pytest.fixture
def by_list(db, wwebjs_api):
    cast, reached = make("wwebjs_api", wwebjs_api)
    with reached:
        yield cast


def test_the_list_is_the_probe(by_list, wwebjs_api):
    for _ in range(8):
        tick(by_list)

    assert by_list.alice.probed_at is None
    assert len(wwebjs_api.asked) == 1  # its status, by the roll call


def test_a_session_that_gives_the_list_no_answer_is_asked_by_probes_only(by_list, wwebjs_api):
    wwebjs_api.hung = {"alice"}
    roll_call.call_roll_now(by_list.gateway.pk, wait_seconds=0)
    by_list.alice.refresh_from_db()
    assert (by_list.alice.probe_failures, by_list.alice.status) == (1, Status.CONNECTED)

    asked = wwebjs_api.asked.total()
    roll_call.call_roll_now(by_list.gateway.pk, wait_seconds=0)
    assert wwebjs_api.asked.total() == asked


def test_it_hangs_after_two_more_and_is_kept_fresh_by_being_listed(by_list, wwebjs_api):
    wwebjs_api.hung = {"alice"}

    said = [tick(by_list) for _ in range(12)]

    assert said[-1] == (Status.UNRESPONSIVE, Reason.HUNG)
    assert set(said[4:]) == {(Status.UNRESPONSIVE, Reason.HUNG)}


def test_it_is_believed_when_its_page_answers_again(by_list, wwebjs_api):
    wwebjs_api.hung = {"alice"}
    for _ in range(5):
        tick(by_list)
    wwebjs_api.hung = set()

    said = [tick(by_list) for _ in range(8)]

    assert said[-1] == (Status.CONNECTED, "")
    assert by_list.alice.probe_failures == 0


def test_before_three_probes_have_failed_it_says_that_its_page_does_not_answer(db, monkeypatch):
    """The gateway's list is complete, and was built by asking each page: nothing is partial."""
    page = WwebjsApi()
    cast, reached = make("wwebjs_api", page)
    with reached:
        tick(cast)
        page.hung = {"alice"}
        said = []
        for _ in range(8):
            said.append(tick(cast))
            Gateway.objects.update(run_started_at=database_now())
            expire_live_words()
            cast.alice.refresh_from_db()
            said.append((cast.alice.status, cast.alice.status_reason))

    assert said[-1] == (Status.UNRESPONSIVE, Reason.HUNG)
    unknown = {reason for status, reason in said if status == Status.UNKNOWN}
    assert unknown <= {Reason.UNANSWERED}
