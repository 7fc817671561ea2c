"""The simulated gateway's webhooks: signed, sent and retried by the rules of its kind."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.base import webhook_path
from simulator.behaviours.behaviour import Behaviour
from simulator.state.host import Host
from simulator.state.settings import Faults, Settings
from simulator.state.timeline import Timeline

# (method, path, headers, body) -> status. Raises OSError if there is no answer.
Deliver = Callable[[str, str, Mapping[str, str], bytes], int]

REORDER_GAP_SECONDS = 0.1
REMEMBERED = 200
_SESSION_FIELDS = ("session_id", "sessionId", "session", "instance")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outgoing:
    event: str
    session_id: str
    body: bytes
    happened_at: datetime


class WebhookSender:
    """Send webhooks, and remember the results of the last ones (never a body)."""

    def __init__(
        self,
        deliver: Deliver,
        *,
        behaviour: Behaviour,
        settings: Settings,
        faults: Callable[[], Faults],
        timeline: Timeline,
        host: Host,
    ) -> None:
        self._deliver = deliver
        self._nature = behaviour
        self._settings = settings
        self._faults = faults
        self._timeline = timeline
        self._host = host
        self._held_back: list[_Outgoing] = []
        self.outcomes: Counter[str] = Counter()
        self.last: deque[dict[str, object]] = deque(maxlen=REMEMBERED)

    def send(self, payload: Mapping[str, object]) -> None:
        """Send one event as the service serialises it, subject to the faults that are set."""
        outgoing = _outgoing(payload, self._host.now())
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
        """Send the webhooks that were held back for reordering, newest first."""
        held, self._held_back = self._held_back, []
        for position, outgoing in enumerate(reversed(held)):
            self._schedule(outgoing, seconds=position * REORDER_GAP_SECONDS)

    def forget(self) -> None:
        """Drop the webhooks that a dead process had not sent."""
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
        settings = self._settings
        own = settings.webhook_path or webhook_path(settings.kind)
        path = self._faults().webhooks.path or own
        try:
            status = self._deliver("POST", path, self._headers(outgoing), outgoing.body)
        except OSError as error:
            self._remember(outgoing, type(error).__name__, path=path, attempt=attempt)
            self._retry(outgoing, None, attempt=attempt)
            return
        self._remember(outgoing, str(status), path=path, attempt=attempt)
        if not 200 <= status < 300:
            self._retry(outgoing, status, attempt=attempt)

    def _retry(self, outgoing: _Outgoing, status: int | None, *, attempt: int) -> None:
        seconds = self._nature.retry_after(status, attempt)
        if seconds is not None:
            self._later(seconds, outgoing, attempt=attempt + 1)

    def _headers(self, outgoing: _Outgoing) -> dict[str, str]:
        faults = self._faults().webhooks
        is_anew = self._nature.signs_each_attempt
        moment = self._host.now() if is_anew else outgoing.happened_at
        return self._nature.headers(
            self._settings,
            outgoing.body,
            wrong=faults.wrong_secret,
            key_only=faults.key_only,
            now=moment + timedelta(seconds=faults.clock_skew_seconds),
        )

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


def _outgoing(payload: Mapping[str, object], now: datetime) -> _Outgoing:
    data = payload.get("data")
    inner = data.get("session_id") if isinstance(data, Mapping) else None
    named = [payload[name] for name in _SESSION_FIELDS if payload.get(name)]
    return _Outgoing(
        event=str(payload.get("event") or payload.get("dataType") or ""),
        session_id=str(inner or (named[0] if named else "")),
        happened_at=now,
        # JSON.stringify writes this escape for a lone surrogate.
        body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(
            errors="backslashreplace"
        ),
    )
