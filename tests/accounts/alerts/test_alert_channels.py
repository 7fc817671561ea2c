"""A channel that refuses, hangs or half works: bounded, visible, reported through another channel,
and never with its token shown."""

from __future__ import annotations

import time

import pytest

from accounts.alerts import sender
from accounts.alerts.channels import keep_channel, try_channel
from accounts.alerts.outbox import sweep_notifications, tell_channel
from accounts.incidents.incidents import open_incident
from accounts.models import Channel, Incident, Notification
from tests.accounts.alerts.receivers import a_channel

Kind = Incident.Kind


def trouble_of(channel: Channel) -> str:
    try_channel(channel.pk)
    channel.refresh_from_db()
    return channel.last_error


def test_a_test_that_arrives_is_noted(cast, mail_server):
    channel = a_channel()
    outcome = try_channel(channel.pk)
    channel.refresh_from_db()
    assert outcome.sent and not outcome.error
    assert channel.last_sent_at is not None
    assert mail_server.letters[0]["Subject"] == "[Rollcall] test of channel ops"


def test_no_two_letters_pass_for_the_same_one(cast, mail_server, settings):
    """A mailbox may drop a second message with the same Message-ID."""
    channel = a_channel()
    try_channel(channel.pk)
    try_channel(channel.pk)
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    tell_channel(channel.pk)
    Notification.objects.update(state="pending")  # as another installation would number it
    settings.PUBLIC_URL = "https://staging.example.com"
    Notification.objects.update(next_attempt_at=cast.now)
    tell_channel(channel.pk)
    assert len({letter["Message-ID"] for letter in mail_server.letters}) == 4


@pytest.mark.parametrize(
    ("command", "answer", "trouble"),
    [
        ("GREET", "554 go away", "the mail server answered 554"),
        ("MAIL", "550 not from you", "the mail server answered 550"),
        ("RCPT", "550 nobody here", "address 1 of 1 was refused (550)"),
        ("SENT", "552 too much", "the mail server answered 552"),
    ],
)
def test_it_says_what_the_mail_server_refused(cast, mail_server, command, answer, trouble):
    mail_server.answers[command] = answer
    assert trouble_of(a_channel()) == trouble


@pytest.mark.parametrize("command", ["GREET", "RCPT", "SENT"])
def test_a_mail_server_that_hangs_costs_no_more_than_the_timeout(cast, mail_server, command):
    mail_server.answers[command] = None
    began = time.monotonic()
    assert trouble_of(a_channel(timeout_seconds=1)) == "the mail server: it did not answer in time"
    assert time.monotonic() - began < 30  # it would hang for ever


@pytest.mark.parametrize("answer", ["500 what", None])
def test_a_mail_server_that_is_rude_at_the_end_has_taken_the_letter(cast, mail_server, answer):
    mail_server.answers["QUIT"] = answer
    assert trouble_of(a_channel(timeout_seconds=1)) == ""
    assert len(mail_server.letters) == 1


def test_it_says_when_no_mail_server_is_set_or_none_is_there(cast, settings):
    settings.EMAIL_HOST = ""
    assert "EMAIL_HOST" in trouble_of(a_channel())
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert trouble_of(Channel.objects.get()) == "the mail server: the connection was refused"


def test_a_server_without_what_is_set_is_not_spoken_to_in_the_clear(cast, mail_server, settings):
    settings.EMAIL_USE_TLS = True
    assert "does not offer" in trouble_of(a_channel())
    assert mail_server.letters == []


def test_one_refused_address_does_not_keep_the_others_from_knowing(cast, mail_server):
    mail_server.answers["RCPT ben@example.com"] = "550 no such user ben@example.com"
    channel = a_channel(target="ann@example.com,ben@example.com")
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    assert tell_channel(channel.pk) == 1
    channel.refresh_from_db()
    assert mail_server.recipients == [["ann@example.com"]]
    assert channel.last_error == "address 2 of 2 was refused (550)"
    assert channel.failing_since is not None
    assert Notification.objects.get().state == "sent"


@pytest.mark.parametrize(
    ("status", "trouble"),
    [(500, "it answered 500"), (404, "it answered 404"), (302, "it answered 302")],
)
def test_it_says_what_apprises_service_answered(cast, hook, status, trouble):
    hook.status = status
    assert trouble_of(a_channel(target=hook.url)) == trouble
    assert len(hook.taken) == 1


def test_a_service_that_hangs_costs_no_more_than_the_timeout(cast, hook):
    hook.status = None
    began = time.monotonic()
    assert "in time" in trouble_of(a_channel(target=hook.url, timeout_seconds=1))
    assert time.monotonic() - began < 30  # it would hang for ever


def test_a_service_that_is_not_there_is_refused(cast):
    channel = a_channel(target="json://127.0.0.1:1/token-of-the-hook")
    assert trouble_of(channel) == "the connection was refused"


def test_what_a_post_holds_names_nobody_but_rollcall(cast, hook):
    try_channel(a_channel(target=hook.url).pk)
    assert "apprise" not in str(hook.taken).lower()
    assert "github" not in str(hook.taken).lower()


def test_a_token_is_in_no_row_and_in_no_log(cast, hook, caplog, capfd):
    caplog.set_level("DEBUG")
    hook.status = 500
    channel = a_channel(target=hook.url)
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk)
    tell_channel(channel.pk)
    trouble_of(channel)
    rows = [*Channel.objects.values(), *Incident.objects.values(), *Notification.objects.values()]
    said = f"{rows}{caplog.text}{''.join(capfd.readouterr())}"
    assert "token-of-the-hook" not in said


def test_a_target_whose_key_is_gone_is_a_trouble_not_a_crash(cast, settings):
    channel = a_channel()
    settings.FIELD_KEYS = ["A" * 43 + "="]
    assert "set it again" in trouble_of(channel)


def test_one_failure_is_seen_on_the_channel_and_two_are_told_through_another(cast, hook):
    hook.status = 500
    broken = a_channel("broken", target=hook.url)
    a_channel("sound")
    try_channel(broken.pk)
    assert Channel.objects.get(name="broken").failing_since is not None
    assert not Incident.objects.exists()
    try_channel(broken.pk)
    incident = Incident.objects.get()
    assert (incident.kind, incident.closed_at) == ("channel", None)
    assert "Channel broken fails since" in incident.text
    assert 'channel_test "broken"' in incident.cure
    assert list(Notification.objects.values_list("channel__name", flat=True)) == ["sound"]


def test_it_is_over_when_the_channel_works_again(cast, hook):
    hook.status = 500
    broken = a_channel("broken", target=hook.url)
    try_channel(broken.pk)
    try_channel(broken.pk)
    hook.status = 200
    try_channel(broken.pk)
    broken.refresh_from_db()
    assert (broken.failing_since, broken.last_error) == (None, "")
    assert Incident.objects.get().closed_at is not None


def test_it_is_over_when_the_broken_channel_is_switched_off(cast):
    broken = a_channel("broken", failing_since=cast.ago(600))
    open_incident(Kind.CHANNEL)
    sweep_notifications()
    assert Incident.objects.get().closed_at is None
    Channel.objects.filter(pk=broken.pk).update(is_active=False)
    sweep_notifications()
    assert Incident.objects.get().closed_at is not None


def test_changing_a_channel_does_not_undo_what_a_sender_wrote_meanwhile(cast):
    channel = a_channel()
    Channel.objects.update(failing_since=cast.now, last_error="it answered 500")
    channel.name = "night"
    keep_channel(channel, changed=["name"])
    channel.refresh_from_db()
    assert (channel.name, channel.last_error) == ("night", "it answered 500")


def test_who_carries_a_letter_out_knows_no_secret_of_ours(cast, tmp_path, monkeypatch):
    """A stand-in replaces the sender process and reports its environment."""
    curious = tmp_path / "curious.py"
    curious.write_text(
        "import json, os, sys\n"
        "print(json.dumps({'sent': True, 'error': ' '.join([*os.environ, *sys.argv])}))\n"
    )
    monkeypatch.setattr(sender, "SENDER_PROCESS", curious)
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "the-password")
    known = try_channel(a_channel(target="json://127.0.0.1/token-of-the-hook").pk).error
    assert "curious.py" in known
    for name in ("SECRET_KEY", "FIELD_KEYS", "DATABASE_URL", "REDIS_URL", "PASSWORD", "token-of"):
        assert name not in known
