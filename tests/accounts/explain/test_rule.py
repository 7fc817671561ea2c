"""The rule that decided is named in words, and so is what it ruled out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.explain.explanation import explain
from accounts.models import Account, Gateway, Transition
from accounts.state import maintenance
from accounts.state.expiry import expire_live_words
from accounts.words.status import Source, Status
from gateways.base import Reason
from tests.cast import see


@pytest.fixture
def running(cast):
    """Let a roll call read the gateway."""
    Gateway.objects.update(run_started_at=cast.ago(5), listed_at=cast.ago(5))


def said_of(account, cast):
    account = Account.objects.select_related("gateway").get(pk=account.pk)
    return explain(account, cast.now)


def becomes(cast, status, reason, source):
    see(cast.alice, status, at=cast.now, reason=reason, source=source)
    return said_of(cast.alice, cast)


@pytest.mark.parametrize(
    ("status", "reason", "source", "rule"),
    [
        (Status.DISCONNECTED, Reason.MISSING, Source.READ, "denied by a targeted read: its gatew"),
        (Status.DISCONNECTED, Reason.MISSING, Source.LIST, "from every complete list of 60 s"),
        (Status.DISCONNECTED, Reason.LISTED, Source.LIST, "its gateway's list shows it as gone"),
        (
            Status.DISCONNECTED,
            Reason.NETWORK,
            Source.WEBHOOK,
            "reported this by webhook; a check confirms it",
        ),
        (Status.DISCONNECTED, Reason.OPERATOR, Source.OPERATOR, "set by an operator"),
        (Status.DISCONNECTED, Reason.BROWSER_GONE, Source.PROBE, "there is no page behind"),
        (Status.UNRESPONSIVE, Reason.HUNG, Source.PROBE, "three probes of the live client in a r"),
        (Status.UNRESPONSIVE, Reason.NOT_LISTED, Source.READ, "two answers that contradict"),
        (Status.UNKNOWN, Reason.MASS_LOSS_UNCONFIRMED, Source.LIST, "until its lists have agreed"),
        (Status.LOGGED_OUT, Reason.WRONG_NUMBER, Source.READ, "an account's number never changes"),
    ],
)
def test_it_names_the_rule(cast, running, status, reason, source, rule):
    assert rule in becomes(cast, status, reason, source).rule


def test_absent_and_denied(cast, running):
    Account.objects.filter(pk=cast.alice.pk).update(unshown_since=cast.ago(3))

    said = becomes(cast, Status.DISCONNECTED, Reason.MISSING, Source.READ)

    assert said.rule == "absent from a complete list and denied by a targeted read"
    assert said.ruled_out == [
        "not unknown: its gateway can be read, with a complete list 5 s ago",
        "not logged out: nothing has said that the phone or WhatsApp unlinked it",
        "not stopped: it should be running",
    ]


def test_a_word_that_expired(cast, running):
    Gateway.objects.update(blind_since=cast.ago(60), listed_at=cast.ago(80))
    Account.objects.filter(pk=cast.alice.pk).update(read_at=cast.ago(80))
    for _ in range(2):  # before the sweep has written the row, and after
        said = said_of(cast.alice, cast)
        assert said.rule == "a live word is believed for 45 s after the last read that showed it"
        assert said.ruled_out[1] == (
            "not disconnected: a gateway that cannot be read says nothing about its sessions"
        )
        expire_live_words()


def test_connected_says_what_it_is_not(cast, running):
    said = said_of(cast.alice, cast)

    assert said.rule == "as it was registered: nothing has been seen since that would change it"
    assert said.ruled_out == [
        "not unknown: it was last shown 5 s ago, and that counts for 45 s",
        "not disconnected: no complete list has left it out since a list showed it",
        "not unresponsive: no probe of its live client has failed; no messages is not a failure",
    ]


def test_doubts_are_said_beside_connected(cast, running):
    doubts = {"unshown_since": cast.ago(7), "probe_failures": 2}
    Account.objects.filter(pk=cast.alice.pk).update(**doubts)

    _, lists, probes = said_of(cast.alice, cast).ruled_out

    assert lists == "not disconnected: lists leave it out for 7 s, but no read has denied it"
    assert probes.startswith("not unresponsive: 2 probes failed, it takes three")


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("status", Status)
def test_every_status_from_every_source_has_a_rule_and_something_it_is_not(cast, status, source):
    """No code stands in place of words."""
    alice = cast.alice
    for reason in Reason:
        alice.status, alice.status_reason = status, reason
        Transition.objects.all().delete()
        Transition.objects.create(
            account=alice,
            from_status=Status.PENDING,
            to_status=status,
            reason=reason,
            source=source,
            observed_at=cast.ago(5),
        )
        said = explain(alice, cast.now)
        assert said.rule and said.ruled_out
        assert not any("_" in text or "None" in text for text in (said.rule, *said.ruled_out))


# --- what happens next --------------------------------------------------------------------------
def test_without_a_plan_the_next_roll_call_is_next(cast, running):
    said = said_of(cast.alice, cast)

    assert said.next_step.startswith("gateway whatsapp-1 is read every 20 s, next in 15 s; ")
    assert said.next_step_at == cast.now + timedelta(seconds=15)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(42, "restart in 42 s (2nd of 3 tries); "), (-3, "restart due now (2nd of 3 tries); ")],
)
def test_what_repair_has_planned_comes_first_with_its_countdown(cast, running, seconds, words):
    at = cast.now + timedelta(seconds=seconds)
    Account.objects.filter(pk=cast.alice.pk).update(
        next_step_code="restart_after_backoff",
        next_step_arguments={"try_number": 2},
        next_step_at=at,
    )

    said = said_of(cast.alice, cast)

    assert said.next_step.startswith(f"{words}gateway whatsapp-1 is read every 20 s")
    assert said.next_step_at == at


def test_under_maintenance_it_is_only_read(cast, running):
    window = maintenance.begin(cast.gateway, duration=timedelta(hours=1), why="", actor="olga")
    Account.objects.filter(pk=cast.alice.pk).update(
        next_step_code="restart_after_backoff", next_step_at=cast.now
    )

    until = maintenance.said(window.ends_at, cast.now)
    now = window.starts_at
    account = Account.objects.select_related("gateway").get(pk=cast.alice.pk)
    assert explain(account, now).next_step.startswith(
        f"gateway whatsapp-1 is under maintenance until {until}: nothing is repaired; gateway"
    )


def test_with_nobody_at_work_nothing_is_promised(cast):
    Account.objects.filter(pk=cast.alice.pk).update(
        next_step_code="restart_after_backoff", next_step_at=cast.now
    )

    said = said_of(cast.alice, cast)

    assert said.next_step.startswith("nothing: no roll call is running")
    assert said.next_step_at is None
