"""WAHA (devlikeapro): the value of this kind."""

from __future__ import annotations

from datetime import datetime

from gateways.base import TEST_SESSION
from gateways.kind import ANYTHING, TEXT, GatewayKind, WebhookBody
from gateways.kinds.waha.client import WahaClient
from gateways.kinds.waha.subscriptions import WahaSubscriptions
from gateways.kinds.waha.webhooks import parse
from gateways.kinds.waha.words import PROFILE, WEAK


def _event(name: str, now: datetime) -> dict[str, object]:
    return {
        "id": f"evt_{now.timestamp():.6f}",
        "timestamp": int(now.timestamp() * 1000),
        "event": name,
        "session": TEST_SESSION,
        "payload": {},
    }


KIND = GatewayKind(
    name="waha",
    title="WAHA (devlikeapro)",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    client=WahaClient,
    subscriptions=WahaSubscriptions,
    body=WebhookBody(
        event_field="event",
        fields={"id": TEXT, "event": TEXT, "session": TEXT, "payload": ANYTHING},
        required=("event", "session"),
        event=_event,
    ),
    url_setting="the URL {url} in its sessions (webhook_check --fix does), or as WHATSAPP_HOOK_URL",
    session_recipe="curl -sS -X POST http://HOST:PORT/api/sessions -H 'X-Api-Key: THE_KEY' "
    """-H 'Content-Type: application/json' -d '{"name":"SESSION","start":true}'""",
)
