"""Due notices leave through their channel, once; failed ones are tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from accounts.alerts.outbox import sweep_notifications, tell_channel
from accounts.incidents import alert_rules
from accounts.incidents.affected import affected_by
from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Channel, Incident, Notification
from accounts.store.clock import database_now
from accounts.words.status import Status, Wanted
from tests.accounts.alerts.receivers import a_channel
from tests.cast import a_gateway, a_workspace

Kind = Incident.Kind


def misrouted(gateway) -> Incident:
    return open_incident(Kind.MISROUTED, gateway_id=gateway.pk, text="it sends to /wrong")


def states() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("id").values_list("what", "state"))


def make_due() -> None:
    """Make the waiting notices due now."""
    Notification.objects.filter(state="pending").update(next_attempt_at=database_now())


def test_it_sends_an_e_mail_to_every_address(cast, mail_server):
    channel = a_channel(target="ann@example.com,ben@example.com")
    misrouted(cast.gateway)
    assert tell_channel(channel.pk) == 1
    [letter] = mail_server.letters
    assert letter["Subject"] == "[Rollcall] whatsapp-1: webhooks arrive on a wrong path"
    assert "it sends to /wrong" in letter.get_content()
    assert mail_server.recipients == [["ann@example.com", "ben@example.com"]]
    assert states() == [("opened", "sent")]


def test_an_alert_says_how_many_accounts_of_which_customers_are_not_connected(cast, mail_server):
    for number in range(3):
        cast.an_account(f"globex-{number}", Status.LOGGED_OUT, workspace=cast.globex)
    cast.an_account("off", Status.STOPPED, wanted=Wanted.STOPPED)
    cast.an_account("gone", Status.LOGGED_OUT, archived_at=cast.now)
    cast.an_account("elsewhere", Status.LOGGED_OUT, gateway=cast.other_gateway)
    channel = a_channel()
    misrouted(cast.gateway)

    tell_channel(channel.pk)

    [letter] = mail_server.letters
    said = "Whom:  5 of 6 accounts not connected: Globex (3), Acme (2)"
    assert said in letter.get_content().splitlines()


def test_of_many_customers_an_alert_names_those_with_most_accounts_down(cast):
    for number in range(1, 9):
        workspace = a_workspace(f"customer {number}")
        for one in range(number):
            cast.an_account(f"{number}-{one}", Status.LOGGED_OUT, workspace=workspace)

    affected = affected_by([cast.gateway.pk], cast.now)[cast.gateway.pk]

    assert affected.text() == (
        "38 of 39 accounts not connected: customer 8 (8), customer 7 (7), customer 6 (6), "
        "customer 5 (5), customer 4 (4) and 4 more customers (8)"
    )


def test_a_gateway_whose_accounts_are_all_connected_is_said_to_be_so(cast):
    cast.an_account("alone", Status.CONNECTED, gateway=cast.other_gateway)
    affected = affected_by([cast.gateway.pk, cast.other_gateway.pk], cast.now)
    assert affected[cast.other_gateway.pk].text() == "none of 1 account there: all connected"


def test_it_posts_to_what_an_apprise_url_names(cast, hook):
    channel = a_channel(target=hook.url)
    misrouted(cast.gateway)
    assert tell_channel(channel.pk) == 1
    [said] = hook.taken
    assert said["title"] == "[Rollcall] whatsapp-1: webhooks arrive on a wrong path"
    assert "Since:" in said["message"]
    assert states() == [("opened", "sent")]


def test_what_was_sent_is_not_sent_again(cast, mail_server):
    channel = a_channel()
    misrouted(cast.gateway)
    tell_channel(channel.pk)
    tell_channel(channel.pk)
    sweep_notifications()
    assert len(mail_server.letters) == 1


def test_the_recovery_follows_and_says_how_long_it_lasted(cast, mail_server):
    channel = a_channel()
    incident = misrouted(cast.gateway)
    tell_channel(channel.pk)
    Incident.objects.filter(pk=incident.pk).update(opened_at=F("opened_at") - timedelta(minutes=13))
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    tell_channel(channel.pk)
    [_, over] = mail_server.letters
    assert over["Subject"].endswith("webhooks arrive on a wrong path: over after 13 min")
    assert "It is over. It lasted 13 min." in over.get_content()
    assert states() == [("opened", "sent"), ("recovered", "sent")]


def test_a_beginning_and_its_end_that_are_due_together_are_one_letter(cast, mail_server):
    channel = a_channel()
    misrouted(cast.gateway)
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert tell_channel(channel.pk) == 1
    [letter] = mail_server.letters
    assert "over after 0 s" in letter["Subject"]
    assert states() == [("opened", "sent"), ("recovered", "sent")]


def test_nothing_leaves_before_its_hold_is_over(cast, mail_server):
    channel = a_channel()
    incident = open_incident(Kind.UNREACHABLE, gateway_id=cast.gateway.pk)
    make_due()
    assert tell_channel(channel.pk) == 0
    assert Notification.objects.get().next_attempt_at == incident.opened_at + timedelta(seconds=60)
    Incident.objects.update(opened_at=F("opened_at") - timedelta(seconds=60))
    make_due()
    assert tell_channel(channel.pk) == 1


def test_what_fails_is_tried_again_later(cast, mail_server):
    mail_server.answers["SENT"] = "451 try later"
    channel = a_channel()
    misrouted(cast.gateway)
    assert tell_channel(channel.pk) == 0
    row = Notification.objects.get()
    assert (row.state, row.attempts) == ("pending", 1)
    assert row.error == "the mail server answered 451"
    assert 10 < (row.next_attempt_at - database_now()).total_seconds() <= 30
    mail_server.answers.clear()
    make_due()
    assert tell_channel(channel.pk) == 1
    assert states() == [("opened", "sent")]


def test_it_gives_up_after_a_limit_and_then_tells_no_recovery(cast, mail_server):
    mail_server.answers["SENT"] = "554 no"
    channel = a_channel()
    misrouted(cast.gateway)
    Notification.objects.update(attempts=alert_rules.MOST_ATTEMPTS - 1)
    tell_channel(channel.pk)
    assert states() == [("opened", "dead")]
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert states() == [("opened", "dead")]


def test_a_recovery_that_waited_is_dropped_when_its_beginning_could_not_be_told(cast, mail_server):
    mail_server.answers["SENT"] = "554 no"
    channel = a_channel()
    misrouted(cast.gateway)
    close_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    Notification.objects.update(attempts=alert_rules.MOST_ATTEMPTS - 1)
    Notification.objects.filter(what="recovered").update(
        next_attempt_at=database_now() + timedelta(1)
    )
    tell_channel(channel.pk)
    make_due()
    tell_channel(channel.pk)
    assert states() == [("opened", "dead"), ("recovered", "cancelled")]


def test_many_things_at_once_are_one_message(cast, hook):
    channel = a_channel(target=hook.url)
    for number in range(30):
        misrouted(a_gateway(f"gateway-{number}"))
    assert tell_channel(channel.pk) == 1
    [said] = hook.taken
    assert said["title"] == "[Rollcall] 30 incidents: 30 open, 0 over"
    assert "gateway-0:" in said["message"]
    assert "more: http" in said["message"]
    assert len(said["message"]) < 4000
    assert set(states()) == {("opened", "sent")}


def test_what_exceeds_the_rate_waits_and_then_comes_in_one_message(cast, hook):
    channel = a_channel(target=hook.url, most_per_hour=2)
    for name in ("a", "b", "c"):
        misrouted(a_gateway(name))
        tell_channel(channel.pk)
    assert len(hook.taken) == 1
    waiting = Notification.objects.filter(state="pending")
    assert waiting.count() == 2
    assert all(row.next_attempt_at > database_now() and not row.attempts for row in waiting)
    Notification.objects.filter(state="sent").update(sent_at=F("sent_at") - timedelta(minutes=31))
    make_due()
    tell_channel(channel.pk)
    assert hook.taken[1]["title"] == "[Rollcall] 2 incidents: 2 open, 0 over"
    assert set(states()) == {("opened", "sent")}


def test_a_channel_that_was_switched_off_is_not_used(cast, hook):
    channel = a_channel(target=hook.url)
    misrouted(cast.gateway)
    Channel.objects.update(is_active=False)
    tell_channel(channel.pk)
    assert hook.taken == []
    assert states() == [("opened", "cancelled")]


def test_the_sweeper_sends_what_nobody_was_rung_for(
    cast, rung, mail_server, django_capture_on_commit_callbacks
):
    a_channel()
    misrouted(cast.gateway)
    with django_capture_on_commit_callbacks(execute=True):
        sweep_notifications()
    [(task, (channel_id,))] = rung
    assert task == "accounts.tasks.tell_channel"
    tell_channel(channel_id)
    assert len(mail_server.letters) == 1


def test_the_sweeper_rings_once_for_each_channel_and_not_before_its_time(
    cast, rung, django_capture_on_commit_callbacks
):
    first, second = a_channel("a"), a_channel("b")
    misrouted(cast.gateway)
    misrouted(cast.other_gateway)
    Notification.objects.filter(channel=second).update(
        next_attempt_at=database_now() + timedelta(seconds=30)
    )
    with django_capture_on_commit_callbacks(execute=True):
        sweep_notifications()
    assert rung == [("accounts.tasks.tell_channel", (first.pk,))]


@pytest.mark.parametrize("seconds", [20, -1])
def test_one_sender_at_a_time_has_a_channel_until_its_lease_ends(cast, mail_server, seconds):
    channel = a_channel(sending_until=database_now() + timedelta(seconds=seconds))
    misrouted(cast.gateway)
    assert tell_channel(channel.pk) == (0 if seconds > 0 else 1)
    assert Notification.objects.get().attempts == (0 if seconds > 0 else 1)
