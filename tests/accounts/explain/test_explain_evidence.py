"""Evidence of an explanation, who decided, and the repair under way: for every account."""

from __future__ import annotations

import itertools

import pytest

from accounts.explain.explanation import age, explain
from accounts.models import Gateway, Repair
from accounts.words.reasons import REASONS, SCAN
from accounts.words.status import Status, Wanted
from gateways.base import Reason
from tests.cast import see


# --- all of them --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", list(Status))
def test_something_is_said_of_every_status_for_every_reason(cast, status):
    """No part is empty, and no code stands in place of words."""
    account = cast.alice
    for reason, wanted, mode in itertools.product(REASONS, Wanted, Gateway.Mode):
        account.status, account.status_reason, account.wanted = status, reason, wanted
        account.gateway.mode = mode
        said = explain(account, cast.now)

        for text in (said.sentence, said.decided_by, said.next_step, said.human):
            assert text and "None" not in text and "_" not in text, (text, reason, wanted, mode)
        assert said.evidence


def test_it_names_what_it_rests_on(cast, say):
    said = say(
        Status.CONNECTED,
        proven_at=cast.ago(840),
        proof="message received",
        last_activity_at=cast.ago(30),
    )

    assert said.evidence == [
        "last proof of life (message received): 14 min ago",
        "last traffic, by the time of the message: 30 s ago",
        "last roll call of its gateway: 5 s ago",
        "last complete list of its gateway: 5 s ago",
        "last read that showed the session: 5 s ago",
        "last webhook or read that said something: 10 s ago",
    ]


def test_it_names_what_probes_have_found(cast, say):
    said = say(
        Status.UNRESPONSIVE,
        status_reason=Reason.HUNG,
        probed_at=cast.ago(20),
        probe_answer="no answer",
        probe_failing_since=cast.ago(300),
        disproved_at=cast.ago(240),
        webhook_at=cast.ago(600),
    )

    assert said.evidence[:3] == [
        "last probe of its live client (no answer): 20 s ago",
        "its connection disproved by a probe: 4 min ago",
        "last roll call of its gateway: 5 s ago",
    ]
    assert "no answer to any probe for 5 min" in said.evidence
    assert "last webhook about its state: 10 min ago" in said.evidence


def test_a_list_that_is_made_by_asking_is_proof(cast, say):
    Gateway.objects.update(kind="wwebjs_api")

    said = say(Status.CONNECTED)

    assert (
        said.sentence
        == "connected for 10 min: proven 5 s ago by the roll call, which asked its page"
    )


def test_it_names_who_decided(cast):
    see(cast.alice, Status.DISCONNECTED, at=cast.ago(1), actor="olga", evidence="delivery 17")

    assert explain(cast.alice, cast.now).decided_by == (
        "webhook by olga (delivery 17): connected → disconnected"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (118, "2 min"),
        (5399, "90 min"),
        (5400, "2 h"),
        (129599, "36 h"),
        (129600, "2 d"),
        (302400, "4 d"),
    ],
)
def test_an_age_reads_as_a_person_says_it(cast, seconds, words):
    assert age(cast.ago(seconds), cast.now) == words


# --- a start that waits or is under way ---------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Repair.State.WAITING, "Nothing: its restart is queued."),
        (Repair.State.RUNNING, "Nothing: its restart is running."),
        (Repair.State.UNCLEAR, "Nothing: the result of its restart is being checked."),
        (Repair.State.FAILED, "Restart the session; if that fails, scan again."),
        (Repair.State.CANCELLED, "Restart the session; if that fails, scan again."),
    ],
)
def test_nobody_need_restart_what_is_being_restarted(cast, state, words):
    account = cast.an_account("dana", Status.DISCONNECTED, status_reason=Reason.MISSING)
    Repair.objects.create(
        account=account, gateway=cast.gateway, session_id="dana", asked_by="customer", state=state
    )

    assert explain(account, cast.now).human == words


def test_a_code_on_the_screen_is_for_a_human_whatever_is_under_way(cast):
    Repair.objects.create(
        account=cast.bob, gateway=cast.gateway, session_id="bob", asked_by="operator"
    )

    assert explain(cast.bob, cast.now).human == SCAN


def test_what_waits_for_a_gateway_that_cannot_be_read_says_to_look_there(cast):
    account = cast.an_account("dana", Status.UNKNOWN, status_reason=Reason.UNREACHABLE)
    Repair.objects.create(
        account=account, gateway=cast.gateway, session_id="dana", asked_by="rollcall"
    )

    assert explain(account, cast.now).human == "Check the gateway, not the phone."
