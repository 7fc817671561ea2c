"""WPPConnect Server, as recorded: tests/captures/wppconnect-server/.

It does not sign its webhooks and never retries one. Of all faults it reports only a lost
browser.
"""

from __future__ import annotations

import random
from datetime import datetime

from simulator.behaviours.behaviour import Behaviour, Bodies, Body, Stage
from simulator.qr import qr_picture, qr_text
from simulator.state.sessions import Browser, SimulatedSession, Truth, message_id
from simulator.state.settings import Settings


class Wppconnect(Behaviour):
    kind = "wppconnect"
    keeps_names = True
    restores_logins = True
    restores_one_by_one = False

    def draw_qr(self, session: SimulatedSession, source: random.Random) -> None:
        session.qr_text, session.qr_picture = qr_text(source), qr_picture(source)

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        picture = session.qr_picture.partition(",")[2]
        return [
            _about(session, "qrcode", qrcode=picture, urlcode=session.qr_text),
            _found(session, "notLogged"),
        ]

    def authenticated(self, session: SimulatedSession) -> Bodies:
        """Return the webhooks of a login. Observed: after a close, the first of these names no
        session."""
        if session.qr_picture:
            return [_found(session, "qrReadSuccess")]
        return [{"event": "status-find", "status": "isLogged"}]

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        """Return the webhook of a scan in a session that had been unlinked (observed)."""
        return [_found(session, "inChat")] if session.keeps_saying_qrcode else []

    def stopped(self, session: SimulatedSession) -> Bodies:
        gone = [] if session.browser is Browser.DEAD else [_found(session, "browserClose")]
        text = f"Session: {session.session_id} disconnected"
        return [*gone, _about(session, "closesession", message=text, connected=False)]

    def logged_out(self, session: SimulatedSession) -> Bodies:
        text = f"Session: {session.session_id} logged out"
        return [_about(session, "logoutsession", message=text, connected=False)]

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        name = "onselfmessage" if sent else "onmessage"
        content = {"body": "simulated text", "t": int(now.timestamp()), "type": "chat"}
        return [_about(session, name, id=message_id(source, sent=sent), **content)]

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        whose = {"_serialized": message_id(source, sent=True)}
        return [_about(session, "onack", id=whose, ack=2, t=int(now.timestamp()))]

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        return {
            "Accept": "application/json, text/plain, */*",
            "Content-Type": "application/json",
            "User-Agent": "axios/1.15.2",
        }

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """End the session silently: no webhook, and the status stays CONNECTED. It wins a
        conflict itself."""
        if reason != "CONFLICT":
            session.truth = Truth.CONNECTED if reason == "CONNECTED" else Truth.DISCONNECTED

    def unlink(self, world: Stage, session: SimulatedSession) -> None:
        """Send a fresh QR code: the only report of an unlinked phone. Its status stays there
        (observed) until it is started again."""
        session.truth, session.keeps_saying_qrcode = Truth.DISCONNECTED, True
        world.later(world.settings.pace.qr_after_logout, session, world.show_qr)

    def browser_died(self, world: Stage, session: SimulatedSession) -> None:
        if session.browser is not Browser.CRASHED:
            world.tell([_found(session, "browserClose")])

    def qr_expired(self, world: Stage, session: SimulatedSession) -> None:
        """Close the session because nobody scanned the code."""
        world.tell([_found(session, "autocloseCalled")])
        world.put_to_rest(session)


def _found(session: SimulatedSession, status: str) -> Body:
    return _about(session, "status-find", status=status)


def _about(session: SimulatedSession, event: str, **fields: object) -> Body:
    return {"event": event, "session": session.session_id, **fields}
