"""One account: what Rollcall thinks, why, what comes next; all that happened, in one order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.explain.explanation import what_to_do
from accounts.models import Account, Gateway, Repair, Transition
from accounts.operators import lifecycle
from accounts.store.qr_codes import keep_qr
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from reconciliation.models import Finding, Run
from tests.cast import see
from tests.dashboard.pages import page_of, words
from webhooks.models import Delivery

PICTURE = "data:image/png;base64,QR"


def a_delivery(cast, account, *, ago, **fields):
    defaults = {
        "gateway": cast.gateway,
        "account": account,
        "event": "session_disconnected",
        "session_id": account.session_id or "",
        "state": Delivery.State.APPLIED,
        "received_at": cast.ago(ago),
    }
    return Delivery.objects.create(**defaults | fields)


def a_transition(cast, account, *, ago, to=Status.DISCONNECTED, **fields):
    defaults = {
        "account": account,
        "from_status": Status.CONNECTED,
        "to_status": to,
        "source": Source.WEBHOOK,
        "observed_at": cast.ago(ago),
        "created_at": cast.ago(ago),
    }
    return Transition.objects.create(**defaults | fields)


def a_finding(cast, account, *, ago, **fields):
    seen = {"first_seen_at": cast.ago(ago), "last_seen_at": cast.ago(ago)}
    defaults = {"gateway": cast.gateway, "account": account, "kind": Finding.Kind.MISSING}
    return Finding.objects.create(**defaults | seen | fields)


def titles(response):
    return [entry.title for entry in response.context_data["entries"]]


def test_deliveries_findings_transitions_and_acts_stand_in_one_order(admin, cast):
    a_delivery(cast, cast.alice, ago=50)
    a_transition(cast, cast.alice, ago=40)
    a_finding(cast, cast.alice, ago=30)
    a_transition(cast, cast.alice, ago=20, to=Status.CONNECTED)
    a_delivery(cast, cast.alice, ago=10, event="session_ready")
    assert titles(admin.get(page_of(cast.alice))) == [
        "session_ready",
        "connected, for another reason",
        "missing: we say it runs, the gateway has no such session",
        "connected → disconnected",
        "session_disconnected",
    ]


def test_of_one_moment_the_cause_stands_below_its_effect(admin, cast):
    a_transition(cast, cast.alice, ago=5)
    a_delivery(cast, cast.alice, ago=5)
    kinds = [entry.kind for entry in admin.get(page_of(cast.alice)).context_data["entries"]]
    assert kinds == ["status", "webhook"]


def test_others_are_not_in_it(admin, cast):
    a_delivery(cast, cast.bob, ago=5)
    assert titles(admin.get(page_of(cast.alice))) == []


def test_merged_accounts_tell_their_part_also_by_way_of_another(admin, cast):
    first = cast.an_account("first", Status.STOPPED, merged_into=cast.bob)
    Account.objects.filter(pk=cast.bob.pk).update(merged_into=cast.alice)
    a_delivery(cast, first, ago=5, event="told_of_first")
    a_transition(cast, cast.bob, ago=4)
    response = admin.get(page_of(cast.alice))
    assert titles(response) == ["connected → disconnected", "told_of_first"]
    assert f"account {first.pk}" in words(response)


def test_a_merged_row_leads_to_the_one_that_has_its_number(admin, cast):
    Account.objects.filter(pk=cast.bob.pk).update(merged_into=cast.alice, session_id=None)
    response = admin.get(page_of(cast.bob))
    assert f"merged into account {cast.alice.pk}" in words(response)
    assert page_of(cast.alice) in response.content.decode()


@pytest.mark.parametrize("of_one_moment", [3, 120])
def test_a_long_history_is_paged_without_loss_or_repetition(admin, cast, of_one_moment):
    for number in range(250):
        a_delivery(cast, cast.alice, ago=number // of_one_moment, event=f"event {number}")
    seen, query = [], ""
    while query is not None:
        response = admin.get(page_of(cast.alice), {"before": query} if query else {})
        seen += titles(response)
        query = response.context_data["older"] or None
    assert sorted(seen) == sorted(f"event {number}" for number in range(250))


def test_it_says_what_decided_what_comes_next_and_what_to_do(admin, cast):
    Gateway.objects.update(run_started_at=cast.ago(3), listed_at=cast.ago(3))
    said = {"reason": Reason.BROWSER_GONE, "raw": "NAVIGATION", "evidence": "delivery 17"}
    see(cast.alice, Status.DISCONNECTED, at=cast.now, **said)
    text = words(admin.get(page_of(cast.alice)))
    for part in (
        "the session's browser is gone (NAVIGATION)",
        "Decided by Webhook (delivery 17): connected → disconnected",
        "Gateway whatsapp-1 is read every 20 s",
        "Next step. Restart the session.",
        "Last read that showed the session",
    ):
        assert part in text


def test_it_says_that_it_is_blind_and_what_it_last_knew(admin, cast):
    Gateway.objects.update(blind_since=cast.ago(60), blind_why="Connection refused")
    Account.objects.filter(pk=cast.alice.pk).update(read_at=cast.ago(60))
    text = words(admin.get(page_of(cast.alice)))
    assert "unknown for 60 s" in text
    assert "gateway whatsapp-1: Connection refused; last known connected" in text


def test_every_state_has_its_page(admin, looker, cast):
    for status in Status:
        account = cast.an_account(f"in {status}", status)
        for client in (admin, looker):
            assert status.label in words(client.get(page_of(account)))


@pytest.mark.parametrize("reason", ["", "a_reason_of_a_newer_version", Reason.REPLACED])
def test_a_reason_has_its_words(admin, cast, reason):
    account = cast.an_account("x", Status.DISCONNECTED, status_reason=reason)
    assert what_to_do(account, cast.now, at_work=None).text in words(admin.get(page_of(account)))


def test_a_qr_code_is_shown_to_those_who_may_act(operator, cast):
    keep_qr(cast.bob.pk, PICTURE, seconds=20)
    page = operator.get(page_of(cast.bob)).content.decode()
    assert f'src="{PICTURE}"' in page


def test_a_qr_code_is_not_shown_to_those_who_may_only_look(looker, cast):
    keep_qr(cast.bob.pk, PICTURE, seconds=20)
    response = looker.get(page_of(cast.bob))
    assert PICTURE not in response.content.decode()
    assert "Only users who may change accounts see the QR code" in words(response)


@pytest.mark.parametrize("kept", ["javascript:alert(1)", "https://evil.example/x.png", ""])
def test_only_a_picture_is_drawn_as_a_qr_code(operator, cast, kept):
    keep_qr(cast.bob.pk, kept, seconds=20)
    assert "evil" not in (page := operator.get(page_of(cast.bob)).content.decode())
    assert "javascript:alert" not in page


def test_what_strangers_wrote_is_harmless_here_too(admin, cast):
    hostile = "\u202e\x1b[31m<script>alert(1)</script>"
    a_delivery(cast, cast.alice, ago=5, event=hostile, error=hostile)
    a_transition(cast, cast.alice, ago=4, raw=hostile, actor=hostile, reason=Reason.NETWORK)
    a_finding(cast, cast.alice, ago=3, why=hostile, now=hostile[:20], session_id=hostile)
    Account.objects.filter(pk=cast.alice.pk).update(status_raw=hostile, proof=hostile)
    page = admin.get(page_of(cast.alice)).content.decode()
    assert "<script>alert" not in page
    assert not {"\u202e", "\x1b"} & set(page)


def test_a_held_finding_and_its_end_are_told(admin, cast):
    run = Run.objects.create(gateway=cast.gateway, started_at=cast.now, finished_at=cast.now)
    ended = cast.now + timedelta(seconds=1)
    a_finding(cast, cast.alice, ago=9, held=True, why="booting", run=run, ended_at=ended)
    text = words(admin.get(page_of(cast.alice)))
    assert "held, booting, until" in text
    assert f"run {run.pk}" in text


def test_what_people_did_stands_in_its_history(operator, cast):
    lifecycle.want(cast.alice, Wanted.STOPPED, actor="maria")
    see(cast.alice, Status.DISCONNECTED, at=cast.now)
    assert "connected → stopped" in titles(operator.get(page_of(cast.alice)))


def test_the_page_changes_nothing_by_post(admin, cast):
    response = admin.post(page_of(cast.alice), {"status": "connected", "phone_number": "1"})
    assert response.status_code == 405


def test_nobody_is_called_where_there_is_nothing_to_do(admin, cast):
    """The box with the raised hand is for those pages where a person is waited for."""
    see(cast.alice, Status.DISCONNECTED, at=cast.now, reason=Reason.MISSING)
    page = admin.get(page_of(cast.alice)).content.decode()
    assert "front_hand" in page
    Account.objects.filter(pk=cast.alice.pk).update(next_step_code="restart_in_turn")
    response = admin.get(page_of(cast.alice))
    assert "Next step. Nothing: Rollcall restarts it automatically." in words(response)
    assert "front_hand" not in response.content.decode()


def test_a_change_does_not_repeat_its_status_as_the_gateways_word(admin, cast):
    a_transition(cast, cast.alice, ago=3, to=Status.CONNECTED, raw="connected")
    a_transition(cast, cast.alice, ago=2, to=Status.CONNECTED, raw="WORKING")
    entries = admin.get(page_of(cast.alice)).context_data["entries"]
    assert [entry.detail for entry in entries] == ["(WORKING)", ""]


def test_what_rollcall_asked_for_names_it_once(admin, cast):
    for actor, asked_by in (("rollcall", "rollcall"), ("maria", "operator")):
        Repair.objects.create(
            account=cast.alice,
            gateway=cast.gateway,
            asked_by=asked_by,
            actor=actor,
            state=Repair.State.SUCCEEDED,
            asked_at=cast.ago(9),
            session_id="s",
        )
    entries = admin.get(page_of(cast.alice)).context_data["entries"]
    assert sorted(entry.who for entry in entries) == ["Rollcall", "maria"]
