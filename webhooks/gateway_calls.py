"""The other calls that the Node service makes to its backend, answered in its format. Each sees
only the calling gateway's own accounts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Account
from accounts.state.observations import BELIEVED, Observation
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.enqueue import enqueue_task
from accounts.store.row_ids import row_id
from accounts.words.status import Source, Status, Wanted
from gateways.base import Reason
from gateways.registry import KINDS
from gateways.wire.untrusted import MAX_ID_CHARACTERS, printable, without_lone_surrogates
from webhooks.auth.calls import LARGEST_CALL_BYTES, Caller, GatewayKeyAuthentication
from webhooks.inbox.backpressure import pressure
from webhooks.inbox.duplicates import SIGNED, is_repeat
from webhooks.models import Delivery
from webhooks.wire.bodies import Body, Watchers, incoming, read_body, refuse_compressed
from webhooks.wire.errors import TooLarge, Unreadable

logger = logging.getLogger(__name__)

# The old database had five statuses; `unknown` is shown as the last known one.
OLD_WORDS: Mapping[Status, str] = {
    Status.PENDING: "qr_scanning",
    Status.CONNECTING: "authenticated",
    Status.QR_SCANNING: "qr_scanning",
    Status.CONNECTED: "connected",
    Status.UNRESPONSIVE: "connected",
    Status.DISCONNECTED: "disconnected",
    Status.LOGGED_OUT: "disconnected",
    Status.BLOCKED: "failed",
    Status.FAILED: "failed",
    Status.STOPPED: "disconnected",
    Status.UNKNOWN: "disconnected",
}
# The statuses that it may report of a session, and their meaning for us.
CLAIMED: Mapping[str, Status] = {
    "qr_scanning": Status.QR_SCANNING,
    "authenticated": Status.CONNECTING,
    "connected": Status.CONNECTED,
    "disconnected": Status.DISCONNECTED,
    "failed": Status.DISCONNECTED,
}


def old_word(account: Account) -> str:
    status = Status(account.status)
    if status is Status.UNKNOWN and account.last_known_status:
        status = Status(account.last_known_status)
    return OLD_WORDS[status]


class GatewayCall(APIView):
    """A call of a gateway, authenticated by its key."""

    authentication_classes = (GatewayKeyAuthentication,)

    def accounts(self, request: Request) -> QuerySet[Account]:
        return Account.objects.filter(gateway_id=self.gateway_id(request), merged_into__isnull=True)

    def removed(self, request: Request) -> QuerySet[Account]:
        """Return the accounts that a human removed and that should not run again."""
        return self.accounts(request).filter(
            archived_at__isnull=False, session_id__isnull=False, wanted=Wanted.STOPPED
        )

    def gateway_id(self, request: Request) -> int:
        return self.caller(request).gateway_id

    def caller(self, request: Request) -> Caller:
        assert isinstance(request.auth, Caller)
        return request.auth

    def claim(
        self,
        request: Request,
        account: Account,
        status: Status,
        reason: Reason,
        body: Mapping[str, Any],
    ) -> bool:
        """Apply what the gateway says of its session; return True if believed. A call that was sent
        before is not, nor one that should be signed and is not: the session is read instead."""
        caller = self.caller(request)
        if not caller.may_claim:
            enqueue_task(
                "accounts.tasks.confirm_session", account.gateway_id, account.session_id or ""
            )
            return False
        with transaction.atomic():
            if caller.signed and is_repeat(
                account.gateway_id, f"{SIGNED}{caller.signed.digest}", clock.database_now()
            ):
                return False
            return claim(account, status, reason, body)

    def account_of(self, request: Request, session_id: str) -> Account:
        # Escaped as it was stored, as no column accepts some characters.
        stored = printable(session_id, limit=MAX_ID_CHARACTERS)
        account = self.accounts(request).filter(session_id=stored).first()
        if account is None:
            raise Http404("no account of this gateway runs on that session")
        return account

    def account_with_id(self, request: Request, given: object) -> Account | None:
        """Return the account that an id from JSON or from a path names; None for anything else."""
        text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
        pk = row_id(text)
        return None if pk is None else self.accounts(request).filter(pk=pk).first()

    def body(self, request: Request) -> dict[str, Any]:
        """Return a small JSON object; no body counts as an empty one. Raise Unreadable,
        TooLarge, BodyRefused."""
        refuse_compressed(request._request.META)
        body = self.caller(request).body or self._read(request)
        if body.size_bytes > LARGEST_CALL_BYTES:
            raise TooLarge(f"the body is larger than {LARGEST_CALL_BYTES} bytes")
        raw = without_lone_surrogates(body.content) or body.content
        try:
            return msgspec.json.decode(raw or b"{}", type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(f"the body is not a JSON object: {error}") from None

    def _read(self, request: Request) -> Body:
        coming = incoming(request._request.META)
        if (coming.length or 0) > LARGEST_CALL_BYTES:
            raise TooLarge(f"the body is larger than {LARGEST_CALL_BYTES} bytes")
        return read_body(coming, large=lambda first: Watchers())


class ActiveAccounts(GatewayCall):
    """The accounts that should be running: the desired state, never the last seen one.

    Otherwise nothing would be restored after the roll call has marked lost sessions.
    """

    def get(self, request: Request) -> Response:
        wanted = (
            self.accounts(request)
            .filter(wanted=Wanted.RUNNING, session_id__isnull=False, archived_at__isnull=True)
            .order_by(F("last_connected_at").desc(nulls_last=True), "id")
        )
        sessions = [
            {
                "id": account.pk,
                "session_id": account.session_id,
                "workspace_id": account.workspace_id,
                "phone_number": account.phone_number,
                "status": old_word(account),
                "provider_type": account.gateway.kind,
            }
            for account in wanted.select_related("gateway")
        ]
        return Response({"success": True, "sessions": sessions, "count": len(sessions)})


class MarkDisconnected(GatewayCall):
    """A claim that a session is disconnected, confirmed by a read like any other."""

    def post(self, request: Request, session_id: str) -> Response:
        account = self.account_of(request, session_id)
        body = self.body(request)
        restore_failure = KINDS[account.gateway.kind].restore_failure
        reason = restore_failure(str(body.get("reason") or ""))
        believed = self.claim(request, account, Status.DISCONNECTED, reason, body)
        return Response({"success": True, "applied": believed, "status": old_word(account)})


class AccountStatus(GatewayCall):
    """The known status of a session, by session id.

    PATCH comes with the account's id, after a clean-up: a status in it is a claim.
    """

    def get(self, request: Request, session_id: str) -> Response:
        account = self.account_of(request, session_id)
        return Response(
            {
                "session_id": account.session_id,
                "status": old_word(account),
                "phone_number": account.phone_number,
                "is_active": account.wanted == Wanted.RUNNING and account.archived_at is None,
                "last_activity_at": account.last_activity_at,
                "health_score": health_score(account),
            }
        )

    def patch(self, request: Request, session_id: str) -> Response:
        account = self.account_with_id(request, session_id)
        if account is None:
            raise Http404("no account of this gateway has that id")
        body = self.body(request)
        word = body.get("status")
        if word is None:
            return Response({"success": True, "applied": False, "status": old_word(account)})
        if not isinstance(word, str) or word not in CLAIMED:
            raise Unreadable(f"status must be one of {', '.join(CLAIMED)}")
        if account.session_id is None:
            raise Unreadable("that account has no session")
        believed = self.claim(request, account, CLAIMED[word], Reason.CLAIMED, body)
        return Response({"success": True, "applied": believed, "status": old_word(account)})


class AccountsForCleanup(GatewayCall):
    """The accounts that a human removed, and only those.

    The Node service deletes the login files of what it is given, so quiet, stopped, failed and
    superseded numbers never appear here.
    """

    def get(self, request: Request) -> Response:
        removed = self.removed(request).select_related("gateway").order_by("id")
        data = [record(account) for account in removed]
        return Response({"success": True, "data": data, "count": len(data)})


class AccountBySession(GatewayCall):
    def get(self, request: Request, session_id: str) -> Response:
        return Response({"success": True, "data": record(self.account_of(request, session_id))})


class CleanupLog(GatewayCall):
    """The log of a clean-up, kept in the inbox beside the webhooks."""

    def post(self, request: Request) -> Response:
        body = self.body(request)
        gateway_id = self.gateway_id(request)
        pressure.admit(gateway_id)
        with pressure.turn(gateway_id):
            self._keep(request, body)
        return Response({"success": True})

    def _keep(self, request: Request, body: Mapping[str, Any]) -> None:
        now = clock.database_now()
        own = self.account_with_id(request, body.get("whatsapp_account_id"))
        Delivery.objects.create(
            gateway_id=self.gateway_id(request),
            account=own,
            event="cleanup_log",
            session_id=(own.session_id or "") if own else "",
            path=request._request.path[:200],
            said={
                "fields": {name: _text(body.get(name)) for name in ("action", "status", "reason")}
            },
            state=Delivery.State.APPLIED if own else Delivery.State.IGNORED,
            error="" if own else "no account of this gateway has that id",
            attempts=1,
            received_at=now,
            settled_at=now,
        )


class CleanupStats(GatewayCall):
    def get(self, request: Request) -> Response:
        accounts = self.accounts(request)
        logs = Delivery.objects.filter(gateway_id=self.gateway_id(request), event="cleanup_log")
        last = logs.order_by("-id").values_list("received_at", flat=True).first()
        data = {
            "accounts": accounts.count(),
            "for_cleanup": self.removed(request).count(),
            "cleanup_logs": logs.count(),
            "last_cleanup_at": last,
        }
        return Response({"success": True, "data": data})


def claim(account: Account, status: Status, reason: Reason, body: Mapping[str, Any]) -> bool:
    """Observe what the gateway reports of its session. Return True if it was accepted.

    The workspace is the account's own: a different one in the body changes nothing.
    """
    workspace_id = body.get("workspace_id")
    outcome = observe(
        [
            Observation(
                gateway_id=account.gateway_id,
                session_id=account.session_id or "",
                status=status,
                reason=reason if status is Status.DISCONNECTED else Reason.NONE,
                raw=_text(body.get("reason")),
                workspace_id=workspace_id if isinstance(workspace_id, int) else None,
                observed_at=clock.database_now(),
                source=Source.CLAIM,
            )
        ]
    )[0]
    account.refresh_from_db()
    return outcome.verdict in BELIEVED


def record(account: Account) -> dict[str, object]:
    return {
        "id": account.pk,
        "workspace_id": account.workspace_id,
        "session_id": account.session_id,
        "phone_number": account.phone_number,
        "provider_type": account.gateway.kind,
        "status": old_word(account),
        "last_activity_at": account.last_activity_at,
        "last_connected_at": account.last_connected_at,
        "health_score": health_score(account),
        "created_at": account.created_at,
    }


def health_score(account: Account, now: datetime | None = None) -> int:
    """Return 0 to 100, as the old backend did: whether it runs, and how recent the proof is."""
    now = now or clock.database_now()
    if account.shown_status(now) is not Status.CONNECTED:
        return 0
    proof = account.last_proof
    proven = proof is not None and proof.holds and (now - proof.at).total_seconds() <= 120
    return 100 if proven else 60


def _text(value: object) -> str:
    return "" if value is None else printable(str(value), limit=200)
