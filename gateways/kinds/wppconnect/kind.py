"""WPPConnect Server: the value of this kind."""

from __future__ import annotations

from datetime import datetime

from gateways.base import TEST_SESSION
from gateways.kind import TEXT, GatewayKind, WebhookBody
from gateways.kinds.wppconnect.client import WppconnectClient
from gateways.kinds.wppconnect.webhooks import parse
from gateways.kinds.wppconnect.words import PROFILE, WEAK


def _event(name: str, now: datetime) -> dict[str, object]:
    return {"event": name, "session": TEST_SESSION}


KIND = GatewayKind(
    name="wppconnect",
    title="WPPConnect Server",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    client=WppconnectClient,
    body=WebhookBody(
        event_field="event",
        fields={"event": TEXT, "session": TEXT},
        required=("event", "session"),
        event=_event,
    ),
    url_setting="WEBHOOK_URL={url} with its own token behind it",
    url_kept="in its environment (WEBHOOK_URL), or came with the call that started the session "
    "(`webhook` of start-session); no call tells it",
    session_recipe="curl -sS -X POST http://HOST:PORT/api/SESSION/THE_SECRET_KEY/generate-token\n"
    "curl -sS -X POST http://HOST:PORT/api/SESSION/start-session -H 'Authorization: Bearer TOKEN' "
    """-H 'Content-Type: application/json' -d '{"waitQrCode":false}'""",
)
