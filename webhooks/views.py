"""The webhook view: authenticate over the raw bytes, keep, apply, answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock
from accounts.incidents import open_incident
from accounts.models import Incident
from gateways import webjs
from gateways.base import Event, Kind, UnreadableEvent
from gateways.profiles import Profile
from gateways.registry import DIALECTS, Dialect
from gateways.text import printable
from webhooks import refusals
from webhooks.authentication import Speaker, WebhookAuthentication
from webhooks.credentials import Untrusted, require_recent
from webhooks.errors import TooLarge, Unreadable, no_such_kind
from webhooks.life import note_life
from webhooks.models import Delivery
from webhooks.processing import keep_unreadable, receive

logger = logging.getLogger(__name__)
# A gateway that sends to a wrong path does so with every event: count it now and then.
MISROUTED_EVERY_SECONDS = 5.0


class Webhook(APIView):
    """`POST /api/webhooks/<kind>`, or a gateway's own path below it. 200 means that it is
    committed.

    401 not trusted, 400 not readable (kept), 404 no such kind, 413 too large, 409 whose it is
    cannot be told, 429 too many large bodies at once, 503 it could not be committed.
    """

    authentication_classes = (WebhookAuthentication,)
    right_path: ClassVar[bool] = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        hide_token(request._request, kwargs)
        if kwargs["kind"] not in DIALECTS:
            raise NotFound(no_such_kind(kwargs["kind"]))
        super().initial(request, *args, **kwargs)

    def post(self, request: Request, kind: str, token: str = "") -> Response:
        speaker = request.auth
        assert isinstance(speaker, Speaker)
        path = request._request.path
        if not self.right_path:
            note_misrouted(speaker.gateway_id, path)
        event = self._read(DIALECTS[kind], speaker, path)
        if event.kind is Kind.LIFE:
            if event.session_id:
                note_life(speaker.gateway_id, event)
            return Response(self._answer("noted"))
        if speaker.body.is_squeezed:
            raise TooLarge("only messages may be larger than 256 kB")
        delivery = receive(
            speaker.gateway_id,
            event,
            body=speaker.body,
            path=path[:200],
            received_at=clock.database_now(),
        )
        return Response(self._answer(delivery.state, delivery))

    def _read(self, dialect: Dialect, speaker: Speaker, path: str) -> Event:
        try:
            event = dialect.parse(speaker.body.content)
        except UnreadableEvent as error:
            keep_unreadable(
                speaker.gateway_id,
                str(error),
                body=speaker.body,
                path=path[:200],
                received_at=clock.database_now(),
            )
            raise Unreadable(f"this webhook was kept but not understood: {error}") from None
        require_recent_event(dialect.profile, event)
        return event if event.event_id else replace(event, event_id=speaker.event_id)

    def _answer(self, state: str, delivery: Delivery | None = None) -> dict[str, object]:
        answer: dict[str, object] = {"success": True, "state": state}
        if delivery is not None:
            answer["delivery"] = delivery.pk
            if delivery.error and delivery.state != Delivery.State.PENDING:
                answer["why"] = delivery.error
        if not self.right_path:
            answer["wrong_path"] = f"send to {right_url()}"
        return answer


class MisroutedWebjsWebhook(Webhook):
    """The two wrong paths that are known from the field: accepted, counted, and said."""

    right_path = False


def hide_token(request: HttpRequest, route: Mapping[str, str]) -> None:
    """From here on nothing that quotes the path (logs, rows, answers) can quote a secret."""
    if route.get("token"):
        request.path = request.path_info = f"/api/webhooks/{printable(route['kind'], limit=30)}/…"


def require_recent_event(profile: Profile, event: Event) -> None:
    """Where the signed time stands in the body, a replay is told by it. Raises
    AuthenticationFailed."""
    if profile.replay_seconds is None or event.occurred_at is None:
        return
    off = event.occurred_at.timestamp() - timezone.now().timestamp()
    try:
        require_recent(off, tolerance_seconds=profile.replay_seconds)
    except Untrusted as untrusted:
        refusals.count(untrusted.code)
        raise AuthenticationFailed(str(untrusted)) from None


def right_url() -> str:
    return f"{settings.PUBLIC_URL}{webjs.CORRECT_PATH}"


_noted: dict[tuple[int, str], float] = {}
_lock = threading.Lock()


def note_misrouted(gateway_id: int, path: str) -> None:
    """An incident that names the wrong path and the right one."""
    now = time.monotonic()
    with _lock:
        if now - _noted.get((gateway_id, path), float("-inf")) < MISROUTED_EVERY_SECONDS:
            return
        _noted[(gateway_id, path)] = now
    open_incident(
        Incident.Kind.MISROUTED,
        gateway_id=gateway_id,
        text=f"it sends to {path}; the right URL is {right_url()}: set "
        f"WEBHOOK_ENDPOINT={webjs.CORRECT_PATH} in its .env. Versions with the path "
        "hard-coded ignore that: update the sender. Nothing is lost meanwhile.",
    )
