"""Attempts of repair, as rows, and what the governor makes of them."""

from __future__ import annotations

from datetime import timedelta

from accounts.explain.step_text import step_text
from accounts.models import Account, Repair, Transition
from accounts.repair import repairs
from accounts.words.status import Source
from gateways.base import Reason
from reconciliation.repair.governor import govern


def a_change(account, before, after, *, at, source=Source.WEBHOOK, **fields):
    row = Transition.objects.create(
        account=account,
        from_status=before,
        to_status=after,
        source=source,
        observed_at=at,
        **fields,
    )
    Transition.objects.filter(pk=row.pk).update(created_at=at)


def tried(account, state=Repair.State.FAILED, *, ago, by=Repair.Asker.ROLLCALL, **fields):
    """Record an attempt that took 10 s and ended so many seconds ago."""
    now = repairs.clock.database_now()
    given = {"reason": Reason.BROWSER_GONE, "steps": ["restart"], "actor": "x"} | fields
    moments = {
        "asked_at": now - timedelta(seconds=ago + 12),
        "started_at": now - timedelta(seconds=ago + 10),
        "finished_at": now - timedelta(seconds=ago),
    }
    return Repair.objects.create(
        account=account,
        gateway=account.gateway,
        session_id=account.session_id,
        asked_by=by,
        state=state,
        **given | moments,
    )


def asked(account) -> list[str]:
    return list(account.repairs.filter(state=Repair.State.WAITING).values_list("why", flat=True))


def said(account: Account) -> str:
    """Return what is planned for it, in words, without the time."""
    return step_text(governed(account).next_step, None, repairs.clock.database_now())


def governed(account: Account) -> Account:
    govern()
    account.refresh_from_db()
    return account
