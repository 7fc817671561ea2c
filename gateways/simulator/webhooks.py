"""The simulated gateway's webhooks: signed, sent and retried by the Node service's own rules."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from gateways.simulator.host import Host
from gateways.simulator.settings import Faults, Settings
from gateways.simulator.timeline import Timeline
from gateways.webjs_words import (
    INSTANCE_HEADER,
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)

# (method, path, headers, body) -> status. Raises OSError where nobody answered.
Deliver = Callable[[str, str, Mapping[str, str], bytes], int]

# Its own retries, in seconds; any other 4xx or 5xx is only logged.
RETRIES_WITHOUT_ANSWER = (2, 4, 8)
RETRIES_WHEN_TOO_MANY = (1, 2, 4)
TOO_MANY_REQUESTS = 429
REORDER_GAP_SECONDS = 0.1
REMEMBERED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outgoing:
    event: str
    session_id: str
    body: bytes


class Sender:
    """Sends; remembers what became of the last ones (never a body)."""

    def __init__(
        self,
        deliver: Deliver,
        *,
        settings: Settings,
        faults: Callable[[], Faults],
        timeline: Timeline,
        host: Host,
    ) -> None:
        self._deliver = deliver
        self._settings = settings
        self._faults = faults
        self._timeline = timeline
        self._host = host
        self._held_back: list[_Outgoing] = []
        self.outcomes: Counter[str] = Counter()
        self.last: deque[dict[str, object]] = deque(maxlen=REMEMBERED)

    def send(self, payload: Mapping[str, object]) -> None:
        """One event as the service serialises it, through whatever is wrong at the moment."""
        outgoing = _outgoing(payload)
        faults = self._faults().webhooks
        if faults.silent:
            self._remember(outgoing, "silenced")
        elif faults.drop > 0:
            faults.drop -= 1
            self._remember(outgoing, "dropped")
        elif faults.reorder > 1:
            self._hold_back(outgoing, faults.reorder)
        else:
            self._schedule(outgoing)

    def release(self) -> None:
        """What was held back to be reordered goes out, newest first."""
        held, self._held_back = self._held_back, []
        for position, outgoing in enumerate(reversed(held)):
            self._schedule(outgoing, seconds=position * REORDER_GAP_SECONDS)

    def forget(self) -> None:
        """The process died with what it had not sent."""
        self._held_back.clear()

    def _hold_back(self, outgoing: _Outgoing, size: int) -> None:
        self._held_back.append(outgoing)
        if len(self._held_back) >= size:
            self.release()

    def _schedule(self, outgoing: _Outgoing, *, seconds: float = 0.0) -> None:
        faults = self._faults().webhooks
        for _ in range(1 + faults.duplicate):
            self._later(faults.delay_seconds + seconds, outgoing, attempt=0)

    def _later(self, seconds: float, outgoing: _Outgoing, *, attempt: int) -> None:
        self._timeline.after(seconds, lambda: self._attempt(outgoing, attempt=attempt))

    def _attempt(self, outgoing: _Outgoing, *, attempt: int) -> None:
        path = self._faults().webhooks.path or self._settings.webhook_path
        try:
            status = self._deliver("POST", path, self._headers(outgoing.body), outgoing.body)
        except OSError as error:
            self._remember(outgoing, type(error).__name__, path=path, attempt=attempt)
            self._retry(outgoing, RETRIES_WITHOUT_ANSWER, attempt=attempt)
            return
        self._remember(outgoing, str(status), path=path, attempt=attempt)
        if status == TOO_MANY_REQUESTS:
            self._retry(outgoing, RETRIES_WHEN_TOO_MANY, attempt=attempt)

    def _retry(self, outgoing: _Outgoing, waits: tuple[int, ...], *, attempt: int) -> None:
        if attempt < len(waits):
            self._later(waits[attempt], outgoing, attempt=attempt + 1)

    def _headers(self, body: bytes) -> dict[str, str]:
        """Signed anew for each attempt, so that a late one looks fresh: observed."""
        faults = self._faults().webhooks
        headers = {
            "Accept": "application/json, text/plain, */*",
            "Content-Type": "application/json",
            INSTANCE_HEADER: self._settings.instance_url,
            "User-Agent": "WhatsApp-WebJS-Service/1.0",
            "Connection": "close",
        }
        if faults.key_only:
            return headers | {KEY_HEADER: self._settings.api_key}
        moment = self._host.now() + timedelta(seconds=faults.clock_skew_seconds)
        timestamp = str(int(moment.timestamp()))
        secret = "not-the-secret" if faults.wrong_secret else self._settings.hmac_secret
        return headers | {
            SIGNATURE_HEADER: signature(secret, timestamp, body),
            TIMESTAMP_HEADER: timestamp,
        }

    def _remember(
        self, outgoing: _Outgoing, outcome: str, *, path: str = "", attempt: int = 0
    ) -> None:
        self.outcomes[outcome] += 1
        self.last.append(
            {
                "event": outgoing.event,
                "session_id": outgoing.session_id,
                "path": path,
                "attempt": attempt + 1,
                "outcome": outcome,
                "at": self._host.now().isoformat(),
            }
        )


def _outgoing(payload: Mapping[str, object]) -> _Outgoing:
    data = payload.get("data")
    inner = data.get("session_id") if isinstance(data, Mapping) else None
    return _Outgoing(
        event=str(payload.get("event", "")),
        session_id=str(inner or payload.get("session_id") or ""),
        # A lone surrogate becomes the escape that JSON.stringify writes for it.
        body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(
            errors="backslashreplace"
        ),
    )
