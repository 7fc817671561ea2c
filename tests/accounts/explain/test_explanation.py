"""Reason of every status in words, in every circumstance."""

from __future__ import annotations

import pytest

from accounts.explain.explanation import explain
from accounts.words.status import LIVE, Status, Wanted
from accounts.words.step_codes import RESTARTS, StepCode
from gateways.base import Reason
from tests.cast import see


# --- connected ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("proven", "by", "sentence"),
    [
        (None, "", "connected for 10 min: claimed by the gateway, never proven"),
        (40, "message received", "connected for 10 min: proven 40 s ago by message received"),
        (40, "", "connected for 10 min: proven 40 s ago"),
        (119, "message sent", "connected for 10 min: proven 2 min ago by message sent"),
        (120, "message sent", "connected for 10 min: proven 2 min ago by message sent"),
        (121, "message sent", "connected for 10 min: claimed by the gateway, last proof 2 min ago"),
        (
            840,
            "message sent",
            "connected for 10 min: claimed by the gateway, last proof 14 min ago",
        ),
    ],
)
def test_connected_carries_its_proof_and_the_proofs_age(cast, say, proven, by, sentence):
    said = say(Status.CONNECTED, proven_at=proven and cast.ago(proven), proof=by)

    assert (said.sentence, said.human) == (sentence, "Nothing.")


def test_connected_says_what_happens_without_a_read(say):
    assert say(Status.CONNECTED).next_step == (
        "gateway whatsapp-1 is read every 20 s, next in 15 s; "
        "unless a read shows it again, it becomes unknown in 40 s; "
        "its live client is probed in 4 h"
    )


def test_after_a_failed_probe_it_says_when_the_next_is_due_and_what_that_decides(cast, say):
    said = say(Status.CONNECTED, probed_at=cast.ago(5), probe_failures=2)

    assert said.next_step.endswith(
        "its live client is probed again in 10 s (3 of 3: it becomes unresponsive after these)"
    )


@pytest.mark.parametrize("fields", [{"send_probe": "off"}, {"kind": "evolution"}])
def test_nothing_is_said_of_probes_where_none_is_made(say, fields):
    assert "probe" not in say(Status.CONNECTED, gateway=fields).next_step


@pytest.mark.parametrize("word", sorted(LIVE))
def test_what_runs_although_it_is_wanted_stopped(say, word):
    said = say(word, wanted=Wanted.STOPPED)

    assert 'cannot stop it without deleting the login: press "Unlink session"' in said.human


@pytest.mark.parametrize(
    ("mode", "words"), [("act", "Nothing: Rollcall stops it"), ("observe", 'press "Pause session"')]
)
def test_where_pausing_keeps_the_login_nobody_is_told_to_unlink(say, mode, words):
    said = say(Status.CONNECTED, wanted=Wanted.STOPPED, gateway={"kind": "waha", "mode": mode})

    assert words in said.human
    assert "unlink" not in said.human.lower()


@pytest.mark.parametrize("word", [Status.DISCONNECTED, Status.UNRESPONSIVE])
@pytest.mark.parametrize(
    ("code", "begins"),
    [
        *((code, "Nothing: Rollcall restarts it automatically.") for code in sorted(RESTARTS)),
        (StepCode.SAME_NUMBER, "Decide which one"),
        (StepCode.UNCLAIMED_SESSION, "An unclaimed session may be this account's."),
    ],
)
def test_nobody_is_told_to_do_what_repair_does_or_must_not_do(say, word, code, begins):
    said = say(word, status_reason=Reason.BROWSER_GONE, next_step_code=code)

    assert said.human.startswith(begins)
    assert said.needs_a_human is (code not in RESTARTS)


@pytest.mark.parametrize(
    ("age_seconds", "begins"),
    [(20, "Nothing: the next check decides"), (300, "Restart the session")],
)
def test_a_person_waits_for_the_next_list_as_repair_does_but_not_for_long(
    cast, say, age_seconds, begins
):
    lost = {"status_reason": Reason.MISSING, "status_since": cast.ago(age_seconds)}

    assert say(Status.DISCONNECTED, next_step_code="awaits_list", **lost).human.startswith(begins)


def test_in_quarantine_a_human_may_restart_it_all_the_same(say):
    said = say(
        Status.FAILED,
        status_reason=Reason.REPAIR_GAVE_UP,
        next_step_code="restart_after_quarantine",
    )

    assert said.human == "Restart the session; if that fails, scan again."


@pytest.mark.parametrize(
    ("kind", "human"),
    [
        ("webjs", "Restart the session; if that fails, scan again."),
        (
            "evolution",
            "Create the session again at its gateway, with the same name, and scan its QR code.",
        ),
    ],
)
def test_what_its_gateway_cannot_start_is_created_there_anew(say, kind, human):
    said = say(Status.DISCONNECTED, status_reason=Reason.MISSING, gateway={"kind": kind})
    assert said.human == human


def test_of_two_that_run_with_one_number_a_person_keeps_one(cast, say):
    cast.an_account("twin", Status.CONNECTED, phone_number="5511987654321", workspace=cast.globex)

    said = say(Status.CONNECTED, phone_number="551187654321")

    assert said.human.startswith("Another account runs with its number. Decide which one keeps it")


# --- unknown ------------------------------------------------------------------------------------
def test_unknown_says_why_and_what_was_last_known(cast, say):
    said = say(
        Status.UNKNOWN,
        status_reason=Reason.UNREACHABLE,
        last_known_status=Status.CONNECTED,
        status_since=cast.ago(300),
        gateway={"blind_since": cast.ago(310), "blind_why": "GET /health: timed out after 5 s"},
    )

    assert said.sentence == (
        "unknown for 5 min: the gateway does not answer; "
        "gateway whatsapp-1: GET /health: timed out after 5 s; last known connected"
    )
    assert said.next_step.endswith("as soon as it answers, the status is decided again")
    assert said.human == "Check the gateway, not the phone."


@pytest.mark.parametrize(
    ("gateway", "why", "human"),
    [
        ({"run_started_at": None}, "no read has shown it lately", "worker, scheduler and Redis"),
        ({"blind_why": "refused"}, "the gateway does not answer", "Check the gateway"),
        ({"boot_seen_at": 1}, "the gateway has just started", "Nothing: it restores"),
        ({}, "its gateway's lists do not show it", "it is being read"),
        ({"listed_at": None}, "the gateway's list is not complete", "Check the gateway."),
    ],
)
def test_a_word_that_expired_unnoticed_reads_as_the_sweep_would_write_it(
    cast, say, gateway, why, human
):
    if "blind_why" in gateway:
        gateway["blind_since"] = cast.ago(60)
    if "boot_seen_at" in gateway:
        gateway["boot_seen_at"] = cast.ago(60)
    said = say(Status.CONNECTED, read_at=cast.ago(60), unshown_since=cast.ago(50), gateway=gateway)

    assert said.status is Status.UNKNOWN
    assert said.sentence.startswith(f"unknown for 60 s: {why}")
    assert said.sentence.endswith("; last known connected")
    assert human in said.human
    assert said.decided_by == "the age of what we know: no read has shown it in time"
    assert said.since == cast.ago(60)


def test_traffic_beside_a_held_loss_is_not_denied(cast, say):
    said = say(
        Status.UNKNOWN,
        status_reason=Reason.MASS_LOSS_UNCONFIRMED,
        read_at=cast.ago(400),
        unshown_since=cast.ago(240),
        last_activity_at=cast.ago(9),
    )

    assert "not connected: no list and no read has shown it for 4 min" in said.ruled_out


def test_what_a_blind_gateway_showed_is_as_old_as_its_last_list(cast, say):
    said = say(
        Status.UNKNOWN,
        status_reason=Reason.UNREACHABLE,
        status_since=cast.ago(33),
        read_at=cast.ago(600),
        gateway={"blind_since": cast.ago(70), "listed_at": cast.ago(83)},
    )

    assert "not connected: no list and no read has shown it for 83 s" in said.ruled_out


def test_a_held_loss_that_is_heard_of_says_that_it_stays_held(cast, say):
    said = say(
        Status.UNKNOWN,
        status_reason=Reason.MASS_LOSS_UNCONFIRMED,
        proven_at=cast.ago(9),
        proof="message received",
    )

    assert said.next_step.endswith("it sent data 9 s ago, so it is not marked as lost")


def test_a_mass_loss_says_how_long_it_waits(say):
    said = say(Status.UNKNOWN, status_reason=Reason.MASS_LOSS_UNCONFIRMED)

    assert said.next_step.endswith(
        "once its lists have agreed for 60 s it is read, and if it is gone it becomes disconnected"
    )
    assert "an operator can confirm or dismiss" in said.human


# --- gone ---------------------------------------------------------------------------------------
def test_disconnected_says_why_in_the_gateways_own_word_too(say):
    said = say(Status.DISCONNECTED, status_reason=Reason.BROWSER_GONE, status_raw="BROWSER_CRASHED")

    assert said.sentence == (
        "disconnected for 10 min: the session's browser is gone (BROWSER_CRASHED)"
    )
    assert said.human == "Restart the session."
    assert said.next_step.endswith("a live session there changes the status at once")


@pytest.mark.parametrize(
    ("seconds", "human"),
    [
        (179, "Nothing: it is expected to recover automatically."),
        (181, "It has not recovered. Restart the session; if that fails, scan again."),
    ],
)
def test_what_should_heal_is_waited_for_and_not_for_ever(cast, say, seconds, human):
    said = say(Status.DISCONNECTED, status_reason=Reason.NETWORK, status_since=cast.ago(seconds))

    assert said.human == human


@pytest.mark.parametrize(
    ("word", "human"),
    [
        (
            Status.LOGGED_OUT,
            "Scan the QR code on the account's page with the phone of this number.",
        ),
        (Status.BLOCKED, "Open WhatsApp on the phone and follow what it says."),
        (Status.FAILED, "Restart the session; if that fails, scan again."),
    ],
)
@pytest.mark.parametrize("vague", [Reason.NONE, Reason.LISTED, Reason.UNRECOGNISED])
def test_a_vague_reason_does_not_hide_what_the_status_needs(say, word, human, vague):
    assert say(word, status_reason=vague).human == human


def test_the_instruction_of_a_telling_reason_wins(say):
    said = say(Status.LOGGED_OUT, status_reason=Reason.WRONG_NUMBER, status_raw="scanned 4915")

    assert "(scanned 4915)" in said.sentence
    assert said.human.startswith("Scan with the phone of this account's number")


# --- not started, switched off, hidden ----------------------------------------------------------
def test_waiting_for_a_scan(say):
    said = say(Status.QR_SCANNING, status_reason=Reason.LISTED, status_raw="qr_scanning")

    assert said.sentence == "waiting for a scan for 10 min: a human must scan the QR code"
    assert said.human == "Scan the QR code on the account's page with the phone of this number."


def test_pending(say):
    said = say(Status.PENDING, status_reason=Reason.NOT_LINKED_YET)

    assert said.sentence == "pending for 10 min: registered; nobody has seen a session for it yet"
    assert said.decided_by == "its registration"


def test_stopped_as_wanted(say):
    said = say(Status.STOPPED, status_reason=Reason.AS_WANTED, wanted=Wanted.STOPPED)

    assert (said.sentence, said.human) == (
        "stopped for 10 min: switched off, as wanted",
        "Nothing.",
    )
    assert said.next_step.endswith(
        "a live session there is shown as running, but should be stopped"
    )


def test_stopped_and_wanted_again(say):
    said = say(Status.STOPPED, status_reason=Reason.AS_WANTED)

    assert said.sentence.endswith("it was switched off, and should be running again")
    assert said.human == "Restart the session; if that fails, scan again."


def test_a_tombstone_names_the_account_that_has_its_number(cast):
    see(cast.bob, Status.CONNECTED, at=cast.ago(1), phone_number="62811801641")

    said = explain(cast.bob, cast.now)

    assert f"merged into account {cast.alice.pk}" in said.sentence
    assert said.next_step.startswith("nothing: ")
    assert said.human == "Nothing."


def test_an_archived_account_asks_for_nothing(cast, say):
    said = say(Status.LOGGED_OUT, archived_at=cast.ago(60), wanted=Wanted.STOPPED)

    assert said.next_step == "nothing: it is archived; registering its number again brings it back"
    assert said.human == "Nothing."
