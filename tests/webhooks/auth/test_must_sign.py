"""Who must sign: gateways of which that is required, and those that have signed before."""

from __future__ import annotations

import pytest

from accounts.models import Account, Gateway
from tests.cast import story
from tests.webhooks.sending import KEY, SECRET, Sender, as_bytes, event, give_secret, lost, signed
from webhooks.auth import keyring

API = "/api/whatsapp"
OWN_PATH = "a-secret-path-of-whatsapp-1"
UNSIGNED = [
    ("/api/webhooks/webjs", {"X-API-Key": KEY}),
    (f"/api/webhooks/webjs/{OWN_PATH}", {}),
    ("/api/whatsapp/webhooks/webjs", {"X-API-Key": KEY}),
    ("/hooks/wa", {"X-API-Key": KEY}),
]
WRITES = [
    ("POST", "/sessions/alice/mark-disconnected"),
    ("POST", "/accounts/alice/mark-disconnected"),
    ("PATCH", "/accounts/{id}/status"),
]
READS = ["accounts/active", "accounts-for-cleanup", "accounts/by-session/alice", "cleanup-stats"]


@pytest.fixture
def gateway(cast):
    give_secret(cast.gateway, "path", OWN_PATH)
    keyring.forget()
    return cast.gateway


def set_to(gateway, **fields) -> None:
    Gateway.objects.filter(pk=gateway.pk).update(**fields)
    keyring.forget()


def is_heard(path, headers) -> bool:
    answer = Sender().post(as_bytes(lost("nobody")), headers, path=path)
    assert answer.status_code in (200, 401, 404)
    return answer.status_code == 200


def call(method, path, headers, body=b'{"status": "disconnected"}'):
    client = Sender().client
    return client.generic(method, API + path, body, "application/json", headers=headers)


@pytest.mark.parametrize(("path", "headers"), UNSIGNED)
@pytest.mark.parametrize(
    ("fields", "has_signed", "believed"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"accepts_unsigned": True}, True, True),
        ({"require_signature": True}, False, False),
        ({"require_signature": True}, True, False),
    ],
)
def test_unsigned_webhooks_end_with_the_first_signed_one(
    gateway, path, headers, fields, has_signed, believed
) -> None:
    set_to(gateway, **fields)
    if has_signed:
        assert Sender().send(lost("nobody")).status_code == 200
    assert is_heard(path, headers) is believed


def test_the_refusal_says_since_when_and_what_to_do(gateway) -> None:
    Sender().send(lost("nobody"))
    reason = Sender().post(b"{}", {"X-API-Key": KEY}).json()["reason"]
    assert "signs since" in reason and "let its page accept unsigned ones" in reason


def test_a_message_that_is_signed_counts_too(gateway) -> None:
    Sender().send(event("message_received", body="x"))
    gateway.refresh_from_db()
    assert gateway.must_sign


@pytest.mark.parametrize("case", ["forged", "test of the route", "unsigned"])
def test_what_does_not_prove_that_it_signs_changes_nothing(gateway, case) -> None:
    if case == "forged":
        Sender(secret="wrong").send(lost())
    elif case == "unsigned":
        Sender().post(as_bytes(lost()), {"X-API-Key": KEY})
    else:
        assert Sender().send({"event": "connection_test"}).status_code == 200
    gateway.refresh_from_db()
    assert not gateway.must_sign


# --- the Node service's other calls ----------------------------------------------------------
@pytest.mark.parametrize(("method", "path"), [*WRITES, ("POST", "/cleanup-logs")])
def test_where_it_is_required_no_call_that_writes_is_taken_unsigned(
    cast, gateway, method, path
) -> None:
    set_to(gateway, require_signature=True)
    path = path.format(id=cast.alice.pk)
    answer = call(method, path, {"X-API-Key": KEY})
    assert answer.status_code == 401 and "signature" in answer.json()["reason"]
    assert story(cast.alice) == []
    body = b'{"status": "disconnected"}'
    assert call(method, path, signed(SECRET, body) | {"X-API-Key": KEY}, body).status_code == 200


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    ("has_signed", "accepts_unsigned", "applied"),
    [(False, False, True), (True, False, False), (True, True, True)],
)
def test_once_it_has_signed_an_unsigned_claim_moves_nothing(
    cast, gateway, method, path, has_signed, accepts_unsigned, applied
) -> None:
    set_to(gateway, accepts_unsigned=accepts_unsigned)
    if has_signed:
        Sender().send(lost("nobody"))
    answer = call(method, path.format(id=cast.alice.pk), {"X-API-Key": KEY})
    assert (answer.status_code, answer.json()["applied"]) == (200, applied)
    status = Account.objects.get(pk=cast.alice.pk).status
    assert status == ("disconnected" if applied else "connected")


@pytest.mark.parametrize(("method", "path"), [*WRITES, ("POST", "/cleanup-logs")])
@pytest.mark.parametrize("secret", ["wrong", "of-the-other"])
def test_a_signature_that_comes_along_must_fit(cast, gateway, method, path, secret) -> None:
    give_secret(cast.other_gateway, "hmac", "of-the-other")
    keyring.forget()
    body = b'{"status": "disconnected"}'
    headers = signed(secret, body) | {"X-API-Key": KEY}
    answer = call(method, path.format(id=cast.alice.pk), headers, body)
    assert answer.status_code == 401 and story(cast.alice) == []


def test_one_over_another_body_does_not(cast, gateway) -> None:
    headers = signed(SECRET, b"{}") | {"X-API-Key": KEY}
    assert call(*WRITES[0], headers).status_code == 401


@pytest.mark.parametrize("path", READS)
def test_its_own_rows_are_read_with_the_key(gateway, path) -> None:
    set_to(gateway, require_signature=True)
    assert call("GET", f"/{path}", {"X-API-Key": KEY}, b"").status_code == 200


def test_a_call_that_is_too_large_is_not_read(gateway) -> None:
    body = b'{"reason": "' + b"x" * 70_000 + b'"}'
    headers = signed(SECRET, body) | {"X-API-Key": KEY}
    assert call(*WRITES[0], headers, body).status_code == 413
