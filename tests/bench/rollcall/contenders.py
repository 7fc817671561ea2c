"""Three ways to bring the rows in line with the lists. All ask the same gateways by the same client
and parse the same answers; the two that are compared with keep neither history nor findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from accounts.models import Account, Gateway
from accounts.models.gateways import client_of
from accounts.store import clock
from accounts.store.database import release_connection
from accounts.words.status import Status
from gateways.base import Session
from reconciliation.rollcall.roll_call import call_roll

Contender = Callable[[Sequence[Gateway]], None]
LIST_SECONDS = 8.0


def rollcall(gateways: Sequence[Gateway]) -> None:
    """Run what the worker's task runs for each gateway: leases, history, findings and all."""
    for gateway in gateways:
        report = call_roll(gateway.pk)
        assert report.is_sighted, report.why


def loop(gateways: Sequence[Gateway]) -> None:
    """The first sketch of a reconciliation: each session's row is read and saved."""
    for gateway in gateways:
        listed = _listed(gateway)
        now = clock.database_now()
        for session_id in Account.objects.filter(gateway=gateway).values_list(
            "session_id", flat=True
        ):
            account = Account.objects.get(gateway=gateway, session_id=session_id)
            account.status = _status(listed.get(str(session_id)))
            account.updated_at = now
            account.save()


def bulk_update(gateways: Sequence[Gateway]) -> None:
    """Read all rows by values_list, a dict, and one bulk_update of those that differ."""
    listed: dict[tuple[int, str], Session] = {}
    for gateway in gateways:
        listed |= {(gateway.pk, name): session for name, session in _listed(gateway).items()}
    now = clock.database_now()
    rows = Account.objects.filter(gateway__in=gateways).values_list(
        "pk", "gateway_id", "session_id", "status"
    )
    changed = []
    for pk, gateway_id, session_id, was in rows:
        status = _status(listed.get((gateway_id, str(session_id))))
        if status != was:
            changed.append(
                Account(pk=pk, status=status, status_since=now, observed_at=now, updated_at=now)
            )
    fields = ["status", "status_since", "observed_at", "updated_at"]
    Account.objects.bulk_update(changed, fields, batch_size=1000)


def _listed(gateway: Gateway) -> Mapping[str, Session]:
    with client_of(gateway) as client:
        release_connection()
        listing = client.list_sessions(deadline_seconds=LIST_SECONDS)
    return {session.session_id: session for session in listing.sessions}


def _status(session: Session | None) -> Status:
    return Status(session.state) if session and session.state else Status.DISCONNECTED


CONTENDERS: Mapping[str, Contender] = {
    "rollcall": rollcall,
    "bulk_update": bulk_update,
    "loop": loop,
}
