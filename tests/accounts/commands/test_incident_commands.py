"""`incidents`, `channel_add` and `channel_test`: for people at night, and for scripts."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from accounts.incidents.incidents import acknowledge, close_incident, mute, open_incident
from accounts.models import Channel, Incident, Notification
from tests.accounts.alerts.receivers import a_channel

Kind = Incident.Kind


def run(command: str, *arguments: str) -> tuple[int, str]:
    """Return the exit code and the output."""
    out = StringIO()
    try:
        call_command(command, *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def trouble(command: str, *arguments: str) -> str:
    with pytest.raises(CommandError) as raised:
        run(command, *arguments)
    assert raised.value.returncode == 1
    return str(raised.value)


# --- incidents ------------------------------------------------------------------------------------
def test_none_open_is_zero(cast):
    a_channel()
    assert run("incidents") == (0, "No incident is open.\n")


def test_some_open_is_two_and_each_has_its_cure(cast):
    open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    open_incident(
        Kind.MISROUTED,
        gateway_id=cast.gateway.pk,
        count=41,
        text="it sends to /api/hooks/wa",
        cure="set WEBHOOK_ENDPOINT=/api/webhooks/webjs",
    )
    code, said = run("incidents")
    assert code == 2
    assert said.startswith("2 incidents are open.\n\nwhatsapp-1: webhooks arrive on a wrong path")
    assert "seen 41 times" in said
    assert "  do     set WEBHOOK_ENDPOINT=/api/webhooks/webjs\n" in said
    assert max(len(line) for line in said.splitlines()) < 250


def test_it_says_who_is_at_it_and_until_when_it_is_muted(cast):
    incident = open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    acknowledge(incident, actor="ann")
    mute(incident, duration=timedelta(hours=1), actor="ann")
    said = run("incidents")[1]
    assert "taken  by ann" in said
    assert "muted  until 2" in said


def test_closed_ones_are_shown_on_demand_and_are_no_reason_to_wake_anybody(cast):
    open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    close_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    assert run("incidents", "--json") == (0, "[]\n")
    code, said = run("incidents", "--all")
    assert code == 0
    assert "over   after" in said


def test_json_is_for_scripts(cast):
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, text="it sends to /x", count=41)
    code, said = run("incidents", "--json")
    [record] = json.loads(said)
    assert code == 2
    assert (record["kind"], record["gateway"], record["count"]) == ("misrouted", "whatsapp-1", 41)
    assert record["cure"]
    assert {"since", "acknowledged", "muted_until"} <= set(record)


def test_it_warns_when_nobody_is_told_or_a_channel_fails(cast):
    assert "channel_add" in run("incidents")[1]
    a_channel(failing_since=cast.now, last_error="it answered 500")
    assert "Channel ops fails since" in run("incidents")[1]


def test_a_strangers_words_do_not_move_the_cursor(cast):
    open_incident(Kind.MISROUTED, gateway_id=cast.gateway.pk, text="\x1b[2J\r\u202e")
    said = run("incidents")[1]
    assert "\x1b" not in said and "\r" not in said and "\u202e" not in said


def test_wrong_usage_is_an_error_and_not_an_incident(db):
    assert run("incidents", "--nonsense")[0] == 1


def test_a_database_that_is_away_is_an_error_in_one_line(db):
    def away(*arguments: object) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    with connection.execute_wrapper(away):
        assert trouble("incidents") == "the database does not answer: connection refused"


# --- channels -------------------------------------------------------------------------------------
def test_a_channel_is_added_once(db):
    arguments = ("channel_add", "--name", "ops", "--email", "ann@example.com,ben@example.com")
    assert run(*arguments)[1].startswith("Added channel ops (e-mail).")
    assert run(*arguments)[1].startswith("There is channel ops (e-mail).")
    assert Channel.objects.get().target == "ann@example.com,ben@example.com"


def test_an_apprise_url_is_taken_and_not_printed(db):
    url = "json://127.0.0.1:1/token-of-the-hook"
    said = run("channel_add", "--name", "chat", "--apprise", url, "--json")[1]
    assert json.loads(said)["kind"] == "apprise"
    assert "token-of-the-hook" not in said
    assert Channel.objects.get().target == url


def test_an_apprise_url_may_come_by_standard_input(db, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("json://127.0.0.1:1/token-of-the-hook\n"))
    run("channel_add", "--name", "chat", "--apprise", "-")
    assert Channel.objects.get().target == "json://127.0.0.1:1/token-of-the-hook"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--email", "nobody"), "address 1 is not an e-mail address"),
        (("--email", ","), "give at least one"),
        (("--apprise", "my-secret-token"), "does not understand"),
        (("--apprise", "file:///etc/passwd"), "is not offered"),
        ((), "required"),
        (("--email", "a@example.com", "--apprise", "json://127.0.0.1"), "not allowed with"),
    ],
)
def test_a_channel_nobody_can_be_told_by_is_refused(db, arguments, why):
    said = trouble("channel_add", "--name", "ops", *arguments)
    assert why in said
    assert "secret" not in said
    assert not Channel.objects.exists()


def test_a_channel_does_not_change_its_kind(db):
    a_channel()
    said = trouble("channel_add", "--name", "ops", "--apprise", "json://127.0.0.1:1/x")
    assert "give the new one another name" in said


def test_a_new_target_of_a_broken_channel_is_given_a_chance(cast):
    a_channel(failing_since=cast.now, last_error="it answered 500")
    run("channel_add", "--name", "ops", "--email", "ben@example.com")
    channel = Channel.objects.get()
    assert (channel.target, channel.failing_since) == ("ben@example.com", None)


def test_a_test_says_what_happened(db, hook):
    a_channel(target=hook.url)
    assert "was accepted" in run("channel_test", "ops")[1]
    hook.status = 404
    assert trouble("channel_test", "ops") == "channel ops: it answered 404"


def test_a_test_of_nothing_names_what_there_is(db):
    assert trouble("channel_test", "ops") == "there is no channel 'ops'; there are: none yet"
    a_channel("night")
    assert trouble("channel_test", "ops").endswith("there are: night")


def test_it_says_when_nobody_sends_what_is_due(cast):
    a_channel()
    open_incident(Kind.SILENT, gateway_id=cast.gateway.pk)
    assert "the worker" not in run("incidents")[1]
    Notification.objects.update(next_attempt_at=cast.ago(200))
    assert (
        "1 notice is due since 3 min, and unsent: do the worker and beat run?"
        in run("incidents")[1]
    )
