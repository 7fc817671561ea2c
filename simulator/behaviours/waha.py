"""WAHA with its browser engine, as documented; we did not run it.

It notices a dead browser and restarts the session by itself. It does not notice a tab that
crashed or hangs.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from datetime import datetime

from gateways.kinds.waha.words import PROFILE
from simulator.behaviours.behaviour import Behaviour, Bodies, Body, Stage, proof_of_sender
from simulator.qr import qr_picture, qr_text
from simulator.state.sessions import Browser, SimulatedSession, Truth, message_id
from simulator.state.settings import Settings

VERSION = "2026.2.1"
ENGINE = "WEBJS"
# It keeps the login of what it stops.
TIER = "PLUS"
FAILED, STARTING, STOPPED = "FAILED", "STARTING", "STOPPED"
# Seconds from FAILED, or from a page that lost WhatsApp, to the next start.
RESTART_SECONDS = 2.0
MOST_QR_CODES = 7
ATTEMPTS = 15
RETRY_SECONDS = 2.0
PASSING = frozenset({"OPENING", "TIMEOUT"})
_ULID_CHARACTERS = 26


class Waha(Behaviour):
    kind = "waha"
    keeps_names = True
    restores_one_by_one = False

    def starting(self, session: SimulatedSession) -> Bodies:
        return [_status(session, STARTING)]

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        session.qr_text, session.qr_picture = qr_text(source), qr_picture(source)

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        return [_status(session, "SCAN_QR_CODE")]

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        return [_status(session, "WORKING")]

    def lost(self, session: SimulatedSession, reason: str) -> Bodies:
        return [_status(session, FAILED)]

    def stopped(self, session: SimulatedSession) -> Bodies:
        return [_status(session, STOPPED)]

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        seconds = int(now.timestamp())
        whose = {"id": message_id(source, sent=sent), "timestamp": seconds, "fromMe": sent}
        payload: Body = {**whose, "body": "simulated text", "hasMedia": bool(megabytes)}
        names = ["message.any"] if sent else ["message.any", "message"]
        return [_about(session, name, payload) for name in names]

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        payload: Body = {"id": message_id(source, sent=True), "ack": 2, "ackName": "DEVICE"}
        return [_about(session, "message.ack", payload)]

    def stamped(self, body: Mapping[str, object], now: datetime, source: random.Random) -> Body:
        """Return the body with an id of its own and the time of the event."""
        letters = (source.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))
        return {
            "id": f"evt_{''.join(letters)}",
            "timestamp": int(now.timestamp() * 1000),
            **body,
            "engine": ENGINE,
            "environment": {"version": VERSION, "engine": ENGINE, "tier": TIER, "browser": None},
        }

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        """Return the headers. Request id and time are the event's, the same for all its retries."""
        proof = proof_of_sender(PROFILE, settings, body, wrong=wrong, key_only=key_only, now=now)
        is_signed = PROFILE.signature is not None and PROFILE.signature.header in proof
        return {
            "Content-Type": "application/json",
            "User-Agent": f"WAHA/{VERSION}",
            "X-Webhook-Request-Id": hashlib.sha256(body).hexdigest()[:_ULID_CHARACTERS],
            "X-Webhook-Timestamp": str(int(now.timestamp() * 1000)),
            **proof,
            **({"X-Webhook-Hmac-Algorithm": "sha512"} if is_signed else {}),
        }

    def retry_after(self, status: int | None, attempt: int) -> float | None:
        """Return the seconds until the next try: after every error, whatever its status."""
        return RETRY_SECONDS if attempt < ATTEMPTS else None

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """End the session. A reason that may pass is checked again after 2 s.

        Then, and at once for any other reason, the session becomes FAILED and is started again:
        a conflict goes back and forth.
        """
        if reason == "CONNECTED":
            session.truth, session.socket = Truth.CONNECTED, ""
            return
        session.truth, session.socket = Truth.DISCONNECTED, reason
        if reason in PASSING:
            world.later(RESTART_SECONDS, session, lambda found: self._look_again(world, found))
        else:
            self._fail(world, session)

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        """Set FAILED permanently: only a start by a person helps."""
        session.status, session.truth = "disconnected", Truth.DISCONNECTED
        world.tell(self.lost(session, "LOGOUT"))

    def browser_died(self, world: Stage, session: SimulatedSession) -> None:
        if session.browser is not Browser.CRASHED:
            session.truth = Truth.DISCONNECTED
            self._fail(world, session)

    def qr_expired(self, world: Stage, session: SimulatedSession) -> None:
        if session.qr_count < MOST_QR_CODES:
            world.show_qr(session)
        else:
            self.unlink(world, session)

    def _look_again(self, world: Stage, session: SimulatedSession) -> None:
        if session.truth is Truth.DISCONNECTED and session.socket in PASSING:
            self._fail(world, session)

    def _fail(self, world: Stage, session: SimulatedSession) -> None:
        session.status = "disconnected"
        world.tell(self.lost(session, session.socket))
        world.later(
            RESTART_SECONDS,
            session,
            lambda found: world.start(found.session_id, found.workspace_id),
        )


def me_of(session: SimulatedSession) -> Body | None:
    """Return the number's own identity, None until it is known."""
    if not session.phone_number or session.truth is Truth.STOPPED:
        return None
    return {"id": session.own_id(), "pushName": "Simulated"}


def _status(session: SimulatedSession, status: str) -> Body:
    return _about(
        session, "session.status", {"name": session.session_id, "status": status, "data": None}
    )


def _about(session: SimulatedSession, event: str, payload: Body) -> Body:
    return {
        "event": event,
        "session": session.session_id,
        "metadata": {},
        "me": me_of(session),
        "payload": payload,
    }
