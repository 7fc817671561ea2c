"""The Node service (Express with whatsapp-web.js).

Where a fact in this folder says "observed", it was seen on the real service:
tests/captures/node-service/.
"""

from __future__ import annotations

from datetime import datetime

from gateways.base import Reason
from gateways.kind import OBJECT, TEXT, GatewayKind, WebhookBody
from gateways.kinds.webjs.client import WebjsClient
from gateways.kinds.webjs.webhooks import parse
from gateways.kinds.webjs.words import PROFILE, WEAK, WRONG_PATHS
from gateways.kinds.whatsapp_web_js import PROFILE_HELD


def _event(name: str, now: datetime) -> dict[str, object]:
    return {"event": name, "timestamp": int(now.timestamp() * 1000)}


KIND = GatewayKind(
    name="webjs",
    title="the Node service (Express with whatsapp-web.js)",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    client=WebjsClient,
    body=WebhookBody(
        event_field="event",
        fields={"event": TEXT, "data": OBJECT},
        required=("event",),
        event=_event,
    ),
    url_setting="WEBHOOK_ENDPOINT={path} in its .env",
    url_kept="in the Node service's .env (BACKEND_URL and WEBHOOK_ENDPOINT), or in its source "
    "where the path is hard-coded; no call tells it",
    wrong_paths=WRONG_PATHS,
    wrong_path_hint="Versions with this path hard-coded ignore that: update the sender.",
    session_recipe="curl -sS -X POST http://HOST:PORT/api/sessions -H 'X-API-Key: THE_KEY' "
    "-H 'Content-Type: application/json' "
    """-d '{"session_id":"SESSION","workspace_id":1,"account_id":1}'""",
    is_default=True,
    asks_us=True,
    restore_failure=lambda said: (
        Reason.BROWSER_LEFT_OVER if PROFILE_HELD in said else Reason.RESTORE_FAILED
    ),
)
