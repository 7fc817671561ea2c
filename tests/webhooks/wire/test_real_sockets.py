"""What only a real server meets: chunked, slow, broken off, repeated and malformed requests."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from tests.webhooks.sending import PATH, as_bytes, event, lost, signed
from tests.webhooks.serving import read_all
from webhooks.models import Delivery


def halves(body):
    return [body[:10], body[10:]]


def states():
    return list(Delivery.objects.exclude(event="connection_test").values_list("state", flat=True))


def test_a_chunked_webhook_is_read(server, secret):
    body = as_bytes(lost())
    assert server.send_chunked(halves(body), signed(secret, body)).json()["state"] == "applied"


def test_a_chunked_message_of_many_megabytes_is_read(server, secret):
    pieces = [b'{"event":"message_received","data":{"session_id":"alice","x":"']
    pieces += [b"A" * 100_000] * 50 + [b'"}}']
    answer = server.send_chunked(pieces, signed(secret, b"".join(pieces)))
    assert (answer.status, answer.json()["state"]) == (200, "noted")


def test_a_chunked_body_of_nothing_is_unreadable(server, secret):
    assert server.send_chunked([], signed(secret, b"")).status == 400
    assert states() == ["dead"]


@pytest.mark.parametrize(
    "junk", [b"zz\r\n", b"-5\r\nabc", b"5\r\nabcdefgh\r\n0\r\n\r\n", b"\r\n" * 3]
)
def test_malformed_chunks_are_the_senders_mistake(server, secret, junk):
    headers = {"Transfer-Encoding": "chunked"} | signed(secret, b"")
    answer = server.exchange([junk], headers)
    assert answer.status == 400 and answer.json()["reason"]


def test_a_body_that_breaks_off_is_the_senders_mistake(server, secret):
    body = as_bytes(lost())
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        head = {
            "Host": "localhost",
            "Connection": "close",
            "Content-Length": str(len(body)),
        } | signed(secret, body)
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body[:-5])
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400") and b"broke off 5 bytes before" in answer
    assert states() == []


def test_thirty_senders_that_stop_in_the_middle_hold_nobody_up(server, secret):
    body = as_bytes(lost())
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in signed("forged", body).items())
    with ExitStack() as stalled:
        for _ in range(30):
            connection = socket.create_connection(("127.0.0.1", server.port), 30)
            stalled.enter_context(connection).sendall(head.encode() + b"\r\nhalf")
        answer = server.send_signed(secret, body)
    assert answer.status == 200 and answer.seconds < 1


@pytest.mark.parametrize("name", ["X-Timestamp", "X-HMAC-Signature", "X-API-Key", "Content-Length"])
def test_a_header_that_comes_twice_opens_nothing(server, secret, name):
    body = as_bytes(lost())
    twice = {name.lower(): "1", name: "2"}
    headers = {"Content-Length": str(len(body))} | signed(secret, body)
    kept = {other: value for other, value in headers.items() if other not in twice}
    if name == "X-API-Key":
        kept = {"Content-Length": str(len(body))}
    assert server.exchange([body], kept | twice).status in (400, 401)
    assert states() == []


def test_a_gateway_may_say_expect_and_be_told_to_go_on(server, secret):
    body = as_bytes(event("session_ready"))
    answer = server.send_signed(secret, body, Expect="100-continue")
    assert b"applied" in answer.content or answer.status in (100, 200)
