"""The Node service, as recorded: tests/captures/node-service/. The bodies are in `webjs_events`."""

from __future__ import annotations

import random
from datetime import datetime

from gateways.kinds.webjs.words import (
    INSTANCE_HEADER,
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)
from simulator.behaviours import webjs_events
from simulator.behaviours.behaviour import Behaviour, Bodies, Stage
from simulator.state.sessions import SimulatedSession
from simulator.state.settings import Settings

# The service's own retries, in seconds; any other 4xx or 5xx is only logged.
RETRIES_WITHOUT_ANSWER = (2, 4, 8)
RETRIES_WHEN_TOO_MANY = (1, 2, 4)
TOO_MANY_REQUESTS = 429


class Webjs(Behaviour):
    kind = "webjs"
    signs_each_attempt = True

    def qr_shown(self, session: SimulatedSession, source: random.Random) -> Bodies:
        return [webjs_events.qr_code_generated(session, source)]

    def authenticated(self, session: SimulatedSession) -> Bodies:
        return [webjs_events.session_authenticated(session)]

    def ready(self, session: SimulatedSession, now: datetime) -> Bodies:
        return [webjs_events.session_ready(session)]

    def lost(self, session: SimulatedSession, reason: str) -> Bodies:
        return [webjs_events.session_disconnected(session, reason)]

    def reconnected(self, session: SimulatedSession, now: datetime) -> Bodies:
        return [webjs_events.session_reconnected(session, now)]

    def gave_up(self, session: SimulatedSession, now: datetime) -> Bodies:
        return [webjs_events.session_reconnect_failed(session, now)]

    def error(self, session: SimulatedSession, error: str) -> Bodies:
        return [webjs_events.session_error(session, error)]

    def message(
        self,
        session: SimulatedSession,
        *,
        now: datetime,
        source: random.Random,
        sent: bool,
        megabytes: float,
    ) -> Bodies:
        return [
            webjs_events.message(session, now=now, source=source, sent=sent, megabytes=megabytes)
        ]

    def acknowledgement(
        self, session: SimulatedSession, now: datetime, source: random.Random
    ) -> Bodies:
        return [webjs_events.acknowledgement(session, now, source)]

    def headers(
        self, settings: Settings, body: bytes, *, wrong: bool, key_only: bool, now: datetime
    ) -> dict[str, str]:
        headers = {
            "Accept": "application/json, text/plain, */*",
            "Content-Type": "application/json",
            INSTANCE_HEADER: settings.instance_url,
            "User-Agent": "WhatsApp-WebJS-Service/1.0",
            "Connection": "close",
        }
        if key_only:
            return headers | {KEY_HEADER: settings.api_key}
        timestamp = str(int(now.timestamp()))
        secret = "not-the-secret" if wrong else settings.hmac_secret
        return headers | {
            SIGNATURE_HEADER: signature(secret, timestamp, body),
            TIMESTAMP_HEADER: timestamp,
        }

    def retry_after(self, status: int | None, attempt: int) -> float | None:
        waits: tuple[int, ...] = ()
        if status is None:
            waits = RETRIES_WITHOUT_ANSWER
        elif status == TOO_MANY_REQUESTS:
            waits = RETRIES_WHEN_TOO_MANY
        return waits[attempt] if attempt < len(waits) else None

    def disconnect(self, world: Stage, session: SimulatedSession, reason: str) -> None:
        """End the session. After a conflict it falsely reports a reconnect: observed."""
        super().disconnect(world, session, reason)
        if reason == "CONFLICT":
            world.later(
                world.settings.pace.false_reconnect,
                session,
                lambda found: world.tell(self.reconnected(found, world.host.now())),
            )
