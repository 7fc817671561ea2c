"""Start, restart, stop and log out: what each kind is asked, and what it is never asked."""

from __future__ import annotations

import httpx
import pytest

from gateways.base import Rejected, TimedOut, Withheld
from gateways.registry import clients
from tests.gateways.kinds.clients import Gateway, client

HANGS = httpx.ReadTimeout
DONE = (200, {"success": True, "message": "done", "status": True})
LEFT = (200, {"success": False, "state": None, "message": "window.require is not a function"})
ABSENT = (200, {"success": False, "state": None, "message": "session_not_found"})
LIVE = (200, {"success": True, "state": "CONNECTED", "message": "session_connected"})
VERBS = {
    "start": lambda asked, seconds: asked.start_session(
        "alice", workspace_id=7, account_id=9, deadline_seconds=seconds
    ),
    "restart": lambda asked, seconds: asked.restart_session(
        "alice", workspace_id=7, account_id=9, deadline_seconds=seconds
    ),
    "stop": lambda asked, seconds: asked.stop_session(
        "alice", workspace_id=7, deadline_seconds=seconds
    ),
    "log out": lambda asked, seconds: asked.log_out_session(
        "alice", workspace_id=7, deadline_seconds=seconds
    ),
}


def do(verb, kind, gateway, seconds=20):
    VERBS[verb](client(kind, gateway), seconds)
    return gateway.asked


def test_the_node_service_creates_what_it_does_not_hold():
    gateway = Gateway(status=(404, {"error": "Session not found"}), sessions=DONE)
    assert do("start", "webjs", gateway) == [
        "GET /api/sessions/alice/status",
        "POST /api/sessions",
    ]


def test_the_node_service_never_creates_what_it_may_hold():
    """Observed: the failure of the second create takes the live session out of its list."""
    held = (200, {"session_id": "alice", "status": "connected"})
    gateway = Gateway(status=held, sessions=DONE)

    with pytest.raises(Withheld, match="restart it instead"):
        do("start", "webjs", gateway)
    assert gateway.asked == ["GET /api/sessions/alice/status"]


def test_what_cannot_be_read_is_not_created_either():
    gateway = Gateway(status=HANGS, sessions=DONE)
    with pytest.raises(TimedOut):
        do("start", "webjs", gateway)
    assert gateway.asked == ["GET /api/sessions/alice/status"]


@pytest.mark.parametrize("verb", ["restart", "stop", "log out"])
def test_a_page_that_left_whatsapp_is_not_touched(verb):
    """Observed, 8 of 8: it ends the whole gateway, and every session with it."""
    gateway = Gateway(status=LEFT, restart=DONE, stop=DONE, terminate=DONE)

    with pytest.raises(Withheld, match="has left WhatsApp"):
        do(verb, "wwebjs_api", gateway)
    assert gateway.asked == ["GET /session/status/alice"]


def test_a_page_that_hangs_is_stopped_and_started_and_never_restarted():
    gateway = Gateway(status=HANGS, stop=DONE, start=DONE)
    assert do("restart", "wwebjs_api", gateway)[1:] == [
        "GET /session/stop/alice",
        "GET /session/start/alice",
    ]


def test_a_page_that_hangs_can_be_closed():
    assert do("stop", "wwebjs_api", Gateway(status=HANGS, stop=DONE))[1:] == [
        "GET /session/stop/alice"
    ]


@pytest.mark.parametrize(("status", "verb"), [(LIVE, "restart"), (ABSENT, "start")])
def test_what_wwebjs_api_does_not_hold_is_started(status, verb):
    gateway = Gateway(status=status, restart=DONE, start=DONE)
    assert do("restart", "wwebjs_api", gateway)[1:] == [f"GET /session/{verb}/alice"]


def test_a_start_of_what_wwebjs_api_holds_is_refused_in_its_words():
    said = {"success": False, "error": "Session already exists for: alice"}
    with pytest.raises(Rejected, match="already exists for: alice"):
        do("start", "wwebjs_api", Gateway(start=(422, said)))


def test_only_logging_out_terminates_and_nothing_terminates_the_inactive():
    gateway = Gateway(
        **dict.fromkeys(("status", "start", "stop", "restart", "terminate"), LIVE),
    )
    for verb in ("start", "restart", "stop"):
        do(verb, "wwebjs_api", gateway)
    assert not any("terminate" in asked for asked in gateway.asked)

    do("log out", "wwebjs_api", gateway)
    assert gateway.asked[-1] == "GET /session/terminate/alice"


def test_logging_out_what_wwebjs_api_does_not_hold_is_refused():
    """The login would stay on the disk."""
    with pytest.raises(Rejected, match="session_not_found"):
        do("log out", "wwebjs_api", Gateway(status=ABSENT, terminate=ABSENT))


@pytest.mark.parametrize(
    ("verb", "path"),
    [("start", "start"), ("restart", "restart"), ("stop", "stop"), ("log out", "logout")],
)
def test_waha_is_told_by_a_post(verb, path):
    gateway = Gateway(**{path: (201, {"name": "alice"})})
    assert do(verb, "waha", gateway) == [f"POST /api/sessions/alice/{path}"]


def test_evolution_connects_what_is_closed():
    gateway = Gateway(restart=(200, {"error": True, "message": "closed"}), connect=(200, {}))
    assert do("restart", "evolution", gateway) == [
        "POST /instance/restart/alice",
        "GET /instance/connect/alice",
    ]


def test_evolution_never_logs_out_to_stop():
    gateway = Gateway(logout=DONE)
    with pytest.raises(Withheld, match="keep its login"):
        do("stop", "evolution", gateway)
    assert gateway.asked == []

    assert do("log out", "evolution", gateway) == ["DELETE /instance/logout/alice"]


def test_evolution_s_refusal_is_quoted():
    said = {"status": 400, "response": {"message": ['The "alice" instance is not connected']}}
    with pytest.raises(Rejected, match='400 The "alice" instance is not connected'):
        do("log out", "evolution", Gateway(logout=(400, said)))


@pytest.mark.parametrize("was", ["CONNECTED", "INITIALIZING", "QRCODE"])
def test_wppconnect_s_start_that_did_nothing_is_said(was):
    with pytest.raises(Rejected, match=f"did nothing, since the session is {was}"):
        do("start", "wppconnect", Gateway(start_session=(200, {"status": was})))


@pytest.mark.parametrize("was", ["CLOSED", None])
def test_wppconnect_starts_what_is_closed(was):
    gateway = Gateway(start_session=(200, {"status": was}))
    assert do("start", "wppconnect", gateway) == ["POST /api/alice/start-session"]


def test_wppconnect_has_closed_it_all_the_same():
    gateway = Gateway(
        close_session=(500, {"status": False, "message": "Error closing session"}),
        status_session=(200, {"status": "CLOSED"}),
    )
    assert do("stop", "wppconnect", gateway)[-1] == "GET /api/alice/status-session"


def test_wppconnect_that_has_not_closed_it_is_said():
    gateway = Gateway(
        close_session=(500, {"status": False, "message": "Error closing session"}),
        status_session=(200, {"status": "CONNECTED"}),
    )
    with pytest.raises(Rejected, match="Error closing session"):
        do("stop", "wppconnect", gateway)


@pytest.mark.parametrize("kind", clients())
@pytest.mark.parametrize("verb", ["start", "restart", "log out"])
def test_what_gets_no_answer_may_still_happen(kind, verb):
    """The outcome is unknown, which is no refusal."""

    def answer(call):
        raise httpx.ReadTimeout("", request=call)

    with pytest.raises(TimedOut):
        VERBS[verb](client(kind, answer), 20)


REFUSED = (422, {"statusCode": 422, "message": "Session 'alice' is already started."})


def waha(**version):
    return Gateway(restart=REFUSED, stop=(201, {}), start=(201, {}), version=(200, version))


def test_waha_s_failed_session_that_is_started_already_is_stopped_and_started():
    gateway = waha(version="2026.8.1", tier="PLUS", engine="GOWS")
    assert [asked.rpartition("/")[2] for asked in do("restart", "waha", gateway)] == [
        *("restart", "version", "stop", "start"),
    ]


@pytest.mark.parametrize("tier", ["CORE", ""])
def test_but_not_where_that_may_cost_its_login(tier):
    gateway = waha(version="2026.8.1", tier=tier, engine="WEBJS")
    with pytest.raises(Rejected, match="already started"):
        do("restart", "waha", gateway)
    assert not any(asked.endswith(("/stop", "/start")) for asked in gateway.asked)
