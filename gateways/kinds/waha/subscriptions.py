"""WAHA's `config.webhooks`, session by session. Facts are from its documentation; we did not run
it.

Its global webhook (WHATSAPP_HOOK_URL) is in its environment and in no answer; both fire.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateways.kinds.base_client import Budget, Calls, segment
from gateways.subscriptions import Subscriber, Subscription, WantedSubscription
from gateways.wire.untrusted import MAX_ID_CHARACTERS

KEY_HEADER = "X-Api-Key"
ALL = "*"
NEEDED = ("session.status",)
# Events of the live client.
SIGNS_OF_LIFE = ("message.any", "message.ack")
STOPPED = "STOPPED"


class _Hmac(msgspec.Struct):
    key: str | None = None


class _Header(msgspec.Struct):
    name: str = ""
    value: str = ""


class _WahaWebhook(msgspec.Struct, rename={"headers": "customHeaders"}):
    url: str = ""
    events: list[str] | None = None
    hmac: _Hmac | None = None
    headers: list[_Header] | None = None


class _Config(msgspec.Struct):
    webhooks: list[_WahaWebhook] | None = None


class _WahaConfigured(msgspec.Struct):
    name: str
    status: str = ""
    config: _Config | None = None


class _Whole(msgspec.Struct):
    """The configuration as it came, to be sent back."""

    config: dict[str, Any] | None = None


class WahaSubscriptions(Calls):
    """Implements `gateways.subscriptions.Subscriptions`."""

    key_header = KEY_HEADER
    restarts = True
    has_room_for_one = False

    def read(self, *, deadline_seconds: float) -> tuple[list[Subscriber], int]:
        answer = self.call("GET", "/api/sessions?all=true", deadline_seconds=deadline_seconds)
        said = self.decoded(answer, list[_WahaConfigured], accepted=(200,))
        return [_read(one) for one in said if 0 < len(one.name) <= MAX_ID_CHARACTERS], 0

    def write(
        self,
        session_id: str,
        wanted: WantedSubscription,
        *,
        instead_of: str | None,
        deadline_seconds: float,
    ) -> None:
        """Send the whole configuration back with this change: it accepts no smaller one."""
        budget = Budget(deadline_seconds)
        path = f"/api/sessions/{segment(session_id)}"
        answer = self.call("GET", path, deadline_seconds=deadline_seconds)
        self.decoded(
            answer, _WahaConfigured, accepted=(200,)
        )  # an odd configuration is not written back
        config = self.decoded(answer, _Whole, accepted=(200,)).config or {}
        webhooks = _changed(config.get("webhooks") or [], wanted, instead_of)
        body = {"name": session_id, "config": config | {"webhooks": webhooks}}
        left = max(0.1, budget.left())
        answer = self.call("PUT", path, body=body, deadline_seconds=left)
        if answer.status_code not in (200, 201):
            raise self.rejected(answer, f"{answer.status_code}")


def _read(session: _WahaConfigured) -> Subscriber:
    webhooks = (session.config.webhooks if session.config else None) or []
    return Subscriber(
        session_id=session.name,
        is_running=session.status != STOPPED,
        subscriptions=tuple(_subscription(webhook) for webhook in webhooks),
    )


def _subscription(webhook: _WahaWebhook) -> Subscription:
    events = webhook.events or []
    keys = [one.value for one in webhook.headers or [] if one.name.lower() == KEY_HEADER.lower()]
    return Subscription(
        url=webhook.url,
        missing=() if ALL in events else tuple(one for one in NEEDED if one not in events),
        secret=(webhook.hmac.key if webhook.hmac else None) or "",
        key=keys[0] if keys else "",
    )


def _changed(
    webhooks: list[dict[str, Any]], wanted: WantedSubscription, instead_of: str | None
) -> list[dict[str, Any]]:
    """Return the webhooks with this change; the others stay as they are, and in their order."""
    positions = [place for place, one in enumerate(webhooks) if one.get("url") == instead_of]
    if not positions:
        return [*webhooks, _set({}, wanted)]
    place = positions[0]
    return [*webhooks[:place], _set(webhooks[place], wanted), *webhooks[place + 1 :]]


def _set(webhook: dict[str, Any], wanted: WantedSubscription) -> dict[str, Any]:
    events = webhook.get("events") or []
    added = [] if ALL in events else [one for one in NEEDED if one not in events]
    if not events:
        added += SIGNS_OF_LIFE
    changed = {**webhook, "url": wanted.url, "events": [*events, *added]}
    if wanted.secret:
        return changed | {"hmac": {"key": wanted.secret}}
    if wanted.key:
        others = [
            one
            for one in webhook.get("customHeaders") or []
            if one.get("name", "").lower() != KEY_HEADER.lower()
        ]
        changed["customHeaders"] = [*others, {"name": KEY_HEADER, "value": wanted.key}]
    return changed
