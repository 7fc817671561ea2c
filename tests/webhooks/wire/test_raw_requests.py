"""Requests as no library sends them, written by hand onto a socket of the real web process."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.instance.running import until
from tests.webhooks.sending import PATH, as_bytes, event, lost, signed
from tests.webhooks.serving import read_all, served
from webhooks.models import Delivery

BODY = as_bytes(lost())


def request(body: bytes, *lines: str, version: str = "1.1", path: str = PATH) -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: localhost", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def proven(secret: str, body: bytes = BODY) -> list[str]:
    return [f"{name}: {text}" for name, text in signed(secret, body).items()]


def length(body: bytes = BODY) -> str:
    return f"Content-Length: {len(body)}"


def said_to(server, raw: bytes) -> bytes:
    """Return the answer until the server hangs up, or is silent for a second."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def statuses(answer: bytes) -> list[int]:
    return [int(part[2:5]) for part in answer.split(b"HTTP/1.")[1:]]


def events():
    rows = Delivery.objects.exclude(event="connection_test").order_by("id")
    return list(rows.values_list("event", "state"))


# --- two readings of where a request ends ---------------------------------------------------------
SMUGGLED = request(b"", "Content-Length: 0", path="/api/webhooks/smuggled")
TWO_LENGTHS = {
    "both": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "both, turned round": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 0", "Content-Length: 5"],
    "a list of lengths": ["Content-Length: 0, 5"],
    "a signed length": ["Content-Length: +5"],
    "a length in hex": ["Content-Length: 0x5"],
    "an unknown coding": ["Transfer-Encoding: xchunked"],
    "chunked twice": ["Transfer-Encoding: chunked, chunked"],
    "identity": ["Transfer-Encoding: identity, chunked", "Content-Length: 5"],
    "a tab": ["Transfer-Encoding:\tchunked", "Content-Length: 5"],
    "a vertical tab": ["Transfer-Encoding: \x0bchunked", "Content-Length: 5"],
    "a space before the colon": ["Transfer-Encoding : chunked", "Content-Length: 5"],
    "folded": ["X-Odd: 1", " Transfer-Encoding: chunked", "Content-Length: 5"],
}


def test_a_request_with_two_ends_smuggles_no_other(server, secret):
    for name, lines in TWO_LENGTHS.items():
        answer = said_to(server, request(b"0\r\n\r\n" + SMUGGLED, *lines, *proven(secret, b"")))
        assert b"smuggled" not in answer and 500 not in statuses(answer), name

    assert "applied" not in [state for _, state in events()]


def test_an_odd_chunk_smuggles_nothing(server, secret):
    head = ["Transfer-Encoding: chunked", *proven(secret, b"abcde")]
    for chunk in (b"5;x=\nabcde\r\n0\r\n\r\n", b"5\nabcde\n0\n\n", b"0x5\r\nabcde\r\n0\r\n\r\n"):
        answer = said_to(server, request(chunk + SMUGGLED, *head))
        assert b"smuggled" not in answer and statuses(answer) == [400], chunk


# --- headers --------------------------------------------------------------------------------------
INJECTED = {
    "a line in a value": "X-Instance-Url: http://a\nX-API-Key: key",
    "a return in a value": "X-Instance-Url: http://a\rX-API-Key: key",
    "a NUL": "X-Instance-Url: http://a\x00b",
    "no colon": "X-Instance-Url",
    "no name": ": value",
    "a name with a space": "X Instance: a",
    "a folded line": "X-Instance-Url: http://a\r\n X-API-Key: key",
}


def test_a_malformed_header_is_the_sender_s_mistake(server, secret):
    for name, line in INJECTED.items():
        raw = request(BODY, length(), line, *proven(secret), "Connection: close")
        assert statuses(said_to(server, raw)) == [400], name

    assert events() == []


def test_ten_thousand_headers_are_refused_and_nobody_waits(server, secret):
    many = [f"X-Number-{number}: {number}" for number in range(10_000)]
    answer = said_to(server, request(BODY, length(), *many, *proven(secret)))
    assert answer == b"" or statuses(answer)[0] in (400, 431)
    assert server.send_signed(secret, BODY).status == 200


def test_a_header_without_end_is_refused(server, secret):
    for size in (9_000, 2_000_000):
        long = f"X-Long: {'a' * size}"
        answer = said_to(server, request(BODY, length(), long, *proven(secret)))
        assert answer == b"" or statuses(answer)[0] in (400, 431)
    assert events() == []


def test_an_address_without_end_is_refused(server, secret):
    answer = said_to(server, request(BODY, length(), *proven(secret), path=f"/api/{'a' * 9_000}"))
    assert answer == b"" or statuses(answer)[0] in (400, 414)


def test_a_line_break_in_the_path_makes_no_header(server, secret):
    for path in (f"{PATH}%0d%0aX-Evil:%20yes", f"{PATH}/%0d%0aX-Evil:%20a=b"):
        answer = said_to(server, request(BODY, length(), "Connection: close", path=path))
        assert statuses(answer) in ([404], [401])
        assert b"\nx-evil" not in answer.lower()


# --- other manners --------------------------------------------------------------------------------
def test_two_webhooks_in_one_breath_are_answered_in_their_order(server, secret):
    later = as_bytes(event("session_ready", "alice", phone_number="62811801641"))
    raw = request(BODY, length(), *proven(secret))
    raw += request(later, length(later), *proven(secret, later), "Connection: close")

    assert statuses(said_to(server, raw)) == [200, 200]
    assert [name for name, _ in events()] == ["session_disconnected", "session_ready"]


def test_a_refused_webhook_does_not_eat_the_next_one_on_the_line(server, secret):
    raw = request(BODY, length(), *proven("forged"))
    raw += request(BODY, length(), *proven(secret), "Connection: close")

    assert statuses(said_to(server, raw)) == [401, 200]


def test_a_sender_that_speaks_http_1_0_is_heard(server, secret):
    answer = said_to(server, request(BODY, length(), *proven(secret), version="1.0"))
    assert statuses(answer) == [200] and events() == [("session_disconnected", "applied")]


def test_a_sender_of_no_known_version_is_refused(server, secret):
    for version in ("2.0", "0.9", "1.10", "one"):
        answer = said_to(server, request(BODY, length(), *proven(secret), version=version))
        assert b" 200 " not in answer, version
    assert events() == []


def test_who_asks_whether_to_go_on_is_told_so_before_the_body(server, secret):
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        head = [length(), "Expect: 100-continue", *proven(secret), "Connection: close"]
        connection.sendall(request(b"", *head))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(BODY)
        assert statuses(read_all(connection)) == [200]


def test_what_else_is_expected_is_not_met(server, secret):
    raw = request(BODY, length(), "Expect: miracles", *proven(secret), "Connection: close")
    assert statuses(said_to(server, raw))[0] in (200, 417)


def test_a_sender_that_hangs_up_before_the_answer_was_heard(server, secret):
    """Committed all the same: it was received whole."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(request(BODY, length(), *proven(secret)))

    until(lambda: events() == [("session_disconnected", "applied")])


def test_a_sender_that_resets_in_the_middle_leaves_nothing_behind(server, secret):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(request(BODY[:20], length(), *proven(secret)))

    assert server.send_signed(secret, BODY).status == 200
    assert events() == [("session_disconnected", "applied")]


def test_a_web_process_that_is_stopped_has_kept_all_that_it_answered(secret, tmp_path):
    """OpenWA: the shutting down threw away what had been taken."""
    bodies = [as_bytes(lost("alice", f"reason {number}")) for number in range(400)]
    with served(tmp_path) as server, ThreadPoolExecutor(8) as senders:
        server.learn(secret)
        before = Delivery.objects.count()
        stop = threading.Timer(0.3, server.process.terminate)
        stop.start()
        taken = sum(senders.map(lambda body: _is_taken(server, secret, body), bodies))
        stop.join()
    assert 0 < taken < len(bodies)
    assert Delivery.objects.count() - before >= taken


def _is_taken(server, secret: str, body: bytes) -> bool:
    try:
        return server.send_signed(secret, body).status == 200
    except (OSError, IndexError):
        return False


@pytest.mark.parametrize(
    ("path", "prefix", "status"),
    [("/health", "/evil", 200), ("/x/admin/login/", "/x", 404), ("/api/admin/login/", "/api", 404)],
)
def test_a_client_s_prefix_changes_no_path(server, path, prefix, status):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", path, headers={"SCRIPT_NAME": prefix, "Host": "localhost"})
        assert connection.getresponse().status == status
    finally:
        connection.close()


# --- compressed bodies ----------------------------------------------------------------------------
def test_a_compressed_webhook_is_told_what_is_wrong(server, secret):
    for coding in ("gzip", "x-gzip", "deflate", "br", "zstd", "gzip, identity"):
        answer = server.send_signed(secret, gzip.compress(BODY), **{"Content-Encoding": coding})
        assert answer.status == 415 and "compressed" in answer.json()["reason"], coding
    assert events() == []


def test_a_bomb_is_never_opened(server, secret):
    body = gzip.compress(b"A" * 300_000_000, 1)
    before = server.memory_bytes()

    answer = server.send_signed(secret, body, **{"Content-Encoding": "gzip"})

    assert answer.status == 415 and server.memory_bytes() - before < 32_000_000


def test_a_body_that_says_it_is_as_it_is_counts(server, secret):
    answer = server.send_signed(secret, BODY, **{"Content-Encoding": "identity"})
    assert answer.status == 200
