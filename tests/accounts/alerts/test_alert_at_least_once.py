"""Senders die, race and hang, Redis is down: every alert is sent at least once, by one sender at a
time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F

from accounts.alerts import sender
from accounts.alerts.channels import try_channel
from accounts.alerts.outbox import sweep_notifications, tell_channel
from accounts.incidents.incidents import open_incident
from accounts.models import Channel, Incident, Notification
from config.celery import app
from tests.accounts.alerts.receivers import MailServer, a_channel
from tests.cast import a_gateway

ROOT = Path(__file__).parents[3]
SENDER = (
    "import django; django.setup(); "
    "from accounts.alerts.outbox import tell_channel; tell_channel({})"
)


def wait_for(condition: Callable[[], object]) -> None:
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience, "it did not happen"
        time.sleep(0.02)


def a_sender(channel: Channel, server: MailServer) -> subprocess.Popen[bytes]:
    """Start a worker of its own on the tests' database."""
    database = connection.settings_dict
    url = "postgresql://{USER}:{PASSWORD}@/{NAME}?host={HOST}&port={PORT}".format(**database)
    environment = {
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": "0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(server.port),
    }
    return subprocess.Popen(
        [sys.executable, "-c", SENDER.format(channel.pk)], cwd=ROOT, env=os.environ | environment
    )


def misrouted() -> Incident:
    return open_incident(Incident.Kind.MISROUTED, gateway_id=a_gateway("whatsapp-1").pk)


def let_time_pass() -> None:
    """Move the waiting notices and the sender's lease two minutes back."""
    later = timedelta(minutes=2)
    Notification.objects.update(next_attempt_at=F("next_attempt_at") - later)
    Channel.objects.update(sending_until=F("sending_until") - later)


@pytest.fixture
def without_redis():
    """Point Celery at an address without a server, until the returned function is called."""
    before = (app.conf.task_always_eager, app.conf.broker_write_url)
    app.conf.task_always_eager, app.conf.broker_write_url = False, "redis://127.0.0.1:1/0"
    _forget_connections()

    def come_back() -> None:
        app.conf.task_always_eager, app.conf.broker_write_url = before
        _forget_connections()

    yield come_back
    come_back()


def _forget_connections() -> None:
    app.__dict__.pop("amqp", None)
    app._pool = None


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_sender_had_sent_but_not_marked_is_sent_again(mail_server, rung):
    channel = a_channel(timeout_seconds=20)
    misrouted()
    mail_server.answers["SENT"] = None  # accepted, but the sender does not know yet
    sender = a_sender(channel, mail_server)
    wait_for(lambda: mail_server.letters)
    sender.kill()
    sender.wait(10)
    mail_server.answers.clear()
    assert tell_channel(channel.pk) == 0  # another sender may still be at it
    assert Notification.objects.get().state == "pending"
    let_time_pass()
    assert tell_channel(channel.pk) == 1
    assert Notification.objects.get().state == "sent"
    first, again = mail_server.letters
    assert first["Message-ID"] == again["Message-ID"]


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_it_once(mail_server, rung):
    channel = a_channel(timeout_seconds=20)
    misrouted()
    senders = [a_sender(channel, mail_server) for _ in range(2)]
    assert [sender.wait(60) for sender in senders] == [0, 0]
    assert len(mail_server.letters) == 1
    row = Notification.objects.get()
    assert (row.state, row.attempts) == ("sent", 1)


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_hangs_holds_up_no_other(mail_server, hook, rung):
    hook.status = None
    stuck = a_channel("stuck", target=hook.url, timeout_seconds=20)
    sound = a_channel("sound")
    misrouted()
    sender = a_sender(stuck, mail_server)
    wait_for(lambda: hook.taken)
    assert tell_channel(sound.pk) == 1
    assert Notification.objects.get(channel=stuck).state == "pending"
    assert Channel.objects.get(pk=stuck.pk).sending_until is not None
    sender.kill()
    sender.wait(10)


@pytest.mark.django_db(transaction=True)
def test_with_redis_gone_the_incident_opens_and_is_told_by_the_sweeper(
    mail_server, without_redis, caplog
):
    channel = a_channel()
    misrouted()
    assert "tell_channel was not enqueued" in caplog.text
    assert Incident.objects.exists()
    assert Notification.objects.get().state == "pending"
    without_redis()
    sweep_notifications()
    assert Notification.objects.get(channel=channel).state == "sent"
    assert len(mail_server.letters) == 1


def test_a_server_that_drips_is_cut_off_at_the_hard_limit(cast, mail_server, monkeypatch):
    """The answer never ends, but each byte comes in time."""
    monkeypatch.setattr(sender, "BEYOND_SECONDS", 1)
    mail_server.drips = True
    began = time.monotonic()
    outcome = try_channel(a_channel(timeout_seconds=1).pk)
    assert outcome.error == "no answer within 1 s"
    assert time.monotonic() - began < 20  # it would hang for ever
