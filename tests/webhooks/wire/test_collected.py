"""Small notes go to Redis together, in their order, and none stays behind."""

from __future__ import annotations

import pytest

from accounts.models import Account
from tests.cast import a_gateway
from tests.instance.running import until
from tests.webhooks.sending import as_bytes, event
from webhooks.inbox.activity import flush_life
from webhooks.models import Route
from webhooks.route_monitor.last_seen import flush_routes
from webhooks.route_monitor.request_log import Passage, note_passages
from webhooks.wire import web_process
from webhooks.wire.web_process import MOST, Collected


@pytest.fixture
def in_background(monkeypatch):
    """Act as in a web server's process; but only `_send_all` sends."""
    monkeypatch.setattr(web_process, "_is_in_background", True)
    yield
    web_process._send_all()


@pytest.fixture
def sent():
    return []


@pytest.fixture
def notes(sent):
    notes = Collected(lambda items: sent.append(list(items)))
    yield notes
    web_process._all.remove(notes)


def test_where_nobody_sends_in_the_background_each_is_sent_at_once(notes, sent):
    notes.add(1, 2)
    notes.add(3)

    assert sent == [[1, 2], [3]]


def test_they_are_sent_together(notes, sent, in_background):
    for number in range(5):
        notes.add(number)
    assert sent == []
    notes.send()
    notes.send()

    assert sent == [[0, 1, 2, 3, 4]]


def test_too_many_do_not_wait(notes, sent, in_background):
    for number in range(MOST + 1):
        notes.add(number)

    assert sent == [list(range(MOST))]


@pytest.mark.parametrize(
    ("statuses", "in_a_row"),
    [([400, 400], 3), ([400, 200], 0), ([200, 400], 1), ([429], 1), ([200, 400, 400], 2)],
)
def test_failures_in_a_row_are_those_since_the_last_success(cast, statuses, in_a_row):
    gateway = a_gateway("elsewhere")

    def passages(*codes):
        return [Passage(gateway_id=gateway.pk, at=cast.now, status_code=code) for code in codes]

    note_passages(*passages(400))
    note_passages(*passages(*statuses))
    flush_routes()

    assert Route.objects.get(gateway=gateway).consecutive_failures == in_a_row


def test_the_newest_message_of_a_session_is_what_proves_it(cast, sender, in_background):
    sender.send(event("message_sent", "alice"))
    sender.send(event("message_received", "alice"))
    web_process._send_all()

    assert flush_life() == 1
    cast.alice.refresh_from_db()
    assert cast.alice.proof == "message received"


def test_a_server_sends_what_it_collected(secret, server):
    for _ in range(20):
        assert server.send_signed(secret, as_bytes(event("message_received"))).status == 200

    def is_proven():
        flush_life()
        return Account.objects.filter(session_id="alice", proven_at__isnull=False).exists()

    until(is_proven)
