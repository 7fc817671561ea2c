"""Evolution API 2: the value of this kind."""

from __future__ import annotations

from datetime import datetime

from gateways.base import TEST_SESSION
from gateways.kind import ANYTHING, TEXT, GatewayKind, WebhookBody
from gateways.kinds.evolution.client import EvolutionClient
from gateways.kinds.evolution.subscriptions import EvolutionSubscriptions
from gateways.kinds.evolution.webhooks import parse
from gateways.kinds.evolution.words import EVENT_SEGMENTS, PROFILE, WEAK


def _event(name: str, now: datetime) -> dict[str, object]:
    return {"event": name, "instance": TEST_SESSION, "data": {}}


KIND = GatewayKind(
    name="evolution",
    title="Evolution API 2",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    client=EvolutionClient,
    subscriptions=EvolutionSubscriptions,
    body=WebhookBody(
        event_field="event",
        fields={"event": TEXT, "instance": TEXT, "data": ANYTHING},
        required=("event", "instance"),
        event=_event,
    ),
    event_segments=EVENT_SEGMENTS,
    url_setting="the URL {url} in its instances (webhook_check --fix does), or as "
    "WEBHOOK_GLOBAL_URL",
    session_recipe="curl -sS -X POST http://HOST:PORT/instance/create -H 'apikey: THE_KEY' "
    "-H 'Content-Type: application/json' "
    """-d '{"instanceName":"SESSION","integration":"WHATSAPP-BAILEYS","qrcode":true}'""",
)
