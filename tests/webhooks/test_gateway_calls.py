"""The Node service's other calls: answered as it reads them, each gateway its own rows only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account, Transition
from tests.cast import story
from tests.webhooks.sending import KEY, Sender, give_secret
from webhooks.models import Delivery

API = "/api/whatsapp"


@pytest.fixture
def call(cast):
    """The answer to one call of the first gateway."""

    def ask(method, path, body=None, *, key=KEY, status=200):
        client = Sender().client
        answer = client.generic(
            method, API + path, body or "", "application/json", headers={"X-API-Key": key}
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    return ask


GETS = ["accounts/active", "accounts-for-cleanup", "accounts/by-session/alice", "cleanup-stats"]
CALLS = [
    *[("GET", f"/{path}") for path in [*GETS, "accounts/alice/status"]],
    ("POST", "/sessions/alice/mark-disconnected"),
    ("POST", "/accounts/alice/mark-disconnected"),
    ("PATCH", "/accounts/1/status"),
    ("POST", "/cleanup-logs"),
]
each_call = pytest.mark.parametrize(("method", "path"), CALLS)


@each_call
def test_nobody_is_answered_without_a_key(call, method, path):
    reason = call(method, path, key="", status=401)["reason"]
    assert "X-API-Key" in reason and "Bearer" in reason


@each_call
def test_a_key_of_nobody_is_refused(cast, call, method, path):
    assert "no gateway" in call(method, path, key="wrong", status=401)["reason"]
    assert story(cast.alice) == []


def test_the_key_may_come_as_a_bearer_token(cast):
    for text in (f"Bearer {KEY}", f"bearer  {KEY} "):
        answer = Sender().client.get(f"{API}/accounts-for-cleanup", headers={"Authorization": text})
        assert answer.status_code == 200


def test_it_restores_what_people_want_whatever_was_last_seen(cast, call):
    Account.objects.filter(pk=cast.bob.pk).update(wanted="stopped")
    lost = cast.an_account("dora", "disconnected", last_connected_at=cast.ago(60))
    Account.objects.filter(pk=cast.alice.pk).update(last_connected_at=cast.ago(5))
    answer = call("GET", "/accounts/active")
    assert answer["success"] is True and answer["count"] == 3
    assert [entry["session_id"] for entry in answer["sessions"]] == ["alice", "dora", "charlie"]
    assert answer["sessions"][1] == {
        "id": lost.pk,
        "session_id": "dora",
        "workspace_id": cast.acme.pk,
        "phone_number": lost.phone_number,
        "status": "disconnected",
        "provider_type": "webjs",
    }


def test_it_does_not_restore_what_has_no_session_or_was_archived(cast, call):
    Account.objects.filter(pk=cast.bob.pk).update(session_id=None)
    Account.objects.filter(pk=cast.alice.pk).update(archived_at=cast.now)
    assert [entry["session_id"] for entry in call("GET", "/accounts/active")["sessions"]] == [
        "charlie"
    ]


def test_another_gateway_sees_nothing_of_all_this(cast, call):
    give_secret(cast.other_gateway, "api_key", "other")
    assert call("GET", "/accounts/active", key="other")["count"] == 0
    assert call("GET", "/cleanup-stats", key="other")["data"]["accounts"] == 0
    for path in ("/accounts/by-session/alice", "/accounts/alice/status"):
        assert call("GET", path, key="other", status=404)["success"] is False
    call("POST", "/sessions/alice/mark-disconnected", key="other", status=404)
    call(
        "PATCH",
        f"/accounts/{cast.alice.pk}/status",
        '{"status":"disconnected"}',
        key="other",
        status=404,
    )
    assert story(cast.alice) == []


@pytest.fixture
def reads(monkeypatch):
    """Return the tasks that are enqueued."""
    tasks = []
    monkeypatch.setattr("accounts.store.enqueue._send", lambda task, args: tasks.append(task))
    return tasks


@pytest.mark.parametrize("noun", ["sessions", "accounts"])
def test_a_failed_restore_is_a_claim(cast, call, noun, reads, django_capture_on_commit_callbacks):
    body = f'{{"workspace_id":{cast.acme.pk},"reason":"Failed to restore session"}}'
    with django_capture_on_commit_callbacks(execute=True):
        answer = call("POST", f"/{noun}/alice/mark-disconnected", body)
    assert answer["success"] is True and answer["applied"] is True
    transition = Transition.objects.get(account=cast.alice)
    assert (transition.to_status, transition.reason) == ("disconnected", "restore_failed")
    assert (transition.source, transition.raw) == ("claim", "Failed to restore session")
    assert reads == ["accounts.tasks.confirm_session"]  # the session is read at once


def test_a_restore_that_failed_for_a_browser_left_behind_says_so(cast, call):
    said = "The browser is already running for /s/session-alice. Use a different `userDataDir`."
    body = f'{{"workspace_id":{cast.acme.pk},"reason":"{said}"}}'
    call("POST", "/sessions/alice/mark-disconnected", body)
    transition = Transition.objects.get(account=cast.alice)
    assert (transition.reason, transition.raw) == ("browser_left_over", said)


def test_a_claim_for_another_workspace_moves_nothing(cast, call):
    body = f'{{"workspace_id":{cast.globex.pk}}}'
    assert call("POST", "/sessions/alice/mark-disconnected", body)["applied"] is False
    assert story(cast.alice) == []


def test_a_status_is_told_in_the_old_words(cast, call):
    Account.objects.filter(pk=cast.alice.pk).update(last_activity_at=cast.now)
    answer = call("GET", f"/accounts/alice/status?workspace_id={cast.acme.pk}")
    assert set(answer) == {
        *("session_id", "status", "phone_number", "is_active", "last_activity_at", "health_score"),
    }
    assert (answer["status"], answer["phone_number"]) == ("connected", "62811801641")
    assert answer["is_active"] is True and answer["last_activity_at"]


@pytest.mark.parametrize(
    ("status", "last_known", "word"),
    [
        ("unknown", "connected", "connected"),
        ("unknown", "qr_scanning", "qr_scanning"),
        ("unresponsive", "", "connected"),
        ("logged_out", "", "disconnected"),
        ("blocked", "", "failed"),
        ("stopped", "", "disconnected"),
        ("pending", "", "qr_scanning"),
    ],
)
def test_the_old_database_knew_fewer_words(cast, call, status, last_known, word):
    Account.objects.filter(pk=cast.alice.pk).update(status=status, last_known_status=last_known)
    assert call("GET", "/accounts/alice/status")["status"] == word


def test_health_is_what_was_proven_lately(cast, call):
    def score() -> int:
        return call("GET", "/accounts/alice/status")["health_score"]

    assert score() == 60
    Account.objects.filter(pk=cast.alice.pk).update(proven_at=cast.now)
    assert score() == 100
    Account.objects.filter(pk=cast.alice.pk).update(status="disconnected")
    assert score() == 0


def test_an_account_is_found_by_its_session(cast, call):
    answer = call("GET", "/accounts/by-session/alice")
    assert answer["success"] is True and set(answer["data"]) == {
        *("id", "workspace_id", "session_id", "phone_number", "provider_type", "status"),
        *("last_activity_at", "last_connected_at", "health_score", "created_at"),
    }
    assert answer["data"]["id"] == cast.alice.pk
    assert call("GET", "/accounts/by-session/nobody", status=404)["success"] is False


def test_a_patched_status_is_a_claim(cast, call, reads, django_capture_on_commit_callbacks):
    body = '{"status":"failed","reason":"cleaned","last_cleanup_at":"2026-11-24"}'
    with django_capture_on_commit_callbacks(execute=True):
        assert call("PATCH", f"/accounts/{cast.alice.pk}/status", body)["applied"] is True
    transition = Transition.objects.get(account=cast.alice)
    assert (transition.to_status, transition.reason, transition.source) == (
        "disconnected",
        "claimed",
        "claim",
    )
    assert reads == ["accounts.tasks.confirm_session"]


def test_a_patch_without_a_status_moves_nothing(cast, call):
    body = '{"last_cleanup_at":"2026-11-24T12:00:00Z"}'
    assert call("PATCH", f"/accounts/{cast.alice.pk}/status", body)["success"] is True
    assert story(cast.alice) == []


@pytest.mark.parametrize("body", ['{"status":"dancing"}', '{"status":7}', "[]", "{", "\xff"])
def test_a_patch_that_makes_no_sense_is_told_why(cast, call, body):
    assert call("PATCH", f"/accounts/{cast.alice.pk}/status", body, status=400)["reason"]
    assert story(cast.alice) == []


@pytest.mark.parametrize("number", ["0", "-1", "9" * 30, "alice", "1.0", "٣"])
def test_a_patch_of_no_account_is_404(call, number):
    assert call("PATCH", f"/accounts/{number}/status", "{}", status=404)["reason"]


def test_a_clean_up_is_kept_without_its_metadata(cast, call):
    body = (
        f'{{"whatsapp_account_id":{cast.alice.pk},"action":"session_cleanup","status":"success",'
        '"reason":"stale","metadata":{"secret":"MARK"}}'
    )
    assert call("POST", "/cleanup-logs", body) == {"success": True}
    row = Delivery.objects.get()
    assert (row.event, row.account, row.state) == ("cleanup_log", cast.alice, "applied")
    assert "stale" in str(row.said) and "MARK" not in str(row.__dict__)


@pytest.mark.parametrize("number", ["true", "1e400", "9" * 40, '"x"', "null", "[1]"])
def test_a_clean_up_of_no_account_is_kept_too(call, number):
    body = f'{{"whatsapp_account_id":{number},"action":"x"}}'
    assert call(
        "POST", "/cleanup-logs", body, status=400 if "e" in number and "400" in number else 200
    )
    assert not Delivery.objects.exclude(state="ignored").exists()


def test_the_statistics_count_what_happened(cast, call):
    call("POST", "/cleanup-logs", f'{{"whatsapp_account_id":{cast.alice.pk}}}')
    data = call("GET", "/cleanup-stats")["data"]
    assert (data["accounts"], data["cleanup_logs"], data["for_cleanup"]) == (3, 1, 0)
    assert data["last_cleanup_at"]


def test_a_call_larger_than_any_is_refused(cast, call):
    body = '{"reason":"' + "x" * 70_000 + '"}'
    assert call("POST", "/sessions/alice/mark-disconnected", body, status=413)["reason"]
    assert story(cast.alice) == []


def test_a_quiet_number_is_still_connected_to_the_old_words(cast, call):
    Account.objects.filter(pk=cast.alice.pk).update(last_activity_at=cast.now - timedelta(days=30))
    assert call("GET", "/accounts/alice/status")["status"] == "connected"
