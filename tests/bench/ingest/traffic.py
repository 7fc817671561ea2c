"""The requests of each contender, made and signed before they are sent: what the client then costs
is little."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

SECRET = b"a-secret-of-the-bench-for-whatever-gateway"
KEY = "a-key-of-the-bench"
TOKEN = "a-path-of-the-bench"
# The phone number of the first account.
FIRST_NUMBER = 62_800_000_000
EVENTS_REPEATED = 50
# A body is about this long.
BODY_BYTES = 600
_serial = count(1)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions that webhooks speak of: `first` and the next ones, on gateways of `each`."""

    prefix: str
    number: int
    each: int
    word: dict[int, bool]

    def choose(self) -> tuple[int, bool]:
        """Choose an account, and whether it is connected from now on: each webhook says a
        change."""
        session = random.randrange(self.number)
        self.word[session] = not self.word.get(session, True)
        return session, self.word[session]


Maker = Callable[[Sessions], bytes]


def secret_of(prefix: str, gateway: int) -> str:
    """Return the gateway's own secret."""
    return f"{SECRET.decode()}-{prefix}-{gateway}"


def address_of(prefix: str, gateway: int) -> str:
    return f"http://{prefix}{gateway}.bench:3001"


def write(path: Path, maker: Maker, sessions: Sessions, number: int) -> None:
    """Requests as a file: the length of each in a line, then the request."""
    with path.open("wb") as file:
        for request in islice(_made(maker, sessions), number):
            file.write(b"%d\n" % len(request) + request)


def read(path: Path) -> list[bytes]:
    content, requests, position = path.read_bytes(), [], 0
    while position < len(content):
        line_end = content.index(b"\n", position)
        end = line_end + 1 + int(content[position:line_end])
        requests.append(content[line_end + 1 : end])
        position = end
    return requests


def _made(maker: Maker, sessions: Sessions) -> Iterator[bytes]:
    while True:
        yield maker(sessions)


def _request(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _filled(said: dict[str, object], part: dict[str, object]) -> bytes:
    """Up to the usual length, with a field that nobody reads."""
    part["device"] = ""
    part["device"] = "x" * max(1, BODY_BYTES - len(_json(said)))
    return _json(said)


def _json(said: object) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()


def _signed_as_webjs(secret: bytes, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    digest = hmac.digest(secret, timestamp.encode() + body, "sha256").hex()
    return {"X-Timestamp": timestamp, "X-HMAC-Signature": digest}


# --- the plain application ----------------------------------------------------------------------
def plain(path: str) -> Maker:
    def make(sessions: Sessions) -> bytes:
        session, is_connected = sessions.choose()
        data: dict[str, object] = {
            "session_id": f"bench-{session}",
            "workspace_id": 1,
            "phone_number": "",
            "status": "connected" if is_connected else "disconnected",
            "reason": "" if is_connected else "network",
        }
        said: dict[str, object] = {
            "id": f"event-{next(_serial)}-{time.time_ns()}",
            "event": "session_status_changed",
            "data": data,
        }
        body = _filled(said, data)
        return _request(path, body, _signed_as_webjs(SECRET, body))

    return make


# --- Rollcall: the Node service's webhooks ------------------------------------------------------
def webjs_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    data: dict[str, object] = {"session_id": f"{sessions.prefix}-{session}"}
    data |= (
        {"phone_number": str(FIRST_NUMBER + session), "status": "connected"}
        if is_connected
        else {"reason": "NAVIGATION"}
    )
    name = "session_ready" if is_connected else "session_disconnected"
    return _webjs(sessions, session, {"event": name, "data": data}, data)


def webjs_message(sessions: Sessions) -> bytes:
    session = random.randrange(sessions.number)
    data: dict[str, object] = {
        "session_id": f"{sessions.prefix}-{session}",
        "message_id": f"m{next(_serial)}",
    }
    return _webjs(sessions, session, {"event": "message_received", "data": data}, data)


def webjs_refused(sessions: Sessions) -> bytes:
    """Signed with a secret that is nobody's."""
    session = random.randrange(sessions.number)
    data: dict[str, object] = {"session_id": f"{sessions.prefix}-{session}"}
    return _webjs(
        sessions, session, {"event": "session_ready", "data": data}, data, secret="nobody's"
    )


def _webjs(
    sessions: Sessions,
    session: int,
    said: dict[str, object],
    data: dict[str, object],
    *,
    secret: str = "",
) -> bytes:
    gateway = session // sessions.each
    body = _filled(said, data)
    secret = secret or secret_of(sessions.prefix, gateway)
    headers = _signed_as_webjs(secret.encode(), body)
    headers["X-Instance-Url"] = address_of(sessions.prefix, gateway)
    return _request("/api/webhooks/webjs", body, headers)


# --- Rollcall: the other kinds, each in the way it proves who it is ------------------------------
def wwebjs_api_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    data: dict[str, object] = {} if is_connected else {"reason": "CONFLICT"}
    name = "ready" if is_connected else "disconnected"
    said = {"dataType": name, "data": data, "sessionId": f"{sessions.prefix}-{session}"}
    gateway = session // sessions.each
    headers = {"x-api-key": secret_of(sessions.prefix, gateway)}
    return _request("/api/webhooks/wwebjs_api", _filled(said, data), headers)


def waha_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    payload: dict[str, object] = {"status": "WORKING" if is_connected else "STOPPED"}
    said: dict[str, object] = {
        "id": f"evt_{next(_serial)}_{time.time_ns()}",
        "timestamp": round(time.time() * 1000),
        "event": "session.status",
        "session": f"{sessions.prefix}-{session}",
        "payload": payload,
    }
    body = _filled(said, payload)
    secret = secret_of(sessions.prefix, session // sessions.each).encode()
    digest = hmac.digest(secret, body, "sha512").hex()
    headers = {"X-Webhook-Hmac": digest, "X-Webhook-Hmac-Algorithm": "sha512"}
    return _request("/api/webhooks/waha", body, headers)


def evolution_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    name = f"{sessions.prefix}-{session}"
    data: dict[str, object] = {"instance": name, "state": "open" if is_connected else "close"}
    if not is_connected:
        data["statusReason"] = 408
    body = _filled({"event": "connection.update", "instance": name, "data": data}, data)
    headers = {"apikey": secret_of(sessions.prefix, session // sessions.each)}
    return _request("/api/webhooks/evolution", body, headers)


def wppconnect_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    said: dict[str, object] = {
        "event": "status-find",
        "session": f"{sessions.prefix}-{session}",
        "status": "inChat" if is_connected else "browserClose",
    }
    token = secret_of(sessions.prefix, session // sessions.each)
    return _request(f"/api/webhooks/wppconnect/{token}", _filled(said, said), {})


def standard_state(sessions: Sessions) -> bytes:
    session, is_connected = sessions.choose()
    return _standard(sessions, session, f"msg_{next(_serial)}_{time.time_ns()}", is_connected)


def standard_duplicate(sessions: Sessions) -> bytes:
    """Repeat one of a few events, over and over, of one gateway after the other."""
    number = next(_serial) % EVENTS_REPEATED
    gateways = sessions.number // sessions.each
    session = number % gateways * sessions.each + random.randrange(sessions.each)
    return _standard(sessions, session, f"again_{number // gateways}", True)


def _standard(sessions: Sessions, session: int, event_id: str, is_connected: bool) -> bytes:
    data: dict[str, object] = {
        "session_id": f"{sessions.prefix}-{session}",
        "status": "connected" if is_connected else "disconnected",
    }
    body = _filled({"type": "session.status", "data": data}, data)
    timestamp = str(int(time.time()))
    secret = secret_of(sessions.prefix, session // sessions.each).encode()
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    return _request("/api/webhooks/standard", body, headers)
