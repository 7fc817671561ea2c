"""Content of messages, QR codes, keys and secrets are in no row, no log and no answer."""

from __future__ import annotations

import logging

import pytest
import redis
from django.db import connection

from config.logs import JsonFormatter
from tests.webhooks.sending import KEY, SECRET, Sender, as_bytes, event, lost, named, signed

MARK = "MARK-0123456789"
QR = f"data:image/png;base64,{'A' * 40}{MARK.replace('-', '')}"

MARKED = {
    "a message": event("message_received", message={"body": MARK, "from": MARK, "type": MARK}),
    "a message at the top": {"event": "message_sent", "session_id": "alice", "body": MARK},
    "an acknowledgement": event("message_read", message_id=MARK, extra=MARK),
    "an unknown event": {"event": "call", "data": {"session_id": "alice", "body": MARK}},
    "more than is asked": lost(body=MARK, message=MARK, qr_code=MARK, extra={"deep": [MARK]}),
    "a QR code": event("qr_code_generated", "bob", qr_code=QR),
    "a body that cannot be read": b'{"event":"message_received","data":{"body":"' + MARK.encode(),
    "no JSON at all": MARK.encode(),
    "wrong types": event("message_received", {"body": MARK}, workspace_id=[MARK]),
    "a workspace that is a text": event("session_ready", workspace_id=MARK),
    "data that is a text": {"event": "session_ready", "data": MARK},
    "too large": {"event": "odd", "data": {"body": MARK, "more": "x" * 300_000}},
    "a large message": event("message_received", message={"body": MARK, "m": "x" * 300_000}),
}


def all_rows() -> str:
    """Return every row of every table, as text."""
    with connection.cursor() as cursor:
        texts = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            texts += [row[0] for row in cursor.fetchall()]
    return "\n".join(texts)


@pytest.fixture
def logged(caplog):
    """Everything that is logged, with tracebacks, as it is written."""
    caplog.set_level(logging.DEBUG)

    def text() -> str:
        lines = [JsonFormatter().format(record) for record in caplog.records]
        return "\n".join(line for line in lines if "django.db.backends" not in line)

    return text


@pytest.mark.parametrize("name", MARKED)
def test_no_content_is_kept_logged_or_answered(sender, logged, name):
    answer = sender.send(MARKED[name])
    assert answer.status_code in (200, 400, 413)
    mark = MARK.replace("-", "") if name == "a QR code" else MARK
    for place in (all_rows(), logged(), answer.content.decode()):
        assert mark not in place


def test_a_message_leaves_nothing_in_redis_but_who_spoke(sender, throwaway_redis: redis.Redis):
    for name in ("a message", "an acknowledgement", "a large message"):
        sender.send(MARKED[name])
    kept = [throwaway_redis.hgetall(key) for key in throwaway_redis.keys("rollcall:life*")]
    assert kept and MARK not in str(kept)


def test_a_qr_code_is_only_in_redis_and_not_for_long(cast, sender, throwaway_redis):
    sender.send(event("qr_code_generated", "bob", qr_code=QR, expires_in=600))
    [key] = [key for key in throwaway_redis.keys("*") if throwaway_redis.type(key) == b"string"]
    assert throwaway_redis.get(key).decode() == QR
    assert 0 < throwaway_redis.ttl(key) <= 60


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEY},
        {"X-API-Key": MARK},
        signed(SECRET, as_bytes(lost())),
        signed(MARK, as_bytes(lost())),
        signed(SECRET, as_bytes(lost()), timestamp="1"),
        named({"x_api_key": KEY, "x_hmac_signature": SECRET}),
    ],
    ids=["a key", "a wrong key", "signed", "wrongly signed", "too late", "a secret as signature"],
)
def test_no_secret_is_kept_logged_or_answered(cast, logged, headers):
    answer = Sender().post(as_bytes(lost()), headers)
    assert answer.status_code in (200, 401)
    signature = headers.get("X-HMAC-Signature", "no signature")
    for place in (all_rows(), logged(), answer.content.decode()):
        for secret in (KEY, SECRET, MARK, signature):
            assert secret not in place


def test_a_log_is_one_json_object_a_line(sender, logged):
    sender.send(lost("a\nb\u202e\x1b[31m", "x\ny"))
    Sender(secret="other").send(lost("a\nb"))
    assert all(line.startswith("{") and line.isascii() for line in logged().splitlines())
