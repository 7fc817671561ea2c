"""Evolution's webhook of each instance. Facts are from its source; we did not run it.

Its global webhook (WEBHOOK_GLOBAL_URL) is in its environment and in no answer; both fire, ours
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from gateways.base import BadAnswer, KeyRejected, Rejected, TimedOut
from gateways.kinds.base_client import (
    READ_SECONDS,
    READS_AT_ONCE,
    WORTH_SECONDS,
    Budget,
    Calls,
    segment,
)
from gateways.kinds.evolution.words import PROFILE
from gateways.subscriptions import Subscriber, Subscription, WantedSubscription
from gateways.wire.untrusted import MAX_ID_CHARACTERS

NEEDED = ("CONNECTION_UPDATE", "QRCODE_UPDATED")
# Events of the live client.
SIGNS_OF_LIFE = ("MESSAGES_UPSERT", "MESSAGES_UPDATE", "SEND_MESSAGE")
TOKEN_HEADER = "jwt_key"  # not sent itself: it signs the token


class _EvolutionNamed(msgspec.Struct):
    name: str


class _EvolutionWebhook(
    msgspec.Struct, rename={"by_events": "webhookByEvents", "base64": "webhookBase64"}
):
    url: str | None = None
    enabled: bool | None = None
    events: list[str] | None = None
    headers: dict[str, Any] | None = None
    by_events: bool | None = None
    base64: bool | None = None


class EvolutionSubscriptions(Calls):
    """Implements `gateways.subscriptions.Subscriptions`."""

    key_header = "apikey"
    refusals = frozenset({401})
    restarts = False
    has_room_for_one = True

    def read(self, *, deadline_seconds: float) -> tuple[list[Subscriber], int]:
        budget = Budget(deadline_seconds)
        answer = self.call("GET", "/instance/fetchInstances", deadline_seconds=deadline_seconds)
        rows = self.decoded(answer, list[_EvolutionNamed], accepted=(200,))
        names = [row.name for row in rows if 0 < len(row.name) <= MAX_ID_CHARACTERS]
        with ThreadPoolExecutor(max_workers=READS_AT_ONCE) as readers:
            found = list(readers.map(lambda name: self._subscriber(name, budget), names))
        read = [one for one in found if one is not None]
        return read, len(names) - len(read)

    def write(
        self,
        session_id: str,
        wanted: WantedSubscription,
        *,
        instead_of: str | None,
        deadline_seconds: float,
    ) -> None:
        """Set the one webhook of an instance: its other fields stay."""
        budget = Budget(deadline_seconds)
        webhook = self._find(session_id, deadline_seconds) or _EvolutionWebhook()
        path = f"/webhook/set/{segment(session_id)}"
        body = {"webhook": _set(webhook, wanted)}
        answer = self.call("POST", path, body=body, deadline_seconds=max(0.1, budget.left()))
        if answer.status_code not in (200, 201):
            raise self.rejected(answer, f"{answer.status_code}")

    def _subscriber(self, name: str, budget: Budget) -> Subscriber | None:
        """Return None if time ran out, or for an odd answer: a fault of one instance."""
        left = budget.left(at_most=READ_SECONDS)
        if left < WORTH_SECONDS:
            return None
        try:
            webhook = self._find(name, left)
        except KeyRejected:
            raise
        except (TimedOut, BadAnswer, Rejected):
            return None
        subscriptions = (_subscription(webhook),) if webhook and webhook.url else ()
        return Subscriber(session_id=name, is_running=False, subscriptions=subscriptions)

    def _find(self, session_id: str, seconds: float) -> _EvolutionWebhook | None:
        """Return the webhook; None if none was ever set: the answer is null."""
        path = f"/webhook/find/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=seconds)
        if answer.status_code == 200 and answer.body.strip() in (b"null", b""):
            return None
        return self.decoded(answer, _EvolutionWebhook, accepted=(200,))


def _subscription(webhook: _EvolutionWebhook) -> Subscription:
    headers = webhook.headers or {}
    return Subscription(
        url=webhook.url or "",
        is_on=bool(webhook.enabled),
        missing=tuple(one for one in NEEDED if one not in (webhook.events or [])),
        adds_event=bool(webhook.by_events),
        secret=_header(headers, (TOKEN_HEADER,)),
        key=_header(headers, PROFILE.key_headers),
    )


def _header(headers: dict[str, Any], names: Iterable[str]) -> str:
    sent = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    return next((sent[name] for name in names if name in sent), "")


def _set(webhook: _EvolutionWebhook, wanted: WantedSubscription) -> dict[str, object]:
    """Return the settings in the format of its input, which differs from its output (byEvents,
    base64)."""
    events = webhook.events or []
    added = [one for one in NEEDED if one not in events] + ([] if events else [*SIGNS_OF_LIFE])
    name, value = (TOKEN_HEADER, wanted.secret) if wanted.secret else ("apikey", wanted.key)
    kept = dict(webhook.headers or {})
    if value:
        kept = {key: one for key, one in kept.items() if key.lower() != name} | {name: value}
    return {
        "enabled": True,
        "url": wanted.url,
        "events": [*events, *added],
        "headers": kept,
        "byEvents": False,
        "base64": bool(webhook.base64),
    }
