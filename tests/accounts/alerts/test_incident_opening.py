"""An incident opens once, counts, closes itself, and leaves its notices as rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts.incidents.incidents import close_incident, mute, open_incident
from accounts.models import Incident, Notification
from accounts.store.clock import database_now
from tests.accounts.alerts.receivers import a_channel
from tests.cast import a_gateway

Kind = Incident.Kind


def told() -> list[tuple[str, str, str]]:
    rows = Notification.objects.order_by("id")
    return list(rows.values_list("channel__name", "what", "state"))


def all_sent() -> None:
    Notification.objects.update(state=Notification.State.SENT, sent_at=database_now())


def test_it_opens_once_and_counts(cast):
    for text in ("first", "second", "third"):
        open_incident(Kind.SILENT, gateway_id=cast.gateway.pk, text=text)
    [incident] = Incident.objects.all()
    assert (incident.count, incident.text) == (3, "third")
    assert incident.last_seen_at >= incident.opened_at


def test_whoever_counts_by_themselves_says_the_number(cast):
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, count=3)
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, count=41)
    assert Incident.objects.get().count == 41


def test_each_gateway_and_each_kind_has_its_own(cast):
    open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    open_incident(Kind.FAILING, gateway_id=cast.gateway.pk)
    open_incident(Kind.SILENT, gateway_id=cast.other_gateway.pk)
    open_incident(Kind.UNATTRIBUTED)
    assert Incident.objects.count() == 4


def test_it_keeps_the_exact_cure_and_else_the_cure_of_its_kind(cast):
    exact = open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, cure="set WEBHOOK_ENDPOINT")
    usual = open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    assert exact.cure == "set WEBHOOK_ENDPOINT"
    assert "webhook URL" in usual.cure


def test_it_is_to_be_told_through_every_channel_that_is_on(cast):
    a_channel("ops")
    a_channel("night")
    a_channel("off", is_active=False)
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert told() == [("night", "opened", "pending"), ("ops", "opened", "pending")]


def test_five_thousand_lost_accounts_are_one_incident_and_one_notice(cast):
    a_channel()
    for lost in (1200, 3100, 5000):
        open_incident(Kind.MASS_LOSS, gateway_id=cast.gateway.pk, text=f"{lost} accounts vanished")
    assert Incident.objects.get().text == "5000 accounts vanished"
    assert told() == [("ops", "opened", "pending")]


def test_a_gateway_that_is_only_observed_is_told_to_operators_all_the_same(cast):
    a_channel()
    watched = a_gateway("watched", mode="observe")
    open_incident(Kind.UNREACHABLE, gateway_id=watched.pk)
    assert told() == [("ops", "opened", "pending")]


def test_its_channels_are_rung_at_once_when_it_has_no_hold(
    cast, rung, django_capture_on_commit_callbacks
):
    channel = a_channel()
    with django_capture_on_commit_callbacks(execute=True):
        open_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
        open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert rung == [("accounts.tasks.tell_channel", (channel.pk,))]


def test_the_notice_waits_for_the_hold(cast):
    a_channel()
    incident = open_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
    assert Notification.objects.get().next_attempt_at == incident.opened_at + timedelta(seconds=60)


def test_what_closes_inside_the_hold_is_not_told_nor_is_its_end(cast):
    a_channel()
    open_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
    assert close_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
    assert told() == [("ops", "opened", "cancelled")]


def test_the_recovery_is_told_to_whom_the_loss_was_told(cast):
    a_channel("ops")
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    all_sent()
    a_channel("newcomer")
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert told() == [("ops", "opened", "sent"), ("ops", "recovered", "pending")]


def test_what_is_still_being_told_when_it_ends_has_its_recovery_behind_it(cast):
    a_channel()
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert told() == [("ops", "opened", "pending"), ("ops", "recovered", "pending")]


def test_closing_what_is_not_open_is_harmless(cast):
    assert not close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert not close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)


def test_after_its_end_it_opens_anew_and_is_told_anew(cast):
    a_channel()
    for _ in range(2):
        open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
        close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert Incident.objects.count() == 2
    assert Notification.objects.filter(what="opened").count() == 2


def test_what_comes_and_goes_is_muted_once(cast):
    first = open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    mute(first, duration=timedelta(hours=8), actor="ann")
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    again = open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    elsewhere = open_incident(Kind.MISROUTED, gateway_id=cast.other_gateway.pk)
    assert again.muted_until == Incident.objects.get(pk=first.pk).muted_until
    assert elsewhere.muted_until is None


def test_a_broken_channel_is_not_asked_to_tell_of_itself(cast):
    a_channel("broken", failing_since=cast.ago(60))
    a_channel("sound")
    open_incident(Kind.CHANNEL)
    assert told() == [("sound", "opened", "pending")]


def test_nothing_is_told_of_what_was_not_committed(cast):
    a_channel()
    with transaction.atomic():
        open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
        transaction.set_rollback(True)
    assert not Incident.objects.exists()
    assert not Notification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_who_see_it_at_once_open_it_once():
    gateway = a_gateway("whatsapp-1")
    a_channel()

    def see() -> None:
        try:
            for _ in range(5):
                open_incident(Kind.SLOW, gateway_id=gateway.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        for seen in [pool.submit(see) for _ in range(8)]:
            seen.result()
    assert Incident.objects.get().count == 40
    assert told() == [("ops", "opened", "pending")]
