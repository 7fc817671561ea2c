"""Carry out the queue of starts: claim, ask the gateway step by step, read the outcome. No
transaction and no connection is held while a gateway is asked.

The worker may die at any line: a start that is still running past its lease is then read. A second
start never begins while the first may still happen.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from accounts.models import Account, Repair
from accounts.models.gateways import client_of
from accounts.repair import limits
from accounts.repair import queue as repair_queue
from accounts.repair.obstacles import no_ladder, obstacle, reason_of
from accounts.repair.outcomes import COMES_UP, StartFacts, came_back, judge
from accounts.repair.queue import MAY_STILL_HAPPEN
from accounts.repair.targeted_read import confirm
from accounts.state import observations
from accounts.state.maintenance import maintained_until
from accounts.state.observations import BELIEVED, Observation
from accounts.state.observe import observe
from accounts.store import clock
from accounts.store.announce import announce
from accounts.store.database import release_connection, short_waits
from accounts.store.enqueue import enqueue_task
from accounts.words.status import Source, Status
from gateways import base
from gateways.base import GatewayError, Reason, State, Step
from gateways.registry import capabilities_of
from gateways.wire.untrusted import printable

logger = logging.getLogger(__name__)

# The Node service answers when the browser is up: 15 to 60 s.
START_DEADLINE_SECONDS = 70.0
STOP_DEADLINE_SECONDS = 20.0
READ_DEADLINE_SECONDS = 5.0
# One step, the reads around it, and the time for the database.
LEASE = timedelta(seconds=START_DEADLINE_SECONDS + 30)
# Time in which an answered start becomes visible: the browser still has to load its page.
SETTLES_WITHIN = timedelta(seconds=45)
# A stop without an answer holds its gateway's queue for no longer: nothing was started, and the
# next try stops it again.
STOPS_WITHIN = timedelta(seconds=45)
# After a longer wait the session is read before it is started.
WAITED_LONG = timedelta(seconds=60)
MOST_CANCELLED_AT_ONCE = 20

# A read that a webhook has overtaken was still a read of the session.
_COUNTS = BELIEVED | {observations.Verdict.OLDER}
_NOT_THERE = frozenset({State.DISCONNECTED, State.LOGGED_OUT})


def carry_out_due(gateway_id: int) -> Repair | None:
    """Carry out the start of this gateway's queue whose turn it is. None: there is none."""
    repair = claim(gateway_id)
    if repair is None:
        return None
    # The gateway may have room for one more start beside it.
    enqueue_task("accounts.tasks.carry_out_repairs", gateway_id)
    carry_out(repair)
    repair.refresh_from_db()
    return repair


def claim(gateway_id: int) -> Repair | None:
    """Mark the next start as running and return it. None: none is ready, or the limits leave no
    room."""
    with transaction.atomic(), short_waits():
        repair_queue.lock_claims()
        now = clock.database_now()
        load = repair_queue.load_of(gateway_id, now)
        if not limits.has_room(load, repair_queue.limits(), now):
            return None
        ready = repair_queue.ready(gateway_id, now).select_related("account__gateway")
        for repair in ready.select_for_update(of=("self",))[:MOST_CANCELLED_AT_ONCE]:
            announce(accounts=[repair.account_id])
            if not (why := _no_longer(repair, now)):
                repair.state, repair.started_at = Repair.State.RUNNING, now
                repair.lease_until = now + LEASE
                repair.save(update_fields=["state", "started_at", "lease_until"])
                return repair
            repair.state, repair.outcome = Repair.State.CANCELLED, printable(why, limit=500)
            repair.finished_at = now
            repair.save(update_fields=["state", "outcome", "finished_at"])
    return None


def carry_out(repair: Repair) -> None:
    """Ask its gateway, step by step, and record the outcome."""
    try:
        why = _not_needed(repair)
    except OperationalError:  # another transaction holds its row: try again later
        _mine(repair).update(state=Repair.State.WAITING, started_at=None, lease_until=None)
        raise
    if why:
        _finish(repair, Repair.State.CANCELLED, why)
        return
    account = Account.objects.select_related("gateway").get(pk=repair.account_id)
    ladder = capabilities_of(account.gateway.kind).steps(reason_of(account))
    steps = [Step(step) for step in repair.steps] or list(ladder)
    if why := _costs_login(repair, account, steps) if steps else no_ladder(account):
        _finish(repair, Repair.State.CANCELLED, why)
        return
    for step in steps:
        if not _renew(repair, steps):
            return  # it took too long: its outcome is being read
        try:
            _take_step(step, repair, account)
        except GatewayError as error:
            _note_trouble(repair, error, step)
            return
    _begin_anew(repair)
    _wait_for_clarity(repair, clock.database_now() + SETTLES_WITHIN, "")
    repair.refresh_from_db()
    _look(repair)


def sweep() -> None:
    """Start a task for every queue with a waiting start and for every outcome to read. This covers
    lost task messages and dead workers."""
    now = clock.database_now()
    _find_the_dead(now)
    unclear = Repair.objects.filter(state=Repair.State.UNCLEAR)
    for pk in unclear.order_by("pk").values_list("pk", flat=True):
        enqueue_task("accounts.tasks.look_at_repair", pk)
    queues = Repair.objects.filter(state=Repair.State.WAITING).order_by("gateway_id")
    for pk in queues.values_list("gateway_id", flat=True).distinct():
        enqueue_task("accounts.tasks.carry_out_repairs", pk)


def look(repair_id: int) -> None:
    """Read the outcome of a start that is not clear yet."""
    repair = Repair.objects.filter(pk=repair_id, state=Repair.State.UNCLEAR).first()
    if repair is not None:
        _look(repair)


def _no_longer(repair: Repair, now: datetime) -> str:
    """Return what prevents the start since it was requested; "" if nothing does."""
    account = repair.account
    if (account.gateway_id, account.session_id) != (repair.gateway_id, repair.session_id):
        return "the account runs on another session now"
    until = maintained_until(now).get(repair.gateway_id)
    return obstacle(account, repair.asked_by, now, maintained_until=until)


def _not_needed(repair: Repair) -> str:
    """Read the session before a start, and return why the start is not needed.

    Only for starts of Rollcall, for any second attempt, and after a long wait: the session may be
    back, or the first attempt was late.
    """
    before = Repair.objects.filter(account_id=repair.account_id, pk__lt=repair.pk).first()
    again = before is not None and before.state == Repair.State.FAILED
    assert repair.started_at is not None
    waited = repair.started_at - repair.asked_at > WAITED_LONG
    if repair.asked_by != Repair.Asker.ROLLCALL and not again and not waited:
        return ""
    outcome = confirm(repair.gateway_id, repair.session_id, before_start=True)
    if outcome is None and repair.asked_by == Repair.Asker.ROLLCALL:
        return "nothing was started: its gateway could not be read"
    return came_back(outcome, by_itself=repair.asked_by == Repair.Asker.ROLLCALL)


def _costs_login(repair: Repair, account: Account, steps: Sequence[Step]) -> str:
    """Return why these steps may delete the login; "" if they keep it, or a person has decided."""
    kept = capabilities_of(account.gateway.kind).stop_keeps_login
    if kept is not None:
        is_lost = Step.STOP in steps and not kept
        return "its gateway would delete the login with the first step" if is_lost else ""
    if repair.asked_by != Repair.Asker.ROLLCALL:
        return ""
    try:
        with client_of(account.gateway) as client:
            release_connection()
            kept = client.keeps_login(deadline_seconds=READ_DEADLINE_SECONDS)
    except GatewayError as error:
        return f"nothing was started: whether the login would be kept was not read: {error}"
    return "" if kept else "nothing was started: it might lose its login: a person decides"


def _renew(repair: Repair, steps: Sequence[Step]) -> bool:
    """Extend the lease before a step. False: the lease is lost, and another worker reads the
    outcome."""
    fields = {"lease_until": clock.database_now() + LEASE, "steps": list(steps)}
    return bool(_mine(repair).filter(state=Repair.State.RUNNING).update(**fields))


def _take_step(step: Step, repair: Repair, account: Account) -> None:
    """Ask the gateway for one step. Raises GatewayError."""
    with client_of(account.gateway) as client:
        release_connection()
        of_account = {"workspace_id": account.workspace_id, "account_id": account.pk}
        match step:
            case Step.RESTART:
                client.restart_session(
                    repair.session_id, **of_account, deadline_seconds=START_DEADLINE_SECONDS
                )
            case Step.STOP:
                client.stop_session(
                    repair.session_id,
                    workspace_id=account.workspace_id,
                    deadline_seconds=STOP_DEADLINE_SECONDS,
                )
            case Step.START:
                # Never create a session that may exist: the Node service then loses the live one.
                there = client.read_session(
                    repair.session_id, deadline_seconds=READ_DEADLINE_SECONDS
                )
                if there is None or there.state in _NOT_THERE:
                    client.start_session(
                        repair.session_id, **of_account, deadline_seconds=START_DEADLINE_SECONDS
                    )


def _note_trouble(repair: Repair, error: GatewayError, step: Step) -> None:
    """Record an error. A clear refusal ends the start; no answer, or an answer that cannot be
    parsed, does not."""
    logger.warning("the start of session %s: %s", repair.session_id, error)
    if isinstance(error, base.BadAnswer) or (
        isinstance(error, base.Unreachable) and not isinstance(error, base.ConnectionRefused)
    ):
        assert repair.started_at is not None
        until = repair.started_at + MAY_STILL_HAPPEN
        if step is Step.STOP:
            until = min(until, clock.database_now() + STOPS_WITHIN)
        _wait_for_clarity(repair, until, str(error))
    else:
        refused_for = error.reason if isinstance(error, base.Rejected) else Reason.NONE
        _finish(repair, Repair.State.FAILED, str(error), refused_for=refused_for)
    enqueue_task("accounts.tasks.confirm_session", repair.gateway_id, repair.session_id)


def _begin_anew(repair: Repair) -> None:
    """Let a session whose start was stuck be starting again: no read could tell the two starts
    apart."""
    stuck = Account.objects.filter(
        pk=repair.account_id, session_id=repair.session_id, status_reason=Reason.START_STUCK
    )
    if not stuck.exists():
        return
    began = Observation(
        gateway_id=repair.gateway_id,
        session_id=repair.session_id,
        status=Status.CONNECTING,
        observed_at=clock.database_now(),
        source=Source.REPAIR,
        actor="rollcall",
    )
    observe([began])


def _wait_for_clarity(repair: Repair, until: datetime, why: str) -> None:
    _mine(repair).update(
        state=Repair.State.UNCLEAR, lease_until=until, outcome=printable(why, limit=500)
    )
    announce(accounts=[repair.account_id])


def _look(repair: Repair) -> None:
    outcome = confirm(repair.gateway_id, repair.session_id)
    account = Account.objects.only("qr_seen_at").get(pk=repair.account_id)
    found = judge(
        outcome.observation if outcome is not None and outcome.verdict in _COUNTS else None,
        StartFacts(
            started_at=repair.started_at,
            qr_seen_at=account.qr_seen_at,
            unanswered=repair.outcome,
            believed=outcome is not None and outcome.now in COMES_UP,
            is_over=clock.lease_is_over(
                repair.lease_until, clock.database_now(), longest=MAY_STILL_HAPPEN
            ),
        ),
    )
    if found is not None:
        _finish(repair, found.state, found.text)


def _find_the_dead(now: datetime) -> None:
    """Mark starts as unclear if their worker died or took too long."""
    over = clock.lease_over("lease_until", now, longest=LEASE)
    for repair in Repair.objects.filter(over, state=Repair.State.RUNNING):
        until = min(repair.started_at or now, now) + MAY_STILL_HAPPEN
        _wait_for_clarity(repair, until, "whoever carried it out came to an end")


def _mine(repair: Repair) -> QuerySet[Repair]:
    """Select this attempt, unless another worker has ended it."""
    return Repair.objects.filter(
        pk=repair.pk, started_at=repair.started_at, state__in=Repair.IN_FLIGHT
    )


def _finish(
    repair: Repair, state: Repair.State, outcome: str, *, refused_for: Reason = Reason.NONE
) -> None:
    ended = _mine(repair).update(
        state=state,
        outcome=printable(outcome, limit=500),
        refused_for=refused_for,
        finished_at=clock.database_now(),
        lease_until=None,
    )
    if ended:
        announce(accounts=[repair.account_id])
        logger.info("repair %s of session %s: %s", repair.pk, repair.session_id, state)
        enqueue_task("accounts.tasks.carry_out_repairs", repair.gateway_id)  # room for the next one
