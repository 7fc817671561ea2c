"""Bugs that others have paid for, as far as they concern webhooks. Those that have a place of their
own already:

- an older look overwrites a newer one (Chatwoot): accounts/test_newer_wins, test_keeping
- a login followed at once by a false "disconnected" (Chatwoot): test_recorded_webhooks
- a session whose server never came back goes on claiming to run (OpenWA): accounts/test_expiry
- a loop of reconnecting to a conflict (WAHA): test_recorded_webhooks, "nobody believes …"
- an address that leads elsewhere, or is gone after a disconnect (Evolution): test_configured
- a change that no webhook told of (GREEN-API): test_missed_changes
- messages lost while the key was wrong (waxum): test_judging, test_refusals
- one that cannot be sent stops all others (Argo CD): test_forward_order, test_keeping
- a malformed signature ends in a 500 (standardwebhooks): test_signatures_of_every_kind
- an id that is forgotten before the sender gives up: test_repeats
- a short success ends the alarm (baileys-api): test_judging, "one that flaps …"
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from accounts.models import Account, Gateway
from accounts.store.clock import database_now
from accounts.store.qr_codes import read_qr
from gateways.registry import KINDS
from tests.accounts.store.threads import meanwhile
from tests.cast import make_cast, story
from tests.webhooks.sending import KEY, Sender, event, give_secret, lost
from tests.webhooks.speaking import LOST, TOKEN, a_gateway_of, post
from webhooks.inbox import receive
from webhooks.inbox.redeliver import discard, redeliver
from webhooks.inbox.retry import sweep_pending
from webhooks.models import Delivery

QR = "data:image/png;base64,AAAA"


def pending(sender: Sender, monkeypatch) -> Delivery:
    """A delivery that could not be applied when it came, and can be now."""

    def fail(observations: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(receive, "observe", fail)
        sender.send(lost())
    Delivery.objects.update(next_attempt_at=database_now())
    return Delivery.objects.latest("id")


@pytest.fixture
def committed(transactional_db):
    """The usual people, for other connections to see."""
    cast = make_cast()
    give_secret(cast.gateway, "hmac", Sender().secret)
    return cast


def test_a_replay_does_not_race_the_original_that_is_still_under_way(committed, monkeypatch):
    """OpenWA: both were applied."""
    delivery = pending(Sender(), monkeypatch)
    with ExitStack() as until_committed, transaction.atomic():
        Delivery.objects.select_for_update().get(pk=delivery.pk)
        late = until_committed.enter_context(meanwhile(lambda: redeliver([delivery.pk])))
        receive.attempt(delivery, now=database_now())
    [redelivered] = late
    assert not redelivered.states  # it found nothing left to do
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("applied", 2)
    assert story(committed.alice) == [("connected", "disconnected")]


def test_two_sweepers_apply_each_once(committed, monkeypatch):
    for _ in range(6):
        pending(Sender(), monkeypatch)
    start, tried = threading.Barrier(4), []

    def sweep() -> None:
        start.wait(10)
        tried.append(sweep_pending())
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(tried) == 6
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {2}
    assert story(committed.alice) == [("connected", "disconnected")]


def test_what_raised_nothing_is_not_for_that_reason_applied(cast, sender):
    """OpenWA: "it did not throw" was taken for success, and no retry was ever counted."""
    sender.send(lost("nobody's"))
    sender.send(lost("alice", workspace_id=cast.globex.pk))
    sender.send({"event": "unheard_of"})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"ignored"}
    assert all(Delivery.objects.values_list("error", flat=True))


def test_discarded_is_not_failed_and_is_not_tried_again(sender, monkeypatch):
    """OpenWA: what somebody had cancelled counted as a failure."""
    delivery = pending(sender, monkeypatch)
    discard([delivery.pk], why="known", actor="maria")
    assert sweep_pending() == 0
    delivery.refresh_from_db()
    assert (delivery.state, delivery.first_error) == ("discarded", "OperationalError: gone")


def test_ten_expired_qr_codes_are_one_wait_for_a_scan(cast, sender):
    """OpenWA: each counted as an attempt to reconnect; after the fix, none did."""
    for number in range(10):
        sender.send(event("qr_code_generated", "alice", qr_code=f"code{number}", expires_in=20))
    assert story(cast.alice) == [("connected", "qr_scanning")]
    assert Delivery.objects.filter(state="applied").count() == 10


@pytest.mark.parametrize("name", ["session_authenticated", "session_ready"])
def test_a_code_that_was_scanned_is_shown_to_nobody_else(committed, name):
    """openmessage: a dead code was scanned, and the phone waited for ever."""
    sender, bob = Sender(), committed.bob
    sender.send(event("qr_code_generated", "bob", qr_code=QR, expires_in=60))
    assert read_qr(bob.pk)
    sender.send(event(name, "bob", phone_number="62811801642"))
    assert read_qr(bob.pk) is None


def test_after_a_success_the_next_failure_waits_as_little_as_the_first(cast, sender, monkeypatch):
    """Argo CD: the backoff never went back."""
    for _ in range(3):
        delivery = pending(sender, monkeypatch)
        sweep_pending()
        delivery.refresh_from_db()
        assert delivery.state == "applied"
    pause = _pause_of_a_failure(sender, monkeypatch)
    assert pause <= timedelta(seconds=1)


def _pause_of_a_failure(sender: Sender, monkeypatch) -> timedelta:
    def fail(observations: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(receive, "observe", fail)
        sender.send(lost("bob"))
    row = Delivery.objects.latest("id")
    assert row.next_attempt_at is not None
    return row.next_attempt_at - row.received_at


def test_no_webhook_of_any_kind_makes_or_removes_an_account(cast):
    """Consul: whoever did not know a row deleted it, though others had made it."""
    for kind in KINDS:
        a_gateway_of(cast, kind, name=f"new {kind}", path=TOKEN)
    mine = set(Account.objects.values_list("pk", flat=True))
    for kind in KINDS:
        assert post(kind, LOST[kind], token=TOKEN).status_code == 200
    assert set(Account.objects.values_list("pk", flat=True)) == mine


@pytest.mark.parametrize("name", ["session_ready", "session_authenticated", "session_reconnected"])
def test_what_a_human_has_stopped_no_webhook_wants_to_run(cast, sender, name):
    """healthchecks: a call of the API put a paused check back to work."""
    Account.objects.filter(pk=cast.alice.pk).update(wanted="stopped", status="stopped")
    sender.send(event(name, phone_number="62811801641"))
    cast.alice.refresh_from_db()
    assert cast.alice.wanted == "stopped"


def test_registering_a_gateway_again_puts_nothing_back_to_work(cast):
    """healthchecks, once more."""
    Gateway.objects.filter(pk=cast.gateway.pk).update(mode="observe", require_signature=True)
    call_command("gateway_add", "--name", cast.gateway.name, "--api-key", KEY)
    cast.gateway.refresh_from_db()
    assert (cast.gateway.mode, cast.gateway.require_signature) == ("observe", True)


def test_when_all_are_lost_at_once_each_is_believed(cast, sender):
    """WAHA: all sessions of a server dropped together."""
    for number in range(60):
        cast.an_account(f"s{number}", "connected")
    states = {sender.send(lost(f"s{number}")).json()["state"] for number in range(60)}
    assert states == {"applied"}
    assert Account.objects.filter(status="disconnected").count() == 60
