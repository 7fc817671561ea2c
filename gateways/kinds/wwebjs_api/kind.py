"""wwebjs-api (avoylenko): the value of this kind."""

from __future__ import annotations

from datetime import datetime

from gateways.base import TEST_SESSION
from gateways.kind import ANYTHING, TEXT, GatewayKind, WebhookBody
from gateways.kinds.wwebjs_api.client import WwebjsApiClient
from gateways.kinds.wwebjs_api.webhooks import parse
from gateways.kinds.wwebjs_api.words import PROFILE, WEAK


def _event(name: str, now: datetime) -> dict[str, object]:
    return {"dataType": name, "sessionId": TEST_SESSION, "data": {}}


KIND = GatewayKind(
    name="wwebjs_api",
    title="avoylenko/wwebjs-api",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    client=WwebjsApiClient,
    body=WebhookBody(
        event_field="dataType",
        fields={"dataType": TEXT, "sessionId": TEXT, "data": ANYTHING},
        required=("dataType", "sessionId"),
        event=_event,
    ),
    url_setting="BASE_WEBHOOK_URL={url} in its environment",
    url_kept="in its environment (BASE_WEBHOOK_URL, or <SESSION>_WEBHOOK_URL for one session), "
    "which is read when a session starts; no call tells or sets it",
    session_recipe="curl -sS http://HOST:PORT/session/start/SESSION -H 'x-api-key: THE_KEY'",
)
