"""A webhook is believed when a secret of ours fits timestamp and raw body."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from tests.instance.running import until
from tests.webhooks.sending import PATH, SECRET, Sender, as_bytes, give_secret, lost, signed
from webhooks.models import Delivery

EXAMPLE = (
    b'{"event":"session_disconnected","data":{"workspace_id":1,'
    b'"session_id":"webjs_1_1763264512_KUfMjqya","reason":"NAVIGATION"}}'
)


def refused(answer, status=401):
    """The reason, of an answer that left no row."""
    assert answer.status_code == status, answer.content
    assert not Delivery.objects.exists()
    assert answer.json()["success"] is False
    return answer.json()["reason"]


def test_it_believes_the_worked_example_of_the_contract(cast, at):
    at(datetime.fromtimestamp(1763264512, UTC))
    give_secret(cast.gateway, "hmac", "s3cret")
    headers = {
        "X-Timestamp": "1763264512",
        "X-HMAC-Signature": "44ff093bea3aa5c201d481939246ae2a20a057e67472b541a8c3bab4674b497e",
    }
    assert Sender().post(EXAMPLE, headers).status_code == 200
    assert Delivery.objects.get().session_id == "webjs_1_1763264512_KUfMjqya"


def test_a_believed_loss_is_in_the_row_when_it_is_answered(cast, sender):
    assert sender.send(lost("alice")).json()["state"] == "applied"
    cast.alice.refresh_from_db()
    assert (cast.alice.status, cast.alice.status_reason) == ("disconnected", "navigation")


def test_it_reads_the_raw_bytes_and_not_what_they_mean(sender):
    body = (
        b'{ "data": {"reason":"\\u004eAVIGATION", "session_id" :"alice"},\n'
        b'"event":"session_disconnected" }\n'
    )
    assert sender.send(body).status_code == 200


def test_the_same_meaning_in_other_bytes_does_not_fit(sender):
    headers = signed(SECRET, as_bytes(lost()))
    assert "fits no active secret" in refused(sender.post(as_bytes(lost()) + b" ", headers))


@pytest.mark.parametrize("off", [-299, -120, 0, 120, 299])
def test_a_clock_that_is_a_little_off_is_tolerated(sender, off):
    body = as_bytes(lost())
    headers = signed(SECRET, body, timestamp=str(int(time.time()) + off))
    assert sender.post(body, headers).status_code == 200


def test_the_limit_itself_is_tolerated_both_ways(cast, sender, at):
    at(datetime.fromtimestamp(1_800_000_000, UTC))
    body = as_bytes(lost())
    for timestamp in ("1799999700", "1800000300"):
        assert sender.post(body, signed(SECRET, body, timestamp=timestamp)).status_code == 200


@pytest.mark.parametrize(("timestamp", "way"), [("1799999588", "behind"), ("1800000412", "ahead")])
def test_a_clock_that_is_far_off_is_named_with_its_error(cast, sender, at, timestamp, way):
    at(datetime.fromtimestamp(1_800_000_000, UTC))
    body = as_bytes(lost())
    reason = refused(sender.post(body, signed(SECRET, body, timestamp=timestamp)))
    assert reason.startswith(f"timestamp is 412 s off ({way}): check the gateway's clock")


@pytest.mark.parametrize("off", [-301, 301])
def test_one_second_more_than_tolerated_is_too_much(cast, sender, at, off):
    at(datetime.fromtimestamp(1_800_000_000, UTC))
    body = as_bytes(lost())
    headers = signed(SECRET, body, timestamp=str(1_800_000_000 + off))
    assert "301 s off" in refused(sender.post(body, headers))


@pytest.mark.parametrize("timestamp", ["", "soon", "1.5", "-5", "1e9", "٣٣٣", "9" * 30, "1,1"])
def test_a_timestamp_that_is_none_is_refused_by_name(sender, timestamp):
    body = as_bytes(lost())
    headers = signed(SECRET, body) | {"X-Timestamp": timestamp}
    assert "X-Timestamp must be whole seconds" in refused(sender.post(body, headers))


@pytest.mark.parametrize("signature", ["", "no hex", "ab" * 31, "ab" * 33, "zz" * 32, "ａ" * 64])
def test_a_signature_that_is_none_is_refused_by_name(sender, signature):
    body = as_bytes(lost())
    headers = signed(SECRET, body) | {"X-HMAC-Signature": signature}
    assert "64 hex digits" in refused(sender.post(body, headers))


def test_capital_hex_digits_fit_too(sender):
    body = as_bytes(lost())
    headers = signed(SECRET, body)
    headers["X-HMAC-Signature"] = headers["X-HMAC-Signature"].upper()
    assert sender.post(body, headers).status_code == 200


def test_nothing_at_all_is_told_what_to_set(cast):
    reason = refused(Sender().post(as_bytes(lost()), {}))
    assert "X-HMAC-Signature" in reason and "X-API-Key" in reason and "set" in reason


def test_a_stranger_learns_neither_secrets_nor_gateways(cast):
    answer = Sender(secret="a stranger's").send(lost())
    assert "whatsapp-1" not in refused(answer) and SECRET not in answer.content.decode()
    assert answer["WWW-Authenticate"].startswith("HMAC")


def test_a_wrong_signature_is_not_saved_by_a_right_key(sender):
    body = as_bytes(lost())
    headers = signed("another", body) | {"X-API-Key": "key-of-whatsapp-1"}
    assert "fits no active secret" in refused(sender.post(body, headers))


def test_every_active_secret_fits_while_one_is_replaced(cast, sender):
    give_secret(cast.gateway, "hmac", "the next", ends_in=60)
    assert sender.send(lost()).status_code == 200
    assert Sender(secret="the next").send(lost()).status_code == 200


def test_a_secret_that_has_ended_does_not_fit(cast):
    give_secret(cast.gateway, "hmac", "the last", ends_in=-1)
    assert "fits no active secret" in refused(Sender(secret="the last").send(lost()))


def test_a_secret_given_a_moment_ago_fits_within_a_second(cast, sender):
    sender.send(lost())
    give_secret(cast.gateway, "hmac", "new")
    newcomer = Sender(secret="new")
    until(lambda: newcomer.send(lost()).status_code == 200, limit_seconds=1)


def test_a_key_is_no_signing_secret(cast):
    assert "fits no active secret" in refused(Sender(secret="key-of-whatsapp-1").send(lost()))


def test_only_posts_are_webhooks(sender):
    answer = sender.client.get(PATH, headers=signed(SECRET, b""))
    assert answer.status_code == 405 and answer.json()["reason"]
