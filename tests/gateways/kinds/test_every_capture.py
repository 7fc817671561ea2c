"""Every answer that was ever recorded, through its adapter: none is unaccounted for, and each says
what it was seen to mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import httpx
import pytest

from gateways.base import GatewayError, Listing, Probe, Session
from tests.gateways.kinds.captured import FOLDER
from tests.gateways.kinds.clients import KEY, client

IDS = {"workspace_id": 1, "account_id": 9}
HOW_IT_ENDED = {
    "TimeoutError": httpx.ReadTimeout,
    "RemoteDisconnected": httpx.RemoteProtocolError,
    "ConnectionRefusedError": httpx.ConnectError,
}
LIVE = {"success": True, "state": "CONNECTED", "message": "session_connected"}
UNANSWERED = {
    "TimeoutError": "TimedOut",
    "RemoteDisconnected": "Unreachable",
    "ConnectionRefusedError": "ConnectionRefused",
}
# (a path's pattern, what the answer holds (one of these), what it means); the first that fits
# counts. None: we never ask it.
WWEBJS = [
    ("/session/status/", "Invalid API key", "KeyRejected"),
    ("/session/status/", "alphanumerical", "Rejected"),
    ("/session/status/", "session_not_found", "none"),
    ("/session/status/", '"CONNECTED"', "connected listed"),
    ("/session/status/", '"UNPAIRED"', "qr_scanning listed"),
    ("/session/status/", '"PAIRING"', "connecting listed"),
    ("/session/status/", '"OPENING"', "connecting network"),
    ("/session/status/", '"TIMEOUT"', "connecting network"),
    ("/session/status/", "session closed", "disconnected browser_gone"),
    ("/session/status/", "browser tab closed", "disconnected browser_gone"),
    ("/session/status/", "window.require is not", "disconnected page_gone"),
    ("/session/status/", "Execution context was", "connecting navigation"),
    ("/session/getSessions", "Invalid API key", "KeyRejected"),
    ("/session/getSessions", '"result": []', "complete 0"),
    ("/session/getSessions", '"result": [', "complete 1"),
    ("/session/qr/.*/image", "", None),  # the same code, drawn
    ("/session/qr/", '"qr": "', "data:image/png"),
    ("/session/qr/", "", "none"),
    ("/session/restart/", "Restarted successfully", "done"),
    ("/session/restart/", "session_not_found", "Rejected"),
    ("/session/start/", "initiated successfully", "done"),
    ("/session/start/", "already exists", "Rejected"),
    ("/session/start/", "ERR_NAME_NOT_RESOLVED", "Rejected"),
    ("/session/stop/", "stopped successfully", "done"),
    ("/session/terminate/", "Logged out", "done"),
    ("/session/terminate/", "session_not_found", "Rejected"),
    ("/session/terminate(All|Inactive)$", "", None),  # they delete logins
    ("/client/getClassInfo/", '"user": "15550100001"', "15550100001"),
    ("/client/getClassInfo/", "", "no number"),
    ("/client/getState/", "", None),  # it tells less than status
    ("/ping", "pong", "healthy"),
    ("/(health|nothing)$", "Cannot GET", None),
]
WPPCONNECT = [
    ("/status-session", "Token is not present|Check that the", "KeyRejected"),
    ("/status-session", '"status": "CLOSED"', "disconnected listed"),
    ("/status-session", '"status": "INITIALIZING"', "connecting listed"),
    ("/status-session", '"status": "QRCODE"', "qr_scanning listed"),
    ("/status-session", '"status": "CONNECTED"', "connected listed"),
    # Asked where its word is CONNECTED.
    ("/check-connection-session", '"Connected"', "connected listed"),
    ("/check-connection-session", '"Disconnected"', "disconnected browser_gone"),
    ("/show-all-sessions", "The token is incorrect", "KeyRejected"),
    ("/show-all-sessions", '"response": [', "done"),
    ("/generate-token", "", None),  # asked on the way to each of the others
    ("/start-session", '"status": "CLOSED"', "done"),
    ("/start-session", '"CONNECTED"|"INITIALIZING"', "Rejected"),  # it did nothing
    ("/close-session", "successfully closed", "done"),
    ("/close-session", "Error closing session", "done"),  # its status is CLOSED all the same
    ("/logout-session", "Disconnected", "Rejected"),
    ("/host-device", '"user": "15550100001"', "15550100001"),
    ("/qrcode-session|/send-message|/metrics|/nothing", "", None),
    ("/healthz", "OK", "healthy"),
]
NODE_SERVICE = [
    ("/status", "Session not found", "none"),
    ("/status", '"qr_scanning"', "qr_scanning listed"),
    ("/status", '"connected"', "connected listed"),
    ("/status", '"disconnected"', "disconnected listed"),
    ("/api/sessions$", "Invalid API key", "KeyRejected"),
    ("/api/sessions$", "already running", "Rejected"),
    ("/api/sessions$", '"total":', "complete"),
    ("/api/sessions$", '"success":true', "done"),
    ("/reconnect", '"success":true', "done"),
    ("/api/sessions/[^/]+$", '"success":true', "done"),
    ("/api/messages/send", "Session not found", "unclear"),
    ("/api/messages/send", "createWid", "alive"),
    ("/api/messages/send", "callFunctionOn timed out", "no_answer hung"),
    ("/validate|/restore", "", None),
    ("/health", "healthy", "healthy"),
]


def recorded(folder: str) -> list[tuple[str, dict]]:
    found = []
    for path in sorted((FOLDER / folder).glob("*.api.jsonl")):
        for number, text in enumerate(path.read_text().splitlines(), 1):
            line = json.loads(text)
            if "method" in line or "request" in line:
                found.append((f"{path.name[:2]}:{number} {line['label']}", line))
    return found


def meant(table, path: str, body: object, error: str = "") -> str | None:
    if error:
        return UNANSWERED[error.partition(":")[0]]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    for pattern, words, meaning in table:
        if re.search(pattern, path) and any(word in text for word in words.split("|")):
            return meaning
    raise AssertionError(f"nobody says what {text[:200]} to {path} means")


def outcome(ask: Callable[[], object]) -> str:
    """Return a short name of the outcome."""
    try:
        got = ask()
    except GatewayError as error:
        return type(error).__name__
    if isinstance(got, Session):
        return f"{got.state} {got.reason}"
    if isinstance(got, Probe):
        return f"{got.pulse} {got.reason}".strip()
    if isinstance(got, Listing):
        return f"complete {len(got.sessions)}" if got.complete else got.why_incomplete
    return "none" if got is None else str(got)


def done(ask: Callable[[], None]) -> Callable[[], str]:
    return lambda: ask() or "done"


def answering(line: dict, path: str, beside: dict[str, object]) -> Callable:
    """The recorded answer at its path; whatever else is asked is answered from `beside`."""
    response = line["response"]

    def answer(call: httpx.Request) -> httpx.Response:
        if call.url.path != path:
            found = [said for words, said in beside.items() if words in call.url.path]
            return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json={})
        if response is None:
            raise HOW_IT_ENDED[line["error"].partition(":")[0]]("", request=call)
        body = response["body"]
        if isinstance(body, str):
            return httpx.Response(response["status"], text=body)
        return httpx.Response(response["status"], json=body)

    return answer


@pytest.mark.parametrize(
    ("label", "line"), recorded("wwebjs-api"), ids=lambda value: str(value)[:60]
)
def test_wwebjs_api(label, line):
    path = line["request"]["path"].partition("?")[0]
    response = line["response"] or {"body": None}
    meaning = meant(WWEBJS, path, response["body"], line.get("error", ""))
    if meaning is None:
        return
    name = path.rpartition("/")[2]
    beside = {} if "/status/" in path else {"/session/status/": LIVE}
    gateway = client("wwebjs_api", answering(line, path, beside))
    verb = path.split("/")[2] if path.count("/") > 1 else path
    asks = {
        "status": lambda: gateway.read_session(name, deadline_seconds=9),
        "getSessions": lambda: gateway.list_sessions(deadline_seconds=9),
        "qr": lambda: (gateway.read_qr(name, deadline_seconds=9) or "none")[:14],
        "restart": done(lambda: gateway.restart_session(name, **IDS, deadline_seconds=9)),
        "start": done(lambda: gateway.start_session(name, **IDS, deadline_seconds=9)),
        "stop": done(lambda: gateway.stop_session(name, workspace_id=1, deadline_seconds=9)),
        "terminate": done(
            lambda: gateway.log_out_session(name, workspace_id=1, deadline_seconds=9)
        ),
        "getClassInfo": lambda: (
            gateway.read_session(name, deadline_seconds=9).phone_number or "no number"
        ),
        "/ping": lambda: gateway.health(deadline_seconds=9) and "healthy",
    }
    assert outcome(asks[verb]) == meaning


@pytest.mark.parametrize(
    ("label", "line"), recorded("wppconnect-server"), ids=lambda value: str(value)[:60]
)
def test_wppconnect(label, line):
    path = line["request"]["path"].partition("?")[0].replace("<secret-key>", KEY)
    if path.endswith("/show-all-sessions"):  # the wrong key as well
        path = f"/api/{KEY}/show-all-sessions"
    response = line["response"] or {"body": None}
    meaning = meant(WPPCONNECT, path, response["body"], line.get("error", ""))
    if meaning is None:
        return
    name, verb = path.strip("/").split("/")[1:3] if path.count("/") > 1 else ("", path)
    word = "CLOSED" if verb == "close-session" else "CONNECTED"
    beside = {
        "status-session": {"status": word},
        "check-connection-session": {"status": True},
        "show-all-sessions": {"response": [name]},
    }
    gateway = client("wppconnect", answering(line, path, beside))
    asks = {
        "status-session": lambda: gateway.read_session(name, deadline_seconds=9),
        "check-connection-session": lambda: gateway._status(name, 9),
        "show-all-sessions": done(lambda: gateway._names(9) and None),
        "start-session": done(lambda: gateway.start_session(name, **IDS, deadline_seconds=9)),
        "close-session": done(
            lambda: gateway.stop_session(name, workspace_id=1, deadline_seconds=9)
        ),
        "logout-session": done(
            lambda: gateway.log_out_session(name, workspace_id=1, deadline_seconds=9)
        ),
        "host-device": lambda: gateway.read_session(name, deadline_seconds=9).phone_number,
        "/healthz": lambda: gateway.health(deadline_seconds=9) and "healthy",
    }
    if verb == "check-connection-session" and meaning == "TimedOut":
        meaning = "None listed"  # the page hangs; its session is listed all the same
    assert outcome(asks[verb]) == meaning


@pytest.mark.parametrize(
    ("label", "line"), recorded("node-service"), ids=lambda value: str(value)[:60]
)
def test_the_node_service(label, line):
    path = line["path"].partition("?")[0]
    meaning = meant(NODE_SERVICE, path, line["answer"])
    if meaning is None:
        return
    name = "webjs_1_1763264318_rCdIqxMG"
    answer = {"status": line["status"], "body": line["answer"]}
    claimed = {"session_id": name, "status": "connected", "workspace_id": 1}
    is_create = path == "/api/sessions" and line["method"] == "POST"
    beside = {} if is_create else {"/status": claimed}
    if is_create:
        gateway = client("webjs", absent_before(answering({"response": answer}, path, {})))
    else:
        gateway = client("webjs", answering({"response": answer}, path, beside))
    asked = path.split("/")[3] if path.count("/") > 2 else name
    if path.endswith("/status"):
        got = outcome(lambda: gateway.read_session(asked, deadline_seconds=9))
    elif path == "/health":
        got = outcome(lambda: gateway.health(deadline_seconds=9) and "healthy")
    elif path == "/api/messages/send":
        got = outcome(lambda: gateway.probe_session(name, deadline_seconds=16))
    elif is_create:
        got = outcome(done(lambda: gateway.start_session(name, **IDS, deadline_seconds=9)))
    elif path == "/api/sessions":
        got = outcome(lambda: gateway.list_sessions(deadline_seconds=9))
        got = "complete" if got.startswith("complete") else got
    elif path.endswith("/reconnect"):
        got = outcome(done(lambda: gateway.restart_session(asked, **IDS, deadline_seconds=9)))
    else:
        got = outcome(
            done(lambda: gateway.log_out_session(asked, workspace_id=1, deadline_seconds=9))
        )
    assert got == meaning


def absent_before(answer: Callable) -> Callable:
    """A session that was not there when it was looked for."""

    def answered(call: httpx.Request) -> httpx.Response:
        if call.url.path.endswith("/status"):
            return httpx.Response(404, json={"error": "Session not found"})
        return answer(call)

    return answered
