"""The row comes first: whatever applying does, what was received is kept, and is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError

from accounts.operators.registration import register
from accounts.state.observations import Observation
from accounts.store.clock import database_now
from tests.cast import story
from tests.webhooks.sending import event, lost, the_delivery
from webhooks.inbox import receive, retry
from webhooks.models import Delivery


@pytest.fixture
def applying_fails(monkeypatch):
    """Make observing fail; call the fixture to repair it."""

    def fail(observations: list[Observation]) -> None:
        raise OperationalError("canceling statement due to lock timeout\nDETAIL: a value")

    with monkeypatch.context() as broken:
        broken.setattr(receive, "observe", fail)
        yield broken.undo


def sweep_when_due() -> int:
    Delivery.objects.update(next_attempt_at=database_now())
    return retry.sweep_pending()


def test_an_applied_webhook_has_its_row(cast, sender):
    sender.send(lost("alice", workspace_id=cast.acme.pk))
    row = the_delivery()
    assert (row.gateway, row.account, row.event) == (
        cast.gateway,
        cast.alice,
        "session_disconnected",
    )
    assert (row.state, row.attempts, row.error) == ("applied", 1, "")
    assert (row.session_id, row.workspace_claim) == ("alice", cast.acme.pk)
    assert row.received_at == row.settled_at and row.next_attempt_at is None


def test_what_cannot_be_applied_is_kept_with_its_error(cast, sender, applying_fails):
    answer = sender.send(lost())
    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    row = the_delivery()
    assert (row.state, row.attempts) == ("pending", 1)
    assert row.error == "OperationalError: canceling statement due to lock timeout"
    assert row.next_attempt_at > row.received_at


def test_the_sweeper_applies_it_later(cast, sender, applying_fails):
    sender.send(lost())
    applying_fails()
    assert sweep_when_due() == 1
    assert (the_delivery().state, the_delivery().attempts, the_delivery().error) == (
        "applied",
        2,
        "",
    )
    assert story(cast.alice) == [("connected", "disconnected")]


def test_it_is_applied_as_of_its_receipt(cast, sender, applying_fails):
    sender.send(lost())
    applying_fails()
    sender.send(event("session_ready", phone_number=cast.alice.phone_number))
    sweep_when_due()
    states = list(Delivery.objects.order_by("id").values_list("state", flat=True))
    cast.alice.refresh_from_db()
    assert (states, cast.alice.status) == (["superseded", "applied"], "connected")


def test_what_is_not_due_waits(sender, applying_fails):
    sender.send(lost())
    Delivery.objects.update(next_attempt_at=database_now() + timedelta(seconds=60))
    assert retry.sweep_pending() == 0


def test_each_failure_waits_longer_and_never_more_than_a_minute(sender, applying_fails):
    sender.send(lost())
    pauses = []
    for _ in range(9):
        before = database_now()
        assert sweep_when_due() == 1
        pauses.append((the_delivery().next_attempt_at - before).total_seconds())
    for pause, whole in zip(pauses, [2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert whole / 2 <= pause <= whole + 1
    assert the_delivery().attempts == 10


def test_what_fails_for_ten_minutes_is_a_dead_letter(sender, applying_fails):
    sender.send(lost())
    Delivery.objects.update(received_at=database_now() - timedelta(minutes=10))
    sweep_when_due()
    row = the_delivery()
    assert (row.state, row.next_attempt_at) == ("dead", None)
    assert row.error.startswith("OperationalError") and row.settled_at
    assert sweep_when_due() == 0


def test_one_that_fails_does_not_stop_the_others(cast, sender, monkeypatch):
    real = receive.observe

    def fail_for_alice(observations):
        if observations[0].session_id == "alice":
            raise ZeroDivisionError("a defect of ours")
        return real(observations)

    monkeypatch.setattr(receive, "observe", fail_for_alice)
    assert sender.send(lost("alice")).json()["state"] == "pending"
    assert sender.send(lost("bob")).json()["state"] == "applied"
    assert sweep_when_due() == 1


def test_an_error_that_no_row_can_hold_is_kept_as_far_as_it_can_be(cast, sender, monkeypatch):
    def fail(observations):
        raise ValueError("odd \0 \ud800 word")

    monkeypatch.setattr(receive, "observe", fail)
    assert sender.send(lost()).json()["state"] == "pending"
    assert the_delivery().error == "ValueError: odd \\u0000 \\ud800 word"


def test_what_came_before_its_account_is_applied_when_it_is_registered(cast, sender):
    assert sender.send(event("qr_code_generated", "early")).json()["state"] == "ignored"
    account, _ = register(
        workspace=cast.acme, gateway=cast.gateway, session_id="early", actor="test"
    )
    account.refresh_from_db()
    assert (account.status, the_delivery().state) == ("qr_scanning", "applied")


def test_old_rows_go_after_their_time(sender, settings):
    sender.send(lost())
    sender.send(lost("bob"))
    old = database_now() - timedelta(days=settings.DELIVERIES_KEPT_DAYS, seconds=1)
    Delivery.objects.filter(session_id="bob").update(received_at=old)
    assert retry.prune() == 1
    assert the_delivery().session_id == "alice"
