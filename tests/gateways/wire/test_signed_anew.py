"""What is handed on late gets a fresh time into its signature, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import jwt
import pytest

from gateways.registry import KINDS
from gateways.signing import signed_anew
from tests.webhooks.sending import sign

BODY = b'{"event":"session_ready"}'
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECONDS = str(int(NOW.timestamp()))


def anew(kind, headers, *secrets):
    return signed_anew(KINDS[kind].profile, BODY, headers, secrets=secrets, now=NOW)


@pytest.mark.parametrize("signer", ["new", "old"])
def test_the_secret_that_signed_it_signs_it_again(signer):
    old = {"X-Timestamp": "1700000000", "X-HMAC-Signature": sign(signer, "1700000000", BODY)}
    fresh = {"X-Timestamp": SECONDS, "X-HMAC-Signature": sign(signer, SECONDS, BODY)}
    assert anew("webjs", old | {"Via": "x"}, "new", "old") == fresh | {"Via": "x"}


def test_a_secret_that_has_ended_is_replaced_by_the_newest():
    old = {"X-Timestamp": "1700000000", "X-HMAC-Signature": sign("ended", "1700000000", BODY)}
    assert anew("webjs", old, "new")["X-HMAC-Signature"] == sign("new", SECONDS, BODY)


def test_a_standard_webhook_keeps_its_id():
    signed = f"msg_1.{SECONDS}.".encode() + BODY
    digest = base64.b64encode(hmac.digest(b"secret!", signed, hashlib.sha256)).decode()
    old = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": "v1,YQ=="}
    assert anew("standard", old, "secret!") == {
        "webhook-id": "msg_1",
        "webhook-timestamp": SECONDS,
        "webhook-signature": f"v1,{digest}",
    }


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("webjs", {"X-API-Key": "key"}),
        ("waha", {"X-Webhook-Hmac": "00"}),
        ("evolution", {"Authorization": "Bearer plain-key"}),
        ("wppconnect", {}),
    ],
)
def test_what_signs_no_time_stays_as_it_came(kind, headers):
    assert anew(kind, headers, "secret") == headers


def test_without_a_secret_it_stays_as_it_came():
    old = {"X-Timestamp": "1700000000", "X-HMAC-Signature": "00"}
    assert anew("webjs", old) == old


def test_a_token_keeps_its_claims_and_lives_as_long_as_before():
    claims = {"app": "evolution", "action": "webhook", "aud": "x", "iat": 1000, "exp": 1600}
    old = {"Authorization": f"Bearer {jwt.encode(claims, 'old' * 20, algorithm='HS256')}"}
    token = anew("evolution", old, "new" * 20, "old" * 20)["Authorization"].removeprefix("Bearer ")
    options = {"verify_exp": False, "verify_aud": False, "verify_iat": False}
    said = jwt.decode(token, "old" * 20, algorithms=["HS256"], options=options)
    assert said == claims | {"iat": int(SECONDS), "exp": int(SECONDS) + 600}
