"""The round trip: test, hop by hop, whether a webhook of this gateway reaches us."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from django.conf import settings

from accounts.explain.explanation import age
from accounts.models import Gateway, GatewaySecret
from accounts.store import clock
from accounts.store.encryption import CannotOpen
from gateways import signing
from gateways.base import ConnectionRefused, GatewayError, TimedOut
from gateways.registry import KINDS
from gateways.wire.address_guard import Whom
from gateways.wire.http import Answer, Http
from gateways.wire.untrusted import printable
from webhooks.models import Delivery
from webhooks.route_check.compare import Hop
from webhooks.route_check.subscriptions import configuration_hop

DEADLINE_SECONDS = 10.0
OWN_IS_RECENT = timedelta(days=1)
_CURE_OF_DISTRUST = (
    "A proxy on the way may drop the header; or web has other FIELD_KEYS, or another database."
)
Purpose = GatewaySecret.Purpose


def check_route(gateway: Gateway) -> Iterator[Hop]:
    """Yield each hop when known; stop at the first failing one. The configuration hop is
    independent."""
    now = clock.database_now()
    try:
        secrets = {purpose: gateway.active_secrets(purpose, now) for purpose in Purpose}
    except CannotOpen as error:
        yield Hop(name="secrets", works=False, says=str(error), cure="Restore FIELD_KEYS.")
        return
    path = _path(gateway, secrets)
    body = msgspec.json.encode(KINDS[gateway.kind].body.event(signing.TEST_EVENT, now))
    headers = signing.headers_for(
        KINDS[gateway.kind].profile,
        body,
        hmac_secret=next(iter(secrets[Purpose.HMAC]), ""),
        api_key=next(iter(secrets[Purpose.API_KEY]), ""),
        event_id=f"msg_{uuid.uuid4()}",
        now=now,
    )
    secret = _secret_hop(gateway, headers, secrets)
    yield secret
    yield configuration_hop(gateway)
    if secret.works:
        known = [value for values in secrets.values() for value in values]
        yield from _send(gateway, path, body, headers, hidden=known, now=now)
    yield _own_last(gateway, now, has_path=bool(secrets[Purpose.PATH]))


def _path(gateway: Gateway, secrets: dict[Purpose, list[str]]) -> str:
    token = next(iter(secrets[Purpose.PATH]), "")
    return gateway.webhook_path + (f"/{token}" if token else "")


def _secret_hop(
    gateway: Gateway, headers: dict[str, str], secrets: dict[Purpose, list[str]]
) -> Hop:
    profile = KINDS[gateway.kind].profile
    beside = {profile.id_header, profile.signature.timestamp_header if profile.signature else ""}
    shown = [name for name in headers if name not in beside]
    if secrets[Purpose.PATH]:
        shown.append("a path of its own")
    if shown:
        return Hop(name="secrets", works=True, says=f"the test is sent with {', '.join(shown)}")
    cure = f"{profile.cure}. Then: ./run manage gateway_add --name "
    return Hop(
        name="secrets",
        works=False,
        says="there is no secret that its webhooks could be known by",
        cure=f"{cure}{gateway.name} with that secret",
    )


def _send(
    gateway: Gateway,
    path: str,
    body: bytes,
    headers: dict[str, str],
    *,
    hidden: list[str],
    now: datetime,
) -> Iterator[Hop]:
    http = Http(settings.PUBLIC_URL, secrets=tuple(hidden), whom=Whom.OURSELVES)
    try:
        answer = http.call(
            "POST",
            path,
            body=msgspec.json.decode(body),
            headers=headers,
            deadline_seconds=DEADLINE_SECONDS,
        )
    except GatewayError as error:
        yield Hop(name="address", works=False, says=str(error), cure=_cure_of_address(error))
        return
    yield Hop(name="address", works=True, says=f"{settings.PUBLIC_URL} answers")
    understood = _answer_hop(answer)
    yield understood
    if understood.works:
        yield _kept_hop(gateway, _said(answer) or {}, now)


def _cure_of_address(error: GatewayError) -> str:
    if isinstance(error, ConnectionRefused):
        return "Is PUBLIC_URL the address under which gateways reach Rollcall, and is web running?"
    if isinstance(error, TimedOut):
        return "Something takes the connection and does not answer: a firewall, or a full proxy?"
    return "Something else answers there: does the proxy hand /api/ on to Rollcall?"


def _answer_hop(answer: Answer) -> Hop:
    said = _said(answer)
    if answer.status_code == 200 and said is not None:
        return Hop(name="answer", works=True, says="200: it was believed and understood")
    if said is None:
        says = f"{answer.status_code}, and not in Rollcall's words"
        cure = "Another program answers at this path: does the proxy hand /api/ on to Rollcall?"
        return Hop(name="answer", works=False, says=says, cure=cure)
    reason = printable(str(said.get("reason", "")), limit=300)
    cure = _CURE_OF_DISTRUST if answer.status_code == 401 else ""
    return Hop(name="answer", works=False, says=f"{answer.status_code}: {reason}", cure=cure)


def _said(answer: Answer) -> dict[str, object] | None:
    """Return the JSON of the answer; None if it did not come from Rollcall."""
    try:
        decoded = msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return decoded if "success" in decoded else None


def _kept_hop(gateway: Gateway, said: dict[str, object], since: datetime) -> Hop:
    """Find the test's delivery by the number in the answer: no other test counts."""
    number = said.get("delivery")
    kept = isinstance(number, int) and Delivery.objects.filter(
        pk=number, gateway=gateway, event=signing.TEST_EVENT, received_at__gte=since
    )
    if not kept:
        return Hop(
            name="inbox",
            works=False,
            says="it was answered 200, but is not in this database",
            cure="Another Rollcall answers at PUBLIC_URL, or web uses another DATABASE_URL.",
        )
    return Hop(name="inbox", works=True, says=f"kept as delivery {number}")


def _own_last(gateway: Gateway, now: datetime, *, has_path: bool) -> Hop:
    """Report the gateway's own last webhook: our test cannot show that the gateway sends to this
    address."""
    recent = Delivery.objects.filter(gateway=gateway, received_at__gt=now - OWN_IS_RECENT)
    own = recent.exclude(event=signing.TEST_EVENT).order_by("-received_at").first()
    url = f"{settings.PUBLIC_URL}{gateway.webhook_path}" + ("/…" if has_path else "")
    if own is None:
        return Hop(
            name="gateway",
            works=None,
            says="the gateway itself has sent no state event for a day",
            cure=f"Set its webhook URL to {url} (docs/connecting-a-gateway.md).",
        )
    return Hop(
        name="gateway",
        works=None,
        says=f"the last state event of its own arrived {age(own.received_at, now)} ago",
    )
