"""Strangers with a made-up signature whose bodies come slowly: what good senders notice of it."""

from __future__ import annotations

import time

import pytest

from tests.instance.running import until
from tests.webhooks.sending import PATH, as_bytes, event
from tests.webhooks.wire.strangers import good_ones, strangers

SECONDS = 3.0


def head(length: int = 100_000) -> bytes:
    made_up = [
        f"X-Timestamp: {int(time.time())}", f"X-HMAC-Signature: {'0' * 64}",
        f"Content-Length: {length}",
    ]  # fmt: skip
    lines = [f"POST {PATH} HTTP/1.1", "Host: localhost", *made_up, "", ""]
    return "\r\n".join(lines).encode()


def begun_large() -> bytes:
    said = as_bytes(event("message_received", message={"media": "x" * 500_000}))
    return head(length=800_000) + said[:500_000]


WAYS = {
    "bodies": (80, head, b" "),
    "large bodies": (20, begun_large, b"x"),
    "heads": (80, lambda: b"POST / HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
    "silence": (80, lambda: b"", b""),
}


@pytest.mark.parametrize("addresses", ["127.0.0.1", "127.0.0.2", "many"])
@pytest.mark.parametrize("way", WAYS)
def test_every_good_webhook_passes_while_slow_strangers_send(server, secret, way, addresses):
    """127.0.0.1: from the good ones' own address."""
    many, begin, drop = WAYS[way]
    among = [f"127.0.1.{n}" for n in range(1, 81)] if addresses == "many" else [addresses]
    with strangers(server.port, many, begin=begin, drop=drop, addresses=among) as these:
        until(lambda: these.statuses or way == "large bodies")
        figures = good_ones(server, secret, seconds=SECONDS)
    assert figures.taken_share == 1, figures
    assert set(these.statuses) <= {0, 408, 429}
