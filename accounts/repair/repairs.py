"""The one queue of starts. Requests of people and of Rollcall wait in it, so that its limits apply
to all. Also the state of the repair, as the account's row shows it, and the pause of a gateway's
repair when it does harm, which only an operator ends."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts.incidents.incidents import close_incident, open_incident
from accounts.models import Account, Gateway, Incident, Repair
from accounts.repair import limits
from accounts.repair import queue as repair_queue
from accounts.repair.limits import Place
from accounts.repair.obstacles import no_ladder, obstacle, refuse_merged, session_of
from accounts.state.maintenance import maintained_until
from accounts.state.observations import Observation
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.database import short_waits
from accounts.store.enqueue import enqueue_task
from accounts.words.refusals import Refused
from accounts.words.status import Source, Status
from accounts.words.step_codes import PlannedStep, StepCode
from gateways.base import Reason, Step
from gateways.wire.untrusted import printable

logger = logging.getLogger(__name__)

State = Repair.State
Asker = Repair.Asker

CHUNK = 1000
_NOTE = """
UPDATE whatsapp_accounts account
   SET next_step_code = plan.next_step_code, next_step_arguments = plan.next_step_arguments,
       next_step_at = plan.next_step_at, strikes = plan.strikes,
       quarantined_until = plan.quarantined_until
  FROM (SELECT plan.* FROM whatsapp_accounts
          JOIN jsonb_to_recordset(%s::jsonb) plan(account_id bigint, next_step_code text,
               next_step_arguments jsonb, next_step_at timestamptz, strikes smallint,
               quarantined_until timestamptz)
            ON plan.account_id = whatsapp_accounts.id
         WHERE (whatsapp_accounts.next_step_code, whatsapp_accounts.next_step_arguments,
                whatsapp_accounts.next_step_at, whatsapp_accounts.strikes,
                whatsapp_accounts.quarantined_until)
               IS DISTINCT FROM
               (plan.next_step_code, plan.next_step_arguments, plan.next_step_at, plan.strikes,
                plan.quarantined_until)
         ORDER BY whatsapp_accounts.id
           FOR NO KEY UPDATE OF whatsapp_accounts) plan
 WHERE account.id = plan.account_id
"""


def ask(
    account: Account,
    *,
    by: Repair.Asker,
    actor: str,
    why: str = "",
    reason: str = "",
    steps: Sequence[Step] | None = None,
) -> Repair:
    """Put a start of the account's session into the queue; return the open one if there is one.

    Without `steps` the steps of its gateway's ladder apply, chosen when its turn comes. Raises
    Refused.
    """
    account = Account.objects.select_related("gateway").get(pk=account.pk)
    now = clock.database_now()
    if refusal := why_not(account, by, now):
        raise Refused(refusal)
    if (known := open_repair(account)) is not None:
        return _joined(known, by=by, actor=actor, why=why)
    _refuse_too_soon(account, by, now)
    asked = Repair(
        account=account,
        gateway=account.gateway,
        session_id=session_of(account),
        asked_by=by,
        actor=printable(actor, limit=150),
        reason=reason or account.status_reason,
        why=printable(why, limit=500),
        steps=list(steps or ()),
    )
    try:
        with transaction.atomic():
            asked.save()
            announce(accounts=[account.pk])
    except IntegrityError as error:  # another request came at the same moment
        if (known := open_repair(account)) is None:
            raise Refused("it was started just now: look at it first") from error
        return _joined(known, by=by, actor=actor, why=why)
    enqueue_task("accounts.tasks.carry_out_repairs", account.gateway_id)
    return Repair.objects.get(pk=asked.pk)


def open_repair(account: Account) -> Repair | None:
    """Return the repair that waits, is under way, or whose outcome is being read."""
    return Repair.objects.filter(account=account, state__in=Repair.OPEN).first()


def place(repair: Repair, now: datetime) -> Place:
    """Return its position in its gateway's queue, and when its turn may come."""
    if repair.state != State.WAITING:
        return Place(before=0, about_seconds=0)
    allowed = repair_queue.limits()
    return limits.place(
        repair_queue.number_before(repair),
        repair_queue.load_of(repair.gateway_id, now),
        allowed,
        now,
        account_waits=limits.account_wait(repair_queue.last_start(repair.account_id), allowed, now),
    )


def standing(repair: Repair, now: datetime) -> str:
    """Return its position in words, "2 before you, about 40 s", or its outcome."""
    if repair.state == State.WAITING:
        is_blind = repair.gateway.blind_since is not None and repair.asked_by != Asker.OPERATOR
        until = ", once its gateway answers again" if is_blind else ""
        return f"{place(repair, now)}{until}"
    outcome = f": {repair.outcome}" if repair.outcome else ""
    return f"{repair.get_state_display()}{outcome}"


def why_not(account: Account, by: Repair.Asker, now: datetime) -> str:
    """Return why `ask` would refuse, apart from limits of time; "" if it would not. Needs
    account.gateway."""
    until = maintained_until(now).get(account.gateway_id)
    return obstacle(account, by, now, maintained_until=until) or no_ladder(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """Next step planned for an account, and the state of its repair."""

    account_id: int
    next_step: PlannedStep | None
    next_step_at: datetime | None
    strikes: int
    quarantined_until: datetime | None


def note_plans(plans: Sequence[RepairPlan]) -> int:
    """Write the plans on their accounts; return how many rows changed. Unchanged rows are not
    written.

    Raises django.db.OperationalError if a lock cannot be had within 2 s.
    """
    written = 0
    ordered = sorted(plans, key=lambda plan: plan.account_id)
    for start in range(0, len(ordered), CHUNK):
        records = [_record(plan) for plan in ordered[start : start + CHUNK]]
        with transaction.atomic(), short_waits(), connection.cursor() as cursor:
            cursor.execute(_NOTE, [json.dumps(records, default=str)])
            written += cursor.rowcount
    return written


def lift_quarantine(account: Account, *, actor: str) -> None:
    """Let repair try again from the beginning, at the word of a member or an operator. An account
    that was given up becomes disconnected. Raises Refused."""
    refuse_merged(account)
    quarantined = Account.objects.filter(pk=account.pk, quarantined_until__isnull=False)
    step = PlannedStep(code=StepCode.QUARANTINE_LIFTED, actor=printable(actor, limit=150))
    lifted = quarantined.update(
        quarantined_until=None,
        strikes=0,
        next_step_code=step.code,
        next_step_arguments=step.arguments,
        next_step_at=None,
    )
    if not lifted:
        raise Refused("it is not in quarantine")
    if account.status == Status.FAILED:
        observe([_no_longer_given_up(account, actor)])
    account.refresh_from_db()


def _no_longer_given_up(account: Account, actor: str) -> Observation:
    return Observation(
        gateway_id=account.gateway_id,
        session_id=session_of(account),
        status=Status.DISCONNECTED,
        reason=Reason.OPERATOR,
        raw="its quarantine was lifted",
        observed_at=clock.database_now(),
        source=Source.OPERATOR,
        actor=actor,
    )


def _refuse_too_soon(account: Account, by: Repair.Asker, now: datetime) -> None:
    """Refuse a repeated request with the time after which it is allowed: a hundred taps are one
    start. Rollcall itself waits in the queue instead."""
    allowed = repair_queue.limits()
    last = repair_queue.last_start(account.pk)
    if by != Asker.ROLLCALL and (wait := limits.account_wait(last, allowed, now)):
        raise Refused(f"it was started just now: again in {_in_words(wait)}")
    starts = repair_queue.customer_starts(account.pk, now)
    if by == Asker.CUSTOMER and (wait := limits.customer_wait(starts, allowed, now)):
        raise Refused(f"it was started {len(starts)} times in an hour: again in {_in_words(wait)}")


def _in_words(wait: timedelta) -> str:
    seconds = max(1, round(wait.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"


def _joined(known: Repair, *, by: Repair.Asker, actor: str, why: str) -> Repair:
    """Return the open repair. A request of a person moves one of Rollcall's ahead, among those of
    people."""
    if by != Asker.ROLLCALL:
        Repair.objects.filter(pk=known.pk, state=State.WAITING, asked_by=Asker.ROLLCALL).update(
            asked_by=by, actor=printable(actor, limit=150), why=printable(why, limit=500)
        )
        announce(accounts=[known.account_id])
        known.refresh_from_db()
    return known


def _record(plan: RepairPlan) -> dict[str, object]:
    step = plan.next_step
    return {
        "account_id": plan.account_id,
        "next_step_code": step.code if step else "",
        "next_step_arguments": step.arguments if step else {},
        "next_step_at": plan.next_step_at,
        "strikes": plan.strikes,
        "quarantined_until": plan.quarantined_until,
    }


# --- the pause of a gateway's repair --------------------------------------------------------------
@transaction.atomic
def pause_repair(gateway_id: int, why: str) -> bool:
    """Pause the repair. False: it is paused already."""
    running = Gateway.objects.filter(pk=gateway_id, repair_paused_at__isnull=True)
    if not running.update(repair_paused_at=Now(), repair_paused_why=why[:500]):
        return False
    open_incident(Incident.Kind.REPAIR_HARMS, gateway_id=gateway_id, text=why)
    return True


@transaction.atomic
def resume_repair(gateway: Gateway, *, actor: str) -> None:
    """Resume the repair. Earlier repairs no longer count against it. Raises Refused."""
    paused = Gateway.objects.filter(pk=gateway.pk, repair_paused_at__isnull=False)
    if not paused.update(repair_paused_at=None, repair_paused_why=""):
        raise Refused("its repair is not paused")
    close_incident(Incident.Kind.REPAIR_HARMS, gateway_id=gateway.pk)
    logger.info("automatic repair of %s was resumed by %s", gateway, actor)
    gateway.refresh_from_db()
