"""The webhook view: authenticate over the raw bytes, keep, apply, answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.store import clock
from accounts.store.database import release_connection
from gateways.base import Event, GatewayError, Kind, UnreadableEvent
from gateways.kind import GatewayKind
from gateways.profiles import Profile
from gateways.registry import KINDS
from gateways.wire.backend import Backend, Redirected
from gateways.wire.http import Answer
from gateways.wire.untrusted import printable, without_keys
from webhooks.auth.authentication import (
    HandedOn,
    MisroutedAuthentication,
    Speaker,
    WebhookAuthentication,
    note_untrusted,
)
from webhooks.auth.clock_skew import require_recent
from webhooks.auth.keyring import learn_signing
from webhooks.auth.replay import once
from webhooks.auth.strangers import strangers
from webhooks.auth.untrusted import Untrusted
from webhooks.forwarding import stream_through as relays
from webhooks.forwarding.rows import Handed
from webhooks.inbox.activity import note_life
from webhooks.inbox.backpressure import pressure
from webhooks.inbox.receive import Arrived, keep_unreadable, receive
from webhooks.misrouted import (
    kind_spoken,
    looks_like_a_webhook,
    note_misrouted,
)
from webhooks.models import Delivery
from webhooks.route_monitor.expected_path import right_url
from webhooks.route_monitor.request_log import NotesPassage
from webhooks.wire.bodies import drain, incoming, refuse_compressed
from webhooks.wire.client_address import client_address
from webhooks.wire.errors import (
    LeadsElsewhere,
    NothingThere,
    TooLarge,
    Unreadable,
    Unsendable,
    not_found,
)
from webhooks.wire.guards import is_navigation, passed_on, refuse_navigation

_OWN_PATH = re.compile(r"^(/api/webhooks/[^/]{1,30}/)[^/].*", re.DOTALL)


class Webhook(NotesPassage):
    """`POST /api/webhooks/<kind>`, or a gateway's own path below it. 200 means committed.

    401 not trusted, 400 not readable (kept), 413 too large, 409 ambiguous sender, 429 asked to
    retry, 503 not committed. The answer to a message may come from the backend that it was
    forwarded to.
    """

    authentication_classes = (WebhookAuthentication,)
    is_misrouted = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        hide_token(request._request)
        super().initial(request, *args, **kwargs)

    def post(self, request: Request, kind: str, token: str = "") -> HttpResponseBase:
        speaker = request.auth
        assert isinstance(speaker, Speaker)
        self.came.gateway_id, self.came.read_at = speaker.gateway_id, time.monotonic()
        self.came.is_unsigned = not speaker.is_signed
        path = printable(request._request.path, limit=200)
        try:
            refuse_compressed(request._request.META)
            return self._take(KINDS[kind], speaker, path)
        finally:
            if speaker.handed and speaker.handed.relay:
                speaker.handed.relay.end()

    def look_at_path(self, path: str) -> None:
        """Note whether the path is the right one."""

    def _take(self, kind: GatewayKind, speaker: Speaker, path: str) -> HttpResponseBase:
        event = self._read(kind, speaker, path)
        if speaker.is_signed and not speaker.has_signed and event.kind is not Kind.CANARY:
            learn_signing(speaker.gateway_id)  # a test of the route is signed by ourselves
        if event.kind is Kind.LIFE:
            return self._take_message(kind, event, speaker)
        is_through = event.kind is Kind.UNRECOGNISED and speaker.handed is not None
        if speaker.body.is_squeezed and not is_through:
            raise TooLarge("only messages may be larger than 256 kB")
        pressure.admit(speaker.gateway_id)
        with pressure.turn(speaker.gateway_id):
            received = receive(
                Arrived(
                    gateway_id=speaker.gateway_id,
                    event=event,
                    body=speaker.body,
                    path=path,
                    handed=_from_row(speaker, event),
                    signed_digest=speaker.signed.digest if speaker.signed else "",
                )
            )
        self.came.is_repeated = received.delivery is None
        self.came.is_retried = received.is_retried
        if is_through:
            return self._only_once(speaker, event, self._hand_through)
        return Response(self._answer(received.delivery))

    def _take_message(self, kind: GatewayKind, event: Event, speaker: Speaker) -> HttpResponseBase:
        if speaker.handed is not None:
            return self._only_once(speaker, event, self._note_and_hand_through)
        if event.session_id:
            note_life(speaker.gateway_id, kind.name, event)
        return Response({"success": True, "state": "noted"} | self._wrong_path())

    def _only_once(
        self, speaker: Speaker, event: Event, act: Callable[[Speaker, Event], HttpResponse]
    ) -> HttpResponseBase:
        """Let a signed body reach a backend once; one that the backend did not take may be sent
        again."""
        if speaker.signed is None:
            return act(speaker, event)
        signed = speaker.signed
        if signed.off_seconds is None and event.occurred_at is not None:
            off = event.occurred_at.timestamp() - timezone.now().timestamp()
            signed = replace(signed, off_seconds=off)
        try:
            with once(speaker.gateway_id, signed) as is_first:
                if is_first:
                    return _taken(act(speaker, event))
        except _NotTaken as error:
            return error.answer
        self.came.is_repeated = True
        return Response(self._answer(None))

    def _note_and_hand_through(self, speaker: Speaker, event: Event) -> HttpResponse:
        if event.session_id:
            note_life(speaker.gateway_id, self.kwargs["kind"], event)
        return self._hand_through(speaker, event)

    def _hand_through(self, speaker: Speaker, event: Event) -> HttpResponse:
        assert speaker.handed is not None
        self.came.is_heard = True
        self.came.handled_at = time.monotonic()
        return _hand_through(speaker.handed, speaker)

    def _read(self, kind: GatewayKind, speaker: Speaker, path: str) -> Event:
        try:
            event = kind.parse(speaker.body.content)
        except UnreadableEvent as error:
            self.look_at_path(path)
            pressure.admit(speaker.gateway_id)
            keep_unreadable(
                speaker.gateway_id,
                str(error),
                body=speaker.body,
                path=path,
                received_at=clock.database_now(),
            )
            raise Unreadable(f"this webhook was kept but not understood: {error}") from None
        self._require_recent(kind.profile, event)
        self.look_at_path(path)
        if event.occurred_at is not None:
            lag = timezone.now() - event.occurred_at
            self.came.lag_ms = max(0.0, lag.total_seconds() * 1000)
        return event if event.event_id else replace(event, event_id=speaker.event_id)

    def _require_recent(self, profile: Profile, event: Event) -> None:
        """Raise AuthenticationFailed for a replay, for kinds whose signed time is in the body."""
        if profile.replay_seconds is None or event.occurred_at is None:
            return
        off = event.occurred_at.timestamp() - timezone.now().timestamp()
        try:
            require_recent(off, tolerance_seconds=profile.replay_seconds)
        except Untrusted as untrusted:
            # Anybody may have recorded and replayed it: it counts by its source address.
            self.came.gateway_id = None
            note_untrusted(self.request, untrusted, is_misrouted=self.is_misrouted)
            raise AuthenticationFailed(str(untrusted)) from None

    def _answer(self, delivery: Delivery | None) -> dict[str, object]:
        if delivery is None:
            return {"success": True, "state": "repeated"} | self._wrong_path()
        answer: dict[str, object] = {"success": True, "state": delivery.state}
        answer["delivery"] = delivery.pk
        if delivery.error and delivery.state != Delivery.State.PENDING:
            answer["why"] = delivery.error
        return answer | self._wrong_path()

    def _wrong_path(self) -> dict[str, object]:
        kind = self.kwargs["kind"]
        return {"wrong_path": f"send to {right_url(kind)}"} if self.came.wrong_path else {}


class MisroutedWebhook(Webhook):
    """A webhook on a wrong path: accepted, counted, and reported."""

    authentication_classes = (MisroutedAuthentication,)
    is_misrouted = True

    def look_at_path(self, path: str) -> None:
        gateway_id, came = self.came.gateway_id, self.came
        if gateway_id is not None and note_misrouted(
            gateway_id, path, key_went_along=came.is_unsigned
        ):
            came.wrong_path = path


class UnknownPath(MisroutedWebhook):
    """A POST to an unknown path. A trusted sender is accepted all the same; others get a 404."""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        self.kwargs["kind"] = kind_spoken(request.META)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        hide_token(request._request)
        if not self.kwargs["kind"]:
            self._note_stranger(request)
            raise NothingThere(request._request.path)
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, AuthenticationFailed):
            exc = NothingThere(self.request.path, self.kwargs["kind"], why=str(exc.detail))
        return super().handle_exception(exc)

    def _note_stranger(self, request: Request) -> None:
        """Record a request that looks like a webhook: if it comes from a gateway's own address,
        its path and secret are wrong."""
        meta = request._request.META
        strangers.admit(client_address(meta))
        beginning = drain(incoming(meta))
        if looks_like_a_webhook(meta, beginning):
            untrusted = Untrusted("unknown_path", "nothing is at this path, and nobody was named")
            note_untrusted(request, untrusted, beginning=beginning, is_misrouted=True)
        else:
            strangers.refused(client_address(meta))


@csrf_exempt
def unknown_path(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    """Answer any path without a route."""
    if request.method == "POST":
        if is_navigation(request):
            return refuse_navigation()
        return UnknownPath.as_view()(request)
    if request.path.startswith("/api/"):
        return not_found(request)
    raise Http404


def hide_token(request: HttpRequest) -> None:
    """Remove secrets from the path, so that no log, row or answer can quote one.

    A token may be in it even if the kind, or the whole path, is misspelt.
    """
    path = _OWN_PATH.sub(r"\1…", request.path)
    request.path = request.path_info = without_keys(path)


# --- forwarding to a business's own backend -----------------------------------------------------
def _from_row(speaker: Speaker, event: Event) -> Handed | None:
    """Return the forward that is sent later from a row.

    The content of an unknown event cannot be judged: it is streamed like a message.
    """
    if speaker.handed is None or event.kind is Kind.UNRECOGNISED:
        return None
    return Handed(
        body=bytes(speaker.body.content),
        headers=speaker.handed.headers,
        is_fleeting=event.qr_code is not None,
    )


class _NotTaken(Exception):
    """The backend answered that it does not have it."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__()
        self.answer = answer


def _taken(answer: HttpResponse) -> HttpResponse:
    if answer.status_code >= 400:
        raise _NotTaken(answer)
    return answer


def _hand_through(handed: HandedOn, speaker: Speaker) -> HttpResponse:
    """The backend's status and words go back. Raises Unsendable, LeadsElsewhere, BodyRefused."""
    release_connection()
    try:
        answer = _answer_of(handed, speaker)
    except Redirected as error:
        raise LeadsElsewhere(f"this message was not handed on: {error}") from None
    except GatewayError as error:
        raise Unsendable(f"this message may not have arrived: {error}") from None
    status = answer.status_code if answer.status_code < 600 else 502
    return passed_on(answer.body, status=status, content_type=answer.content_type)


def _answer_of(handed: HandedOn, speaker: Speaker) -> Answer:
    if handed.relay is not None:
        return handed.relay.finish()
    if speaker.body.is_squeezed:
        raise GatewayError(
            "whose it is was only known at its end: send X-Instance-Url, or use a path of its own"
        )
    with relays.SMALL.place(handed.url):
        return Backend(handed.url).hand_on(
            bytes(speaker.body.content),
            headers=handed.headers,
            deadline_seconds=relays.DEADLINE_SECONDS,
        )
