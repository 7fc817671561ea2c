"""wwebjs-api, as recorded: tests/captures/wwebjs-api/.

It reports no crash, no kill, no hang and no stop. It never retries a webhook.
"""

from __future__ import annotations

import base64
import random
from datetime import datetime

from gateways.kinds.wwebjs_api.words import PROFILE
from simulator.behaviours.behaviour import Behaviour, Bodies, Body, Stage, proof_of_sender
from simulator.qr import qr_text
from simulator.state.sessions import Browser, SimulatedSession, Truth, message_id
from simulator.state.settings import Settings

# The library waits for these states to pass: no loss, only a `change_state`.
PASSING = frozenset({"OPENING", "PAIRING", "TIMEOUT"})
# Seconds from a closed tab to a started session, with RECOVER_SESSIONS.
RECOVERY_SECONDS = 5.0


class WwebjsApi(Behaviour):
    kind = "wwebjs_api"
    start_waits = True
    restores_logins = True
    dies_of_lost_page_seconds = 31.0

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        session.qr_text = qr_text(source)

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        return [_about(session, "qr", {"qr": session.qr_text})]

    def authenticated(self, session: SimulatedSession) -> Bodies:
        """Return the webhooks of a login. The loading screen is reported after a scan only."""
        loading = _about(session, "loading_screen", {"percent": 100, "message": "WhatsApp"})
        return [*([loading] if session.qr_count else []), _about(session, "authenticated")]

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        return [_about(session, "ready")]

    def lost(self, session: SimulatedSession, reason: str) -> Bodies:
        return [_about(session, "disconnected", {"reason": reason})]

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        """Return a message: a sent one as `message_create` only, a received one as both events."""
        whose = {"_serialized": message_id(source, sent=sent), "fromMe": sent}
        content: Body = {"id": whose, "body": "simulated text", "timestamp": int(now.timestamp())}
        if megabytes:
            content["media"] = base64.b64encode(bytes(int(megabytes * 1024 * 768))).decode()
        said = ["message_create"] if sent else ["message_create", "message"]
        return [_about(session, name, {"message": content}) for name in said]

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        message = {"id": {"_serialized": message_id(source, sent=True), "fromMe": True}}
        return [_about(session, "message_ack", {"message": message, "ack": 2})]

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        return {
            "Accept": "application/json, text/plain, */*",
            "Content-Type": "application/json",
            "User-Agent": "axios/1.15.2",
            **proof_of_sender(PROFILE, settings, body, wrong=wrong, key_only=key_only, now=now),
        }

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """Close the browser, as the library does, unless the page may come back."""
        session.socket = reason
        world.tell([_about(session, "change_state", {"state": reason})])
        if reason in PASSING:
            session.truth = Truth.CONNECTING
        elif reason == "CONNECTED":
            session.truth, session.socket = Truth.CONNECTED, ""
        else:
            session.truth = Truth.DISCONNECTED
            world.tell(self.lost(session, reason))
            session.browser = Browser.CLOSED
            self.browser_died(world, session)
        world.changed()

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        """Send OPENING, then a fresh QR code. `disconnected` comes alone."""
        session.truth, session.socket = Truth.DISCONNECTED, "OPENING"
        world.tell(self.lost(session, "LOGOUT"))
        world.later(world.settings.pace.qr_after_logout, session, world.show_qr)

    def browser_died(self, world: Stage, session: SimulatedSession) -> None:
        """Restart a closed tab with RECOVER_SESSIONS. A killed browser is not noticed: observed."""
        if world.settings.recovers and session.browser is not Browser.DEAD:
            del world.sessions[session.session_id]
            again = world.place(session.session_id, session.workspace_id)
            world.later(RECOVERY_SECONDS, again, world.begin)

    def page_came_back(self, world: Stage, session: SimulatedSession) -> None:
        """Send `ready` twice: observed."""
        if session.truth is Truth.CONNECTED:
            world.tell(_about(session, name) for name in ("authenticated", "ready", "ready"))


def _about(session: SimulatedSession, name: str, data: Body | None = None) -> Body:
    """Return the body of an event. Without data the key itself is missing."""
    about: Body = {} if data is None else {"data": data}
    return {"dataType": name, **about, "sessionId": session.session_id}
