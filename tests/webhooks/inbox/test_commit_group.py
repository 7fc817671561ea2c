"""Webhooks that arrive together are committed together, and each is answered for itself."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Account
from accounts.store.clock import database_now
from gateways.registry import KINDS
from tests.cast import make_cast
from tests.instance.running import until
from tests.webhooks.sending import Sender, as_bytes, event, give_secret, lost
from tests.webhooks.serving import served
from webhooks.inbox import receive
from webhooks.inbox.commit_group import CommitGroup
from webhooks.models import Delivery, EventId
from webhooks.wire.bodies import Body

pytestmark = pytest.mark.django_db(transaction=True)
# More than one group, and not more of one gateway than may come at once.
AT_ONCE = 16


class Group:
    """Notes what is committed with what; `together` waits until it is let go."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.alone: list[str] = []
        self.free = threading.Event()
        self.group = CommitGroup(
            together=self._together,
            alone=self._alone,
            now=timezone.now,
            key=lambda item: item,
        )

    def _together(self, group):
        items = [item for item, _ in group]
        self.commits.append(list(items))
        assert self.free.wait(30)
        if "poison" in items:
            raise ValueError("poison")
        return [f"done {item}" for item in items]

    def _alone(self, item, arrived_at):
        self.alone.append(item)
        if item == "poison":
            raise ValueError(item)
        return f"alone {item}"

    def are_waiting(self, number):
        return len(self.group._waiting) == number


@pytest.fixture
def group():
    return Group()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield threads


def test_who_comes_during_a_commit_shares_the_next_in_order(group, threads):
    first = threads.submit(group.group.commit, "a")
    until(lambda: group.commits)
    others = []
    for number, item in enumerate("bcd"):
        others.append(threads.submit(group.group.commit, item))
        until(lambda: group.are_waiting(number + 1))  # noqa: B023
    group.free.set()

    assert [one.result() for one in (first, *others)] == ["done a", "done b", "done c", "done d"]
    assert group.commits == [["a"], ["b", "c", "d"]]
    assert group.alone == []


def test_one_that_cannot_be_committed_fails_alone(group, threads):
    first = threads.submit(group.group.commit, "a")
    until(lambda: group.commits)
    others = [threads.submit(group.group.commit, item) for item in ("b", "poison", "c")]
    until(lambda: group.are_waiting(3))
    group.free.set()

    assert first.result() == "done a"
    assert others[0].result() == "alone b" and others[2].result() == "alone c"
    with pytest.raises(ValueError, match="poison"):
        others[1].result()
    assert group.group.commit("e") == "done e"


@pytest.fixture
def cast():
    cast = make_cast()
    give_secret(cast.gateway, "hmac", Sender().secret)
    return cast


def test_the_same_event_sixteen_times_at_once_is_one_row(secret, server):
    body = as_bytes(lost("alice") | {"event_id": "evt-1"})
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(lambda _: server.send_signed(secret, body), range(AT_ONCE)))

    assert {answer.status for answer in answers} <= {200, 429}
    assert Delivery.objects.filter(session_id="alice").count() == 1
    assert EventId.objects.filter(event_id="evt-1").count() == 1
    states = [answer.json()["state"] for answer in answers if answer.status == 200]
    assert states.count("applied") == 1 and set(states) == {"applied", "repeated"}


def test_repeats_within_a_group_are_told_apart(cast):
    body = as_bytes(lost("alice"))
    group = [arrived(cast, body, event_id=event_id) for event_id in ("1", "1", "2", None)]

    received = receive._receive_together([(one, database_now()) for one in group])

    assert [one.delivery is None for one in received] == [False, True, False, False]
    assert [one.is_retried for one in received] == [False, False, False, True]
    assert EventId.objects.get(event_id="1").repeats == 1


def test_the_last_word_of_a_session_in_a_group_stands(cast):
    said = [lost("alice"), event("session_ready", "alice"), lost("alice")]
    receive._receive_together([(arrived(cast, as_bytes(one)), database_now()) for one in said])

    assert Account.objects.get(session_id="alice").status == "disconnected"
    assert [one.state for one in Delivery.objects.order_by("id")] == ["applied"] * 3


def arrived(cast, body, *, event_id=None):
    return receive.Arrived(
        gateway_id=cast.gateway.pk,
        event=replace(KINDS["webjs"].parse(body), event_id=event_id),
        body=Body(
            content=body,
            size_bytes=len(body),
            digest=hashlib.sha256(body).hexdigest(),
            is_squeezed=False,
        ),
        path="/",
    )


def test_a_row_that_a_stranger_holds_delays_only_its_own_account(secret, server):
    def send(session_id):
        return server.send_signed(secret, as_bytes(lost(session_id)))

    with ThreadPoolExecutor(AT_ONCE) as senders, transaction.atomic():
        Account.objects.select_for_update().get(session_id="alice")
        held = senders.submit(send, "alice")
        until(is_waited_for)
        others = [send("bob") for _ in range(10)]

        assert not held.done(), "the other answers came only after it"
        assert {answer.status for answer in others} == {200}
    assert held.result().json()["state"] in ("applied", "pending")


def is_waited_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def test_what_was_answered_survives_the_killing_of_a_web_process(tmp_path):
    secret, answered = "a secret that is kept", []
    give_secret(make_cast().gateway, "hmac", secret)
    with served(tmp_path, WEBHOOK_MOST_PER_SECOND="5000") as server:
        server.learn(secret)

        def send(number):
            body = as_bytes(lost(f"session-{number}"))
            with suppress(OSError, IndexError, ValueError):
                if server.send_signed(secret, body).status == 200:
                    answered.append(f"session-{number}")

        def kill_one():
            until(lambda: len(answered) > 100)
            os.kill(psutil.Process(server.process.pid).children()[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        with ThreadPoolExecutor(8) as senders:
            list(senders.map(send, range(2000)))
        killer.join()

    kept = set(Delivery.objects.values_list("session_id", flat=True))
    assert len(answered) > 1000 and set(answered) <= kept
