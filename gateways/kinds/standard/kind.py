"""Standard Webhooks, for any sender that signs by that specification: the value of this kind."""

from __future__ import annotations

from datetime import datetime

from gateways.base import TEST_SESSION
from gateways.kind import OBJECT, TEXT, GatewayKind, WebhookBody
from gateways.kinds.standard.webhooks import parse
from gateways.kinds.standard.words import PROFILE, WEAK


def _event(name: str, now: datetime) -> dict[str, object]:
    return {"type": name, "timestamp": now.isoformat(), "data": {"session_id": TEST_SESSION}}


KIND = GatewayKind(
    name="standard",
    title="whatever signs as Standard Webhooks says",
    profile=PROFILE,
    parse=parse,
    weak=WEAK,
    body=WebhookBody(
        event_field="type",
        fields={"type": TEXT, "timestamp": TEXT, "data": OBJECT},
        required=("type",),
        event=_event,
    ),
    url_setting="the URL {url} where it sends",
    url_kept="with whoever sends; there is no call that tells it",
)
