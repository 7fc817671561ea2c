"""What the client makes of answers: the recorded ones, and those of things that are no gateway."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateways.base import BadAnswer, KeyRejected, Reason, Rejected, Session, State
from tests.gateways.kinds import recorded
from tests.gateways.kinds.recorded import answering, answering_as

CURRENT = "webjs_1_1763264318_rCdIqxMG"
OLDER = "webjs_1_1763264512_KUfMjqya"
HTML = "<html><body>502 Bad Gateway</body></html>"


def lists():
    return [line for line in recorded.calls() if line["label"].endswith(" list")]


def statuses():
    found = [line for line in recorded.calls() if line["label"].endswith(" status")]
    return [line for line in found if line["status"] == 200]


def list_of(client):
    return client.list_sessions(deadline_seconds=5)


def read(client, session_id=CURRENT):
    return client.read_session(session_id, deadline_seconds=5)


@pytest.mark.parametrize("line", lists(), ids=lambda line: line["label"])
def test_every_recorded_list_is_complete(line):
    listing = list_of(answering(line["status"], line["answer"]))

    assert listing.complete, listing.why_incomplete
    assert {session.session_id for session in listing.sessions} <= {CURRENT, OLDER}
    assert {session.workspace_id for session in listing.sessions} == {1}


@pytest.mark.parametrize("line", statuses(), ids=lambda line: line["label"])
def test_every_recorded_status_is_a_session(line):
    session = read(answering(line["status"], line["answer"]))

    assert session.session_id == CURRENT
    assert session.state is State(session.raw_state)


def test_a_listed_session_with_everything():
    assert list_of(answering_as("connected list")).sessions == (
        Session(
            session_id=OLDER,
            state=State.CONNECTED,
            reason=Reason.LISTED,
            raw_state="connected",
            phone_number="15550100001",
            workspace_id=1,
            connected_at=datetime(2026, 11, 22, 11, 52, 23, 344000, tzinfo=UTC),
        ),
    )


def test_a_session_that_shows_a_qr_has_no_number_yet():
    session = read(answering_as("qr status"))

    assert (session.state, session.phone_number, session.connected_at) == (
        State.QR_SCANNING,
        None,
        None,
    )


def test_a_live_session_missing_from_the_list_answers_without_its_workspace():
    session = read(answering_as("connected status"))

    assert (session.state, session.workspace_id) == (State.CONNECTED, None)


@pytest.mark.parametrize("label", ["unknown status", "after DELETE status"])
def test_its_own_404_means_no_such_session(label):
    assert read(answering_as(label)) is None


@pytest.mark.parametrize(
    "content",
    [HTML, "", "{}", '{"error":"Not Found"}', '["Session not found"]', '{"error":null}', "\xff"],
)
def test_any_other_404_is_no_answer_about_the_session(content):
    with pytest.raises((BadAnswer, Rejected)):
        read(answering(404, content))


@pytest.mark.parametrize("label", ["wrong key", "header key only (incident curl)"])
def test_a_refused_key_is_told_apart(label):
    with pytest.raises(KeyRejected, match="does not accept our key"):
        list_of(answering_as(label))


@pytest.mark.parametrize(
    ("label", "uptime_seconds"), [("health", 239.76), ("health after SIGKILL", 187.53)]
)
def test_the_recorded_health(label, uptime_seconds):
    health = answering_as(label).health(deadline_seconds=5)

    assert health.uptime_seconds == pytest.approx(uptime_seconds, abs=0.01)
    assert health.sessions_held == 1


@pytest.mark.parametrize("label", ["delete unknown", "disconnect"])
def test_stopping_succeeds_even_for_an_unknown_id(label):
    answering_as(label).stop_session(CURRENT, workspace_id=1, deadline_seconds=5)


@pytest.mark.parametrize("label", ["reconnect", "create"])
def test_a_start_is_accepted(label):
    answering_as(label).restart_session(CURRENT, workspace_id=1, account_id=9, deadline_seconds=60)


@pytest.mark.parametrize("label", ["restore", "create again while it exists"])
def test_a_failed_restart_says_why(label):
    line = recorded.call(label)

    with pytest.raises(Rejected, match="workspaceId|already running") as refusal:
        answering(line["status"], line["answer"]).restart_session(
            CURRENT, workspace_id=1, account_id=9, deadline_seconds=60
        )
    assert refusal.value.status_code == 500


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"success":true,"sessions":[]}', "no total"),
        ('{"success":true,"sessions":[],"total":1}', "says 1, but lists 0"),
        ('{"success":true,"sessions":[],"total":"many"}', "no total"),
        ('{"success":false,"sessions":[],"total":0}', "did not succeed"),
        ('{"sessions":[{"session_id":"a"}],"total":1}', "entry 0 cannot be read: status"),
        ('{"sessions":[7],"total":1}', "entry 0 cannot be read"),
        (
            '{"sessions":[{"session_id":"a","status":"connected"},'
            '{"session_id":"a","status":"connected"}],"total":2}',
            "listed twice",
        ),
    ],
)
def test_a_list_that_may_not_be_whole_says_why(content, why):
    listing = list_of(answering(200, content))

    assert not listing.complete
    assert why in listing.why_incomplete


def test_an_unreadable_entry_does_not_hide_the_others():
    good = '{"session_id":"a","status":"connected","workspace_id":1}'
    listing = list_of(answering(200, f'{{"sessions":[{good},{{"status":5}}],"total":2}}'))

    assert [session.session_id for session in listing.sessions] == ["a"]
    assert not listing.complete


def test_the_incidents_list_without_a_total_still_shows_its_session():
    listing = list_of(
        answering(200, f'{{"sessions":[{{"session_id":"{CURRENT}","status":"qr_scanning"}}]}}')
    )

    assert [session.state for session in listing.sessions] == [State.QR_SCANNING]
    assert not listing.complete


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("qr_scanning", State.QR_SCANNING, Reason.LISTED),
        ("authenticated", State.CONNECTING, Reason.AUTHENTICATED),
        ("connected", State.CONNECTED, Reason.LISTED),
        ("disconnected", State.DISCONNECTED, Reason.LISTED),
        ("error", State.DISCONNECTED, Reason.SESSION_ERROR),
        ("initializing", State.CONNECTING, Reason.LISTED),
        ("failed", State.DISCONNECTED, Reason.SESSION_ERROR),
        ("hibernating", None, Reason.UNRECOGNISED),
    ],
)
def test_every_status_word_and_one_nobody_knows(word, state, reason):
    session = read(answering(200, f'{{"session_id":"{CURRENT}","status":"{word}"}}'))

    assert (session.state, session.reason, session.raw_state) == (state, reason, word)


@pytest.mark.parametrize(
    "content",
    [
        HTML,
        "",
        "[]",
        "null",
        '{"sessions":{}}',
        '{"sessions":[',
        "\xff\xfe",
        '{"sessions":[' + "[" * 100_000,
        '{"success":true}',
    ],
)
def test_what_is_no_list_is_a_bad_answer(content):
    with pytest.raises(BadAnswer, match="not in the gateway's dialect"):
        list_of(answering(200, content))


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"session_id":"other","status":"connected"}',
        f'{{"session_id":"{CURRENT}"}}',
        f'{{"session_id":"{CURRENT}","status":["connected"]}}',
        f'{{"session_id":"{CURRENT}","status":"connected","workspace_id":"one"}}',
    ],
)
def test_a_status_about_nothing_or_another_session_is_a_bad_answer(content):
    with pytest.raises(BadAnswer):
        read(answering(200, content))


@pytest.mark.parametrize("content", ["{}", '{"status":5}', "[]", '{"ok":true}', HTML])
def test_a_health_in_other_words_is_a_bad_answer(content):
    with pytest.raises(BadAnswer):
        answering(200, content).health(deadline_seconds=5)


@pytest.mark.parametrize("status", [204, 400, 404, 500, 502, 503])
def test_an_error_page_of_something_in_between_is_a_bad_answer(status):
    with pytest.raises(BadAnswer, match="does the base URL point to it"):
        list_of(answering(status, HTML))


def test_an_outcome_without_success_is_refused():
    with pytest.raises(Rejected, match="did not succeed"):
        answering(200, '{"success":false}').stop_session("a", workspace_id=1, deadline_seconds=5)


@pytest.mark.parametrize("number", ["null", '""', '"null"', '"undefined"', "5", '"x"'])
def test_what_is_no_number_is_none(number):
    client = answering(
        200, f'{{"session_id":"{CURRENT}","status":"connected","phone_number":{number}}}'
    )

    assert read(client).phone_number is None


@pytest.mark.parametrize("moment", ["5", '"soon"', '""', "null", '"0001-01-01T00:00:00+14:00"'])
def test_an_unreadable_moment_does_not_hide_the_session(moment):
    client = answering(
        200, f'{{"session_id":"{CURRENT}","status":"connected","connected_at":{moment}}}'
    )

    assert read(client).connected_at is None
