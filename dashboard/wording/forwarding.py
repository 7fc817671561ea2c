"""What a gateway's page says of its webhooks: whether they are signed, and what of them has not
arrived at the business's own backend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from accounts.explain.explanation import age
from accounts.models import Gateway, GatewaySecret
from gateways.wire.http import shown
from webhooks.models import Forward, Route

ROWS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingOn:
    """`url` "": it is not handed on any more, but something was not."""

    url: str
    pending: int
    oldest: str
    given_up: int
    rows: list[tuple[Forward, str]]


def signing_of(gateway: Gateway, now: datetime) -> str:
    """Say which signatures are believed, and why."""
    if gateway.must_sign:
        secrets = gateway.secrets.filter(purpose=GatewaySecret.Purpose.HMAC)
        if not any(secret.is_active(now) for secret in secrets):
            return (
                "none is believed: they must be signed, and there is no secret to check them with"
            )
        if gateway.require_signature or gateway.signs_since is None:
            return "only signed webhooks are believed"
        return f"only signed webhooks are believed: it signs, for {age(gateway.signs_since, now)}"
    route = Route.objects.filter(gateway=gateway).first()
    last = route.last_unsigned_at if route else None
    seen = f"last one {age(last, now)} ago" if last else "none came"
    until = "" if gateway.accepts_unsigned else "; the first signed one ends that"
    return f"accepts unsigned webhooks, {seen}{until}"


def handing_on_of(gateway: Gateway, now: datetime) -> HandingOn | None:
    """Return None where no webhook is forwarded and none is left over."""
    forwards = Forward.objects.filter(gateway=gateway)
    is_pending = Q(next_attempt_at__isnull=False)
    found = forwards.aggregate(
        pending=Count("pk", filter=is_pending),
        oldest=Min("delivery__received_at", filter=is_pending),
        given_up=Count("pk", filter=~is_pending),
    )
    if not gateway.forward_url and not found["pending"] + found["given_up"]:
        return None
    failed = forwards.exclude(error="").select_related("delivery").order_by("-pk")[:ROWS_SHOWN]
    return HandingOn(
        url=shown(gateway.forward_url),
        pending=found["pending"],
        oldest=age(found["oldest"], now) if found["oldest"] else "",
        given_up=found["given_up"],
        rows=[(forward, _next(forward, now)) for forward in failed],
    )


def _next(forward: Forward, now: datetime) -> str:
    if forward.next_attempt_at is None:
        return "given up"
    if forward.next_attempt_at <= now:
        return "tried again now"
    return f"tried again in {age(now, forward.next_attempt_at)}"
