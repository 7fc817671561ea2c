"""WAHA and Evolution API could not be run: their clients against small stand-ins that speak the
documented shapes whole, and against answers that no documentation has."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import GatewayError, Reason, State
from gateways.kinds.evolution.client import EvolutionClient
from gateways.kinds.waha.client import WahaClient
from tests.gateways.kinds.documented import KEY, Evolution, Waha, evolution_webhook, waha_session

CLIENTS = [WahaClient, EvolutionClient]


def waha(*sessions):
    gateway = Waha().hold(*sessions)
    return WahaClient("http://waha:3000", api_key=KEY, transport=gateway.transport)


@pytest.mark.parametrize(
    ("word", "state", "reason"),
    [
        ("STARTING", State.CONNECTING, Reason.LISTED),
        ("SCAN_QR_CODE", State.QR_SCANNING, Reason.LISTED),
        ("PASSKEY_REQUIRED", State.QR_SCANNING, Reason.PASSKEY_REQUIRED),
        ("PASSKEY_CONFIRMATION_REQUIRED", State.QR_SCANNING, Reason.PASSKEY_REQUIRED),
        ("WORKING", State.CONNECTED, Reason.LISTED),
        ("FAILED", State.DISCONNECTED, Reason.SESSION_ERROR),
        ("STOPPED", State.DISCONNECTED, Reason.LISTED),
        ("HIBERNATING", None, Reason.UNRECOGNISED),
    ],
)
def test_each_word_of_waha_s_in_a_list_and_in_an_answer(word, state, reason):
    client = waha(waha_session("alice", word))

    [listed] = client.list_sessions(deadline_seconds=5).sessions
    read = client.read_session("alice", deadline_seconds=5)

    for session in (listed, read):
        assert (session.state, session.reason, session.raw_state) == (state, reason, word)
        number = "62811801641" if state is State.CONNECTED else None
        assert session.phone_number == number


def test_what_waha_does_not_hold_is_not_there():
    assert waha().read_session("alice", deadline_seconds=5) is None


def test_evolution_s_whole_rows_are_understood_and_its_instances_tokens_passed_over():
    gateway = Evolution({"alice": evolution_webhook("https://x.example.com")})
    client = EvolutionClient("http://evo", api_key=KEY, transport=gateway.transport)
    rows, unread = client._rows(5)
    assert unread == 0
    assert [(row.name, row.owner) for row in rows] == [("alice", "62811801641@s.whatsapp.net")]
    assert "token-of-the-instance" not in repr(rows)


ODD = {
    "a page": httpx.Response(200, html="<h1>It works!</h1>"),
    "half of it": httpx.Response(200, content=b'[{"name": "al'),
    "null": httpx.Response(200, content=b"null"),
    "a number": httpx.Response(200, content=b"7"),
    "null in a list": httpx.Response(200, content=b"[null]"),
    "a name that is a number": httpx.Response(200, content=b'[{"name": 7, "status": "WORKING"}]'),
    "a status that is an object": httpx.Response(
        200, content=b'[{"name": "a", "status": {}, "ownerJid": []}]'
    ),
    "too deep": httpx.Response(200, content=b"[" * 200_000),
    "not UTF-8": httpx.Response(200, content=b'[{"name": "\xff"}]'),
    "an error that quotes our key": httpx.Response(500, text=f"boom: {KEY}"),
    "a redirect": httpx.Response(302, headers={"Location": f"http://evil.example.com/?k={KEY}"}),
    "no content": httpx.Response(204),
    "compressed otherwise": httpx.Response(200, headers={"Content-Encoding": "br"}, stream=None),
}


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_answer_is_an_error_of_ours_and_quotes_no_key(kind, odd):
    client = kind("http://gateway", api_key=KEY, transport=httpx.MockTransport(lambda call: odd))

    for ask in (
        lambda: client.list_sessions(deadline_seconds=5),
        lambda: client.read_session("alice", deadline_seconds=5),
        lambda: client.restart_session("a", workspace_id=1, account_id=1, deadline_seconds=5),
        lambda: client.stop_session("alice", workspace_id=1, deadline_seconds=5),
    ):
        try:
            ask()
        except GatewayError as error:
            assert KEY not in str(error)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("kind", CLIENTS)
def test_an_odd_answer_is_no_list(kind, odd):
    client = kind("http://gateway", api_key=KEY, transport=httpx.MockTransport(lambda call: odd))
    with pytest.raises(GatewayError):
        client.list_sessions(deadline_seconds=5)


@pytest.mark.parametrize("session_id", ["../../admin", "a/b", "a?b=c", "a#b", "…", "a b", "."])
@pytest.mark.parametrize("kind", CLIENTS)
def test_an_id_stays_one_segment_of_the_path(kind, session_id):
    asked = []

    def answer(call):
        asked.append(call.url.raw_path)
        return httpx.Response(404, json={"message": "Not here"})

    client = kind("http://gateway", api_key=KEY, transport=httpx.MockTransport(answer))
    with pytest.raises(GatewayError):
        client.read_session(session_id, deadline_seconds=5)

    assert {path.count(b"/") for path in asked} == {3}
    assert not any(b"?" in path or b"#" in path for path in asked)


def test_a_listed_twice_or_nameless_session_makes_waha_s_list_incomplete():
    for sessions in ([waha_session("a"), waha_session("a")], [waha_session("")]):
        transport = httpx.MockTransport(lambda call, said=sessions: httpx.Response(200, json=said))
        client = WahaClient("http://waha", api_key=KEY, transport=transport)
        listing = client.list_sessions(deadline_seconds=5)
        assert not listing.complete
