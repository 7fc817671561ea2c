"""Make a plan of a roll call, and do exactly what a plan says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Account, Gateway
from accounts.state.observations import Observation
from accounts.state.observe import observe
from gateways.base import Client, Session
from reconciliation.cli.plan import (
    Applied,
    GatewayPlan,
    PlanEntry,
    Print,
    has_rebooted,
    what_changed,
)
from reconciliation.rollcall.lease import (
    FoundGateway,
    Lease,
    LeaseLost,
    is_free,
    look_at,
    take_lease,
    wait_for,
)
from reconciliation.rollcall.roll_call import (
    BUSY,
    OVERTAKEN,
    OVERTAKEN_VERDICTS,
    Decided,
    Look,
    Pass,
)
from reconciliation.rollcall.values import Difference, Report

ROW = (
    *("status", "status_reason", "status_since", "wanted", "session_id", "phone_number"),
    *("gateway_id", "workspace_id", "archived_at"),
)
GONE_SINCE = "nothing differs there any more"


def plan_roll(gateway_id: int, *, wait_seconds: float) -> tuple[Report, GatewayPlan]:
    """Return what a roll call would find and repair. Changes nothing, so it needs no lease. A roll
    call that is under way is waited for, because it may repair something just now."""
    is_over = wait_for(lambda: is_free(gateway_id), limit_seconds=wait_seconds)
    found = look_at(gateway_id)
    gateway = found.gateway
    if not is_over:
        return _busy(gateway)
    planning = _Planning(found, lease=None)
    report = planning.run()
    noted = [_entry(one, None, {}, planning.shown(one.session_id)) for one in report.findings]
    planned = {entry.key: entry for entry in planning.entries}
    return report, GatewayPlan(
        gateway_id=gateway.pk,
        name=gateway.name,
        address=gateway.base_url,
        booted_at=planning.booted_at,
        why_not_read="" if report.is_readable else report.why,
        entries=[planned.get(entry.key, entry) for entry in noted],
    )


def apply_plan(plan: GatewayPlan, *, wait_seconds: float) -> list[Applied]:
    """Apply each entry of the plan only if its row and what the gateway shows are unchanged."""
    gateway = Gateway.objects.filter(pk=plan.gateway_id).first()
    if gateway is None:
        return _refuse_all(plan, "there is no such gateway any more")
    moved = what_changed(
        {"name": plan.name, "address": plan.address},
        {"name": gateway.name, "address": gateway.base_url},
        whose="the gateway",
    )
    if moved:
        return _refuse_all(plan, *moved)
    if not any(entry.does for entry in plan.entries):
        return [Applied(plan.name, entry) for entry in plan.entries]
    lease = wait_for(lambda: take_lease(gateway.pk), limit_seconds=wait_seconds)
    return _refuse_all(plan, BUSY) if lease is None else _under_lease(lease, plan)


def _under_lease(lease: Lease, plan: GatewayPlan) -> list[Applied]:
    applying = _Applying(lease, plan)
    try:
        report = applying.run()
    except LeaseLost:
        return [*applying.applied.values(), *_refuse(plan, applying.left(), OVERTAKEN)]
    finally:
        lease.release()
    why = GONE_SINCE if report.is_readable else f"the gateway cannot be read: {report.why}"
    return [*applying.applied.values(), *applying.refuse_left(why)]


class _Seeing(Pass):
    """Roll call that keeps what the gateway showed."""

    look: Look | None = None

    def _look(self, client: Client) -> Look:
        self.look = super()._look(client)
        return self.look

    @property
    def booted_at(self) -> datetime | None:
        if self.look is None or self.look.uptime_seconds is None:
            return None
        try:
            return self.look.started - timedelta(seconds=self.look.uptime_seconds)
        except OverflowError:  # not a valid uptime
            return None

    def shown(self, session_id: str, seen: Observation | None = None) -> Print:
        """Return what the gateway shows of the session, with the result of a targeted read."""
        sessions = self.look.listing.sessions if self.look else ()
        listed = next((one for one in sessions if one.session_id == session_id), None)
        said = f"{seen.status} {seen.reason}".strip() if seen else None
        return _of_session(listed) | {"seen as": said}


class _Planning(_Seeing):
    def __init__(self, found: FoundGateway, lease: Lease | None) -> None:
        super().__init__(found, lease)
        self.entries: list[PlanEntry] = []

    def _settle(
        self,
        decided: Decided,
        fresh: Sequence[Observation] = (),
        others: Collection[int] = (),
    ) -> list[Difference]:
        rows = rows_as_they_are(difference.account_id for difference, _ in decided)
        for difference, seen in decided:
            row = rows.get(difference.account_id or 0, {})
            shown = self.shown(difference.session_id, seen)
            self.entries.append(_entry(difference, seen, row, shown))
        return super()._settle(decided, fresh)


class _Applying(_Seeing):
    """Roll call that writes what its plan says, and nothing else."""

    def __init__(self, lease: Lease, plan: GatewayPlan) -> None:
        super().__init__(lease.found, lease)
        self.plan = plan
        self.applied: dict[tuple[str, str], Applied] = {}
        self._renew = lease.renew

    @property
    def _keeps(self) -> bool:
        """False: neither the watermark nor a record is written, because this is no roll call."""
        return False

    def _last_words(self) -> AbstractContextManager[None]:
        return nullcontext()

    def left(self) -> list[PlanEntry]:
        return [entry for entry in self.plan.entries if entry.key not in self.applied]

    def refuse_left(self, why: str) -> list[Applied]:
        """Refuse each entry that was not found again, with what changed. Entries without an action
        pass."""
        rows = rows_as_they_are(entry.account_id for entry in self.left())
        refused = []
        for entry in self.left():
            if not entry.does:
                refused.append(Applied(self.plan.name, entry))
                continue
            row = rows.get(entry.account_id or 0, {})
            changed = what_changed(entry.row, row, whose="its row")
            refused.append(Applied.refused(self.plan.name, entry, *(changed or [why])))
        return refused

    def _settle(
        self,
        decided: Decided,
        fresh: Sequence[Observation] = (),
        others: Collection[int] = (),
    ) -> list[Difference]:
        """Compare and write the rows under lock. Raises LeaseLost."""
        self._renew()
        planned = {entry.key: entry for entry in self.plan.entries}
        ours = [
            (planned[key], seen)
            for difference, seen in decided
            if (key := (str(difference.kind), difference.session_id)) in planned
        ]
        with transaction.atomic():
            rows = rows_as_they_are((entry.account_id for entry, _ in ours), hold=True)
            chosen = [
                (entry, seen) for entry, seen in ours if self._is_as_it_was(entry, seen, rows)
            ]
            outcomes = observe(seen for _, seen in chosen if seen is not None)
        for (entry, _), outcome in zip(chosen, outcomes, strict=True):
            overtaken = outcome.verdict in OVERTAKEN_VERDICTS
            why = ("something newer came in meanwhile",) if overtaken else ()
            self.applied[entry.key] = Applied(
                self.plan.name, entry, is_done=not overtaken, refusals=why
            )
        return []

    def _is_as_it_was(
        self, entry: PlanEntry, seen: Observation | None, rows: dict[int, Print]
    ) -> bool:
        changed = what_changed(entry.row, rows.get(entry.account_id or 0, {}), whose="its row")
        shown = self.shown(entry.session_id, seen)
        changed += what_changed(entry.shown, shown, whose="the gateway")
        if has_rebooted(self.plan.booted_at, self.booted_at):
            changed.append("the gateway: it was restarted")
        if changed and entry.does:
            self.applied[entry.key] = Applied.refused(self.plan.name, entry, *changed)
        return bool(entry.does) and not changed and seen is not None


def rows_as_they_are(account_ids: Iterable[int | None], *, hold: bool = False) -> dict[int, Print]:
    """Return the fingerprints of these rows. `hold`: lock them in id order until the transaction
    ends."""
    pks = {pk for pk in account_ids if pk is not None}
    accounts = Account.objects.filter(pk__in=pks).order_by("pk")
    if hold:
        accounts = accounts.select_for_update(no_key=True)
    return {
        pk: {name: _said(value) for name, value in zip(ROW, values, strict=True)}
        for pk, *values in accounts.values_list("pk", *ROW)
    }


def _said(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value in (None, "") else str(value)


def _of_session(session: Session | None) -> dict[str, str | None]:
    if session is None:
        return {"listed": "no"}
    return {
        "listed": "yes",
        "state": _said(session.state or session.raw_state),
        "number": session.phone_number,
        "workspace": _said(session.workspace_id),
        "connected_at": _said(session.connected_at),
    }


def _entry(difference: Difference, seen: Observation | None, row: Print, shown: Print) -> PlanEntry:
    does = "" if seen is None else f"say {seen.status or 'what it holds'} ({seen.reason or '–'})"
    return PlanEntry(
        kind=str(difference.kind),
        account_id=difference.account_id,
        session_id=difference.session_id,
        phone_number=difference.phone_number,
        was=str(difference.was),
        now=str(difference.now),
        held=difference.held,
        why=difference.why,
        does=does,
        row=row,
        shown=shown,
    )


def _busy(gateway: Gateway) -> tuple[Report, GatewayPlan]:
    plan = GatewayPlan(
        gateway_id=gateway.pk, name=gateway.name, address=gateway.base_url, why_not_read=BUSY
    )
    return Report(gateway=gateway.name, skipped=True, why=BUSY), plan


def _refuse_all(plan: GatewayPlan, *why: str) -> list[Applied]:
    return _refuse(plan, plan.entries, *why)


def _refuse(plan: GatewayPlan, entries: Sequence[PlanEntry], *why: str) -> list[Applied]:
    return [
        Applied.refused(plan.name, entry, *why) if entry.does else Applied(plan.name, entry)
        for entry in entries
    ]
