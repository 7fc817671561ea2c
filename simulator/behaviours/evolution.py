"""Evolution API 2, from its source; we did not run it.

No browser: a socket, and rows in a database. Only four of WhatsApp's disconnect codes are
reported; after all others it reconnects silently.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from gateways.kinds.evolution.words import PROFILE
from simulator.behaviours.behaviour import Behaviour, Bodies, Body, Stage, proof_of_sender
from simulator.qr import qr_picture, qr_text
from simulator.state.sessions import SimulatedSession, Truth, iso, message_id
from simulator.state.settings import Settings

CODES = {
    "LOGOUT": 401,
    "UNPAIRED": 401,
    "TOS_BLOCK": 403,
    "SMB_TOS_BLOCK": 403,
    "TIMEOUT": 408,
    "CONFLICT": 440,
    "DEPRECATED_VERSION": 405,
}
CONNECTION_CLOSED = 428
# These codes close the session for good: a webhook is sent and the login is deleted.
TERMINAL = frozenset({401, 402, 403, 406})
MOST_QR_CODES = 30
ATTEMPTS = 10
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
NEVER_AGAIN = frozenset({400, 401, 403, 404, 422})
# The stock image writes local wall-clock time with a wrong Z suffix.
LOCAL_TIME = timedelta(hours=-3)


class Evolution(Behaviour):
    kind = "evolution"
    has_browser = False
    keeps_names = True
    restores_one_by_one = False

    def starting(self, session: SimulatedSession) -> Bodies:
        return [_update(session, "connecting", 200)]

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        session.qr_text, session.qr_picture = qr_text(source), qr_picture(source)

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        code = {"instance": session.session_id, "pairingCode": None, "code": session.qr_text}
        data = {"qrcode": code | {"base64": session.qr_picture}}
        return [_about(session, "qrcode.updated", data)]

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        whose = {"wuid": own_jid(session), "profileName": "Simulated"}
        return [_update(session, "open", 200, **whose)]

    def logged_out(self, session: SimulatedSession) -> Bodies:
        return [_about(session, "logout.instance", None)]

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        key = {"remoteJid": jid_of("15550000002"), "fromMe": sent}
        data: Body = {
            "key": {**key, "id": message_id(source, sent=sent)},
            "message": {"conversation": "simulated text"},
            "messageTimestamp": int(now.timestamp()),
        }
        return [_about(session, "send.message" if sent else "messages.upsert", data)]

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        data: Body = {"keyId": message_id(source, sent=True), "status": "DELIVERY_ACK"}
        return [_about(session, "messages.update", data)]

    def stamped(self, body: Mapping[str, object], now: datetime, source: random.Random) -> Body:
        return {**body, "date_time": iso(now + LOCAL_TIME), "apikey": None}

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        """Return the headers. The token is signed once, at the event: a late retry carries an
        old one."""
        proof = proof_of_sender(PROFILE, settings, body, wrong=wrong, key_only=key_only, now=now)
        return {"Content-Type": "application/json", **proof}

    def retry_after(self, status: int | None, attempt: int) -> float | None:
        if status in NEVER_AGAIN or attempt + 1 >= ATTEMPTS:
            return None
        return min(FIRST_RETRY_SECONDS * (1 << attempt), LONGEST_RETRY_SECONDS)

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """End the session. `reason`: a disconnect code, or a reason of the browser gateways."""
        code = int(reason) if reason.isdigit() else CODES.get(reason, CONNECTION_CLOSED)
        if code in TERMINAL:
            world.logins.pop(session.session_id, None)
            self._close(world, session, code)
        else:
            session.truth, session.socket = Truth.CONNECTING, ""
            self.reconnect(world, session)

    def reconnect(self, world: Stage, session: SimulatedSession) -> None:
        """Reconnect at once and without limit. The row in the database stays unchanged."""
        world.tell(self.starting(session))
        if not world.faults.whatsapp_unreachable:
            world.later(world.settings.pace.load, session, world.become_ready)

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        self._close(world, session, CODES["LOGOUT"])

    def qr_expired(self, world: Stage, session: SimulatedSession) -> None:
        if session.qr_count < MOST_QR_CODES:
            world.show_qr(session)
            return
        said = {"message": "QR code limit reached, please login again", "statusCode": 500}
        world.tell([_about(session, "qrcode.updated", said)])
        world.tell([_update(session, "refused", CONNECTION_CLOSED)])
        world.put_to_rest(session)

    def _close(self, world: Stage, session: SimulatedSession, code: int) -> None:
        closed: Body = {
            "instance": session.session_id,
            "status": "closed",
            "disconnectionAt": iso(world.host.now()),
            "disconnectionReasonCode": code,
            "disconnectionObject": "{}",
        }
        world.tell([_about(session, "status.instance", closed), _update(session, "close", code)])
        world.put_to_rest(session)
        world.sessions[session.session_id].socket = str(code)
        world.changed()


def jid_of(phone_number: str) -> str:
    return f"{phone_number}@s.whatsapp.net"


def own_jid(session: SimulatedSession) -> str | None:
    return session.own_id("s.whatsapp.net") if session.phone_number else None


def _update(session: SimulatedSession, state: str, code: int, **fields: object) -> Body:
    said = {"instance": session.session_id, "state": state, "statusReason": code}
    return _about(session, "connection.update", {**said, **fields})


def _about(session: SimulatedSession, event: str, data: Mapping[str, object] | None) -> Body:
    return {
        "event": event,
        "instance": session.session_id,
        "data": data,
        "sender": own_jid(session),
    }
