"""Outgoing webhooks and Apprise URLs over real HTTP: signed, retried, never redirected, and no
receiver that fails holds up another."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from accounts.words.status import Status
from gateways.base import Reason
from gateways.wire import address_guard
from notices.models import Delivery, Subscription
from notices.sending import outbox
from tests.accounts.alerts.receivers import a_channel

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Hook)
        self.status, self.headers_sent, self.taken = 200, {}, []
        self.over = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hooks/secret-token"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        if self.server.status is None:
            self.server.over.wait(20)
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers_sent.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def serving():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver():
    with serving() as server:
        yield server


def a_webhook(town, url, **fields):
    row = Subscription(kind="webhook", workspace=town.cast.acme, **{"timeout_seconds": 2} | fields)
    row.target, row.signing_key = url, KEY
    row.save()
    return row


def lose(town, session="s1"):
    account = town.number(session)
    town.turn(account, status=Status.LOGGED_OUT, reason=Reason.UNLINKED)
    town.passes(8, every=2)
    return account


def test_a_webhook_carries_what_the_incident_asked_for_and_verifies(town, receiver):
    hook = a_webhook(town, receiver.url)
    account = lose(town)

    assert outbox.deliver(hook.pk) == 1

    [(path, headers, body)] = receiver.taken
    headers = {name.lower(): value for name, value in headers.items()}
    assert Webhook(KEY).verify(body, headers)["type"] == "session_disconnected"
    data = json.loads(body)["data"]
    assert data["title"] == "WhatsApp Disconnected"
    assert data["action_label"] == "Reconnect Now"
    assert data["action_url"].endswith("/settings/whatsapp-accounts")
    assert data["accounts"][0]["phone_number"] == f"+{account.phone_number}"
    assert data["accounts"][0]["status"] == "logged_out"
    assert {"what", "since", "why", "means", "next", "do"} <= data["parts"].keys()
    assert headers["webhook-id"] == str(Delivery.objects.get(subscription=hook).key)


def test_a_receiver_that_fails_for_an_hour_gets_the_same_event_once_it_works(town, receiver):
    hook = a_webhook(town, receiver.url)
    lose(town)
    receiver.status = 500
    for _ in range(4):
        outbox.deliver(hook.pk)
        town.later += timedelta(minutes=16)
    receiver.status = 204
    town.later += timedelta(hours=3)
    for _ in range(3):
        outbox.deliver(hook.pk)

    ids = {headers["webhook-id"] for _, headers, _ in receiver.taken}
    assert len(ids) == 1
    delivery = Delivery.objects.get(subscription=hook)
    assert (delivery.state, delivery.attempts) == ("sent", len(receiver.taken))


def test_a_redirect_is_not_followed_and_its_error_quotes_no_token(town, receiver):
    hook = a_webhook(town, receiver.url)
    lose(town)
    receiver.status = 307
    receiver.headers_sent = {"Location": receiver.url.replace("/hooks", "/elsewhere")}

    outbox.deliver(hook.pk)

    assert len(receiver.taken) == 1
    delivery = Delivery.objects.get(subscription=hook)
    assert delivery.state == "pending" and "redirect" in delivery.error
    assert "secret-token" not in delivery.error


def test_a_receiver_that_is_gone_is_called_no_more(town, receiver):
    hook = a_webhook(town, receiver.url)
    lose(town)
    receiver.status = 410

    outbox.deliver(hook.pk)

    hook.refresh_from_db()
    assert not hook.is_active
    assert Delivery.objects.get(subscription=hook).state == "dead"


def test_a_receiver_that_asks_for_an_hour_gets_it(town, receiver):
    hook = a_webhook(town, receiver.url)
    lose(town)
    receiver.status, receiver.headers_sent = 429, {"Retry-After": "3600"}

    outbox.deliver(hook.pk)

    due = Delivery.objects.get(subscription=hook).next_attempt_at
    assert due > town.now() + timedelta(minutes=58)


def test_our_own_services_and_private_networks_are_not_called(town, receiver, monkeypatch):
    monkeypatch.setattr(address_guard, "_reach", address_guard.Reach())
    hook = a_webhook(town, receiver.url)
    lose(town)

    outbox.deliver(hook.pk)

    assert receiver.taken == []
    error = Delivery.objects.get(subscription=hook).error
    assert "FORWARD_NETWORKS" in error and "secret-token" not in error


def test_a_channel_that_hangs_holds_up_no_other(town, receiver, mail_server):
    receiver.status = None
    hanging = a_webhook(town, receiver.url, timeout_seconds=1)
    lose(town)
    thread_free = Subscription.objects.get(user=town.olga, kind="email")
    outbox.deliver(hanging.pk)

    assert outbox.deliver(thread_free.pk) == 1
    delivery = Delivery.objects.get(subscription=hanging)
    assert delivery.state == "pending" and delivery.error


def test_operators_channels_get_it_through_apprise(town, hook):
    channel = a_channel("ops", target=hook.url)
    lose(town)
    subscription = Subscription.objects.get(channel=channel)

    assert outbox.deliver(subscription.pk) == 1

    [taken] = hook.taken
    assert taken["title"] == "WhatsApp Disconnected" and taken["type"] == "failure"
    assert "Customers: Acme 1" in taken["message"]
    assert "unlinked from the phone" in taken["message"].lower()


def test_a_workspace_may_have_an_apprise_url_of_its_own(town, hook):
    row = Subscription(kind="apprise", workspace=town.cast.acme, timeout_seconds=2, language="id")
    row.target = hook.url
    row.save()
    lose(town)

    assert outbox.deliver(row.pk) == 1
    assert hook.taken[0]["title"] == "WhatsApp Terputus"
    assert "token-of-the-hook" not in row.sealed


def test_a_test_is_a_row_that_shows_how_it_went(town, receiver):
    hook = a_webhook(town, receiver.url)
    receiver.status = 500
    delivery = outbox.request_test(hook)

    outbox.deliver(hook.pk)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == ("dead", "it answered 500")
    assert json.loads(receiver.taken[0][2])["type"] == "test"


def test_the_signature_is_of_utc_whatever_the_zone_of_the_clock(town, receiver, settings):
    hook = a_webhook(town, receiver.url)
    lose(town)
    outbox.deliver(hook.pk)

    stamp = int(receiver.taken[0][1]["webhook-timestamp"])
    assert abs(datetime.fromtimestamp(stamp, UTC) - town.now()) < timedelta(minutes=1)
