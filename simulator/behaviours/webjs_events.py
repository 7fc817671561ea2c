"""The bodies of the simulated gateway's webhooks, field by field as the Node service sends them."""

from __future__ import annotations

import base64
import random
from datetime import datetime

from simulator.qr import qr_picture
from simulator.state.sessions import SimulatedSession, iso, message_id

Payload = dict[str, object]
_MEGABYTE = 1024 * 1024


def _about(session: SimulatedSession, event: str, **fields: object) -> Payload:
    data = {"workspace_id": session.workspace_id, "session_id": session.session_id, **fields}
    return {"event": event, "data": data}


def qr_code_generated(session: SimulatedSession, source: random.Random) -> Payload:
    return _about(
        session,
        "qr_code_generated",
        qr_code=qr_picture(source),
        expires_in=60,
        qr_count=session.qr_count,
        is_regeneration=session.qr_count > 1,
    )


def session_authenticated(session: SimulatedSession) -> Payload:
    return _about(session, "session_authenticated", status="authenticated")


def session_ready(session: SimulatedSession) -> Payload:
    return _about(
        session,
        "session_ready",
        phone_number=session.own_user,
        status="connected",
        platform="android",
        extraction_method="client.info.wid",
    )


def session_disconnected(session: SimulatedSession, reason: str) -> Payload:
    return _about(session, "session_disconnected", reason=reason)


def session_reconnected(session: SimulatedSession, now: datetime) -> Payload:
    return _about(session, "session_reconnected", status="reconnected", timestamp=iso(now))


def session_reconnect_failed(session: SimulatedSession, now: datetime) -> Payload:
    return _about(
        session, "session_reconnect_failed", status="failed", max_retries=5, timestamp=iso(now)
    )


def session_error(session: SimulatedSession, error: str) -> Payload:
    return _about(session, "session_error", error=error, message="simulated")


def message(
    session: SimulatedSession, *, now: datetime, source: random.Random, sent: bool, megabytes: float
) -> Payload:
    """Return a message as WhatsApp delivers it; `megabytes`: with an inlined file of that size."""
    other = f"1555{source.randrange(10**7):07d}@c.us"
    own = session.own_id()
    content: Payload = {
        "id": message_id(source, sent=sent),
        "from": own if sent else other,
        "to": other if sent else own,
        "body": "simulated text",
        "timestamp": int(now.timestamp()),
        "from_me": sent,
        "type": "document" if megabytes else "chat",
        "has_media": bool(megabytes),
        "chat_type": "private",
    }
    if megabytes:
        picture = base64.b64encode(bytes(int(megabytes * _MEGABYTE * 3 / 4))).decode()
        mimetype = "application/octet-stream"
        content["media"] = {"data": picture, "mimetype": mimetype, "filename": "simulated.bin"}
    return _about(session, "message_sent" if sent else "message_received", message=content)


def acknowledgement(session: SimulatedSession, now: datetime, source: random.Random) -> Payload:
    return _about(
        session,
        "message_delivered",
        message_id=message_id(source, sent=True),
        timestamp=int(now.timestamp()),
    )


def connection_test(now: datetime) -> Payload:
    return {"event": "connection_test", "timestamp": int(now.timestamp() * 1000)}
