"""What can go wrong between us and a gateway: each trouble has its own error and its own words, the
same ones whatever the kind."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import httpx
import pytest

from gateways.base import (
    BadAnswer,
    ConnectionRefused,
    GatewayError,
    KeyRejected,
    Rejected,
    TimedOut,
    Unreachable,
)
from gateways.registry import clients
from tests.gateways.kinds.clients import KEY, Gateway, client

PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>"
HALF = b'{"success": true, "sess'
WRONG_KEY = {
    "webjs": (401, {"error": "Invalid API key"}),
    "wwebjs_api": (403, {"success": False, "error": "Invalid API key"}),
    "waha": (401, {"message": "Unauthorized", "statusCode": 401}),
    "evolution": (401, {"status": 401, "response": {"message": "Unauthorized"}}),
    "wppconnect": (400, {"response": False, "message": "The token is incorrect"}),
}
DIALECT = "not in the gateway's dialect: "
NOT_ITSELF = "not in the gateway's own words: does the base URL point to it"
ANSWERS = {
    "a proxy's error page": (502, PAGE, BadAnswer, f"502, and {NOT_ITSELF}"),
    "a proxy's login page": (401, PAGE, BadAnswer, f"401, and {NOT_ITSELF}"),
    "another program's page": (200, PAGE, BadAnswer, f"{DIALECT}a web page, where JSON belongs"),
    "half a JSON": (200, HALF, BadAnswer, f"{DIALECT}the JSON breaks off"),
    "nothing": (200, b"", BadAnswer, f"{DIALECT}an empty answer"),
    "no JSON": (200, b"OK", BadAnswer, f"{DIALECT}JSON is malformed"),
    "another kind's JSON": (200, b'{"hello": 1}', BadAnswer, "is its kind right"),
    "its own error": (500, b'{"error": "out of memory"}', Rejected, "500 out of memory"),
    "a redirect": (302, b"", BadAnswer, "which is not followed: is the base URL right"),
}
ENDS = {
    "hangs": (httpx.ReadTimeout, TimedOut, "no answer within 5 s"),
    "cannot be connected to": (httpx.ConnectTimeout, TimedOut, "no connection within 5 s"),
    "hangs up": (httpx.RemoteProtocolError, Unreachable, "closed before any answer"),
}


def list_of(kind, answer, seconds=5.0):
    return client(kind, answer).list_sessions(deadline_seconds=seconds)


def trouble(kind, answer):
    with pytest.raises(GatewayError) as error:
        list_of(kind, answer)
    assert KEY not in str(error.value)
    return error.value


@pytest.mark.parametrize("kind", clients())
@pytest.mark.parametrize(("status", "body", "error", "words"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none(kind, status, body, error, words):
    if body == HALF and kind in ("waha", "evolution"):
        body = b'[{"name": "al'  # they list without an envelope
    found = trouble(kind, lambda call: httpx.Response(status, content=body))

    assert type(found) is error
    assert words in str(found)
    assert "http://gateway:3000" in str(found)


@pytest.mark.parametrize("kind", clients())
def test_a_wrong_key(kind):
    status, body = WRONG_KEY[kind]

    found = trouble(kind, lambda call: httpx.Response(status, json=body))

    assert type(found) is KeyRejected
    assert f"{status}, it does not accept our key" in str(found)


def test_a_wrong_key_where_wppconnect_makes_its_tokens():
    said = {"response": False, "message": "The SECRET_KEY is incorrect"}

    def answer(call):
        return httpx.Response(400, json=said)

    gateway = clients()["wppconnect"](
        "http://gateway:3000", api_key="wrong", transport=httpx.MockTransport(answer)
    )
    with pytest.raises(KeyRejected):
        gateway.stop_session("nobody", workspace_id=1, deadline_seconds=5)


@pytest.mark.parametrize("kind", clients())
@pytest.mark.parametrize(("how", "error", "words"), ENDS.values(), ids=ENDS)
def test_no_answer_at_all(kind, how, error, words):
    def answer(call):
        raise how("", request=call)

    found = trouble(kind, answer)

    assert type(found) is error
    assert words in str(found)


@pytest.mark.parametrize("kind", clients())
def test_nobody_listens(kind):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and never listening: nobody else gets the port
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with (
            pytest.raises(ConnectionRefused, match="refused"),
            clients()[kind](address, api_key=KEY) as asked,
        ):
            asked.list_sessions(deadline_seconds=5)


@contextmanager
def dripping():
    """A gateway that sends its answer byte by byte, for ever."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not over.wait(0.02):
                    connection.sendall(b" ")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join(5)


@pytest.mark.parametrize("kind", clients())
def test_one_that_drips_is_timed_out_like_one_that_hangs(kind):
    with (
        dripping() as address,
        clients()[kind](address, api_key=KEY) as asked,
        pytest.raises(TimedOut, match=r"not complete within 0\.3 s"),
    ):
        asked.list_sessions(deadline_seconds=0.3)


@pytest.mark.parametrize("kind", clients())
def test_an_error_of_the_gateway_s_that_quotes_our_key_is_told_without_it(kind):
    said = {"error": f"cannot use {KEY} here", "message": f"cannot use {KEY} here"}
    assert "cannot use *** here" in str(trouble(kind, lambda call: httpx.Response(500, json=said)))


def test_a_refusal_without_a_reason_is_its_status():
    found = trouble("waha", Gateway(sessions=(503, {"statusCode": 503})))
    assert str(found).endswith(": 503")
