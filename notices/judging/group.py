"""From losses to notices: what is due together is one notice of an audience, with one delivery for
each of its subscriptions; once all its numbers are back, it is closed and so told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models import Gateway
from accounts.store import clock
from accounts.store.database import ask
from accounts.store.enqueue import enqueue_task
from accounts.words.refusals import Refused
from notices.judging import decide
from notices.judging.decide import Judged
from notices.models import Delivery, Loss, Notice, Severity, Subscription
from notices.subscriptions import ensure_subscriptions, people

# A number that is lost this soon after others joins their notice.
JOINS_WITHIN = timedelta(minutes=5)
# A notice is not joined for ever: its recovery waits for all of its numbers.
JOINS_UNTIL = timedelta(hours=1)
# What joined a notice that was sent already is told no sooner after that.
MORE_AFTER = timedelta(minutes=5)

What = Delivery.What
State = Delivery.State


@dataclass(frozen=True, slots=True)
class Due:
    loss: Judged
    pk: int
    workspace_id: int
    gateway_id: int
    is_observed: bool


def tell(now: datetime) -> None:
    """Tell operators and customers of what is due, each audience once it has settled."""
    due = _due()
    if not due:
        return
    by_audience: dict[int | None, list[Due]] = defaultdict(list)
    for one in due:
        by_audience[None].append(one)
    for one in due:
        if not one.is_observed:
            by_audience[one.workspace_id].append(one)
    # All audiences of a loss are told in one tick: when the operators' group has settled.
    if not decide.settled([one.loss for one in due], now):
        return
    ensure_subscriptions([pk for pk in by_audience if pk is not None])
    for workspace_id, losses in by_audience.items():
        _tell(workspace_id, losses, now)
    Loss.objects.filter(pk__in=[one.pk for one in due]).update(
        told_at=now, is_due=False, next_look_at=now + decide.LOOK_AGAIN
    )


def _due() -> list[Due]:
    rows = Loss.objects.filter(is_due=True, ended_at__isnull=True).select_related(
        "account__gateway"
    )
    return [
        Due(
            Judged(
                account_id=row.account_id,
                opened_at=row.opened_at,
                status=row.status,
                reason=row.reason,
                due_at=row.due_at,
                next_look_at=row.next_look_at,
            ),
            row.pk,
            row.account.workspace_id,
            row.account.gateway_id,
            row.account.gateway.mode == Gateway.Mode.OBSERVE,
        )
        for row in rows.order_by("due_at", "pk")
    ]


def _tell(workspace_id: int | None, due: Sequence[Due], now: datetime) -> None:
    worst = max((one.loss.severity for one in due), key=list(Severity).index)
    notice, is_new = _notice(workspace_id, worst, now)
    column = "operator_notice" if workspace_id is None else "customer_notice"
    Loss.objects.filter(pk__in=[one.pk for one in due]).update(**{column: notice})
    Notice.objects.filter(pk=notice.pk).update(
        number=notice.number + len(due),
        joined_at=now,
        severity=max(worst, Severity(notice.severity), key=list(Severity).index),
        # More was lost than somebody took on.
        acknowledged_at=None,
        acknowledged_by="",
    )
    subscriptions = _meant(audience(workspace_id), due)
    if is_new:
        _deliver(notice, What.LOST, subscriptions, now)
    else:
        _deliver_more(notice, subscriptions, now)


def _notice(workspace_id: int | None, worst: Severity, now: datetime) -> tuple[Notice, bool]:
    found = (
        Notice.objects.filter(
            closed_at__isnull=True,
            joined_at__gt=now - JOINS_WITHIN,
            opened_at__gt=now - JOINS_UNTIL,
            **_of(workspace_id),
        )
        .order_by("-id")
        .first()
    )
    if found is not None:
        return found, False
    return Notice.objects.create(workspace_id=workspace_id, severity=worst, opened_at=now), True


def _of(workspace_id: int | None) -> dict[str, object]:
    return {"workspace__isnull": True} if workspace_id is None else {"workspace_id": workspace_id}


def audience(workspace_id: int | None) -> QuerySet[Subscription]:
    """Return the subscriptions that are on. People who have left are not among them."""
    on = Subscription.objects.filter(is_active=True, **_of(workspace_id))
    on = on.filter(Q(channel__isnull=True) | Q(channel__is_active=True))
    return on.filter(Q(user__isnull=True) | Q(user__in=people(workspace_id)))


def _meant(subscriptions: Iterable[Subscription], due: Sequence[Due]) -> list[Subscription]:
    return [
        one
        for one in subscriptions
        if any(wants(one, each.gateway_id, each.loss.severity) for each in due)
    ]


def wants(subscription: Subscription, gateway_id: int, severity: str) -> bool:
    if subscription.gateway_id not in (None, gateway_id):
        return False
    return subscription.least_severity == Severity.WARNING or severity == Severity.CRITICAL


def _deliver(
    notice: Notice, what: What, subscriptions: Iterable[Subscription], due: datetime, round: int = 0
) -> None:
    rows = [
        Delivery(
            notice=notice,
            subscription=one,
            what=what,
            round=round,
            next_attempt_at=None if one.kind == Subscription.Kind.IN_APP else due,
            state=State.SENT if one.kind == Subscription.Kind.IN_APP else State.PENDING,
            sent_at=due if one.kind == Subscription.Kind.IN_APP else None,
        )
        for one in subscriptions
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        if row.next_attempt_at is not None:
            enqueue_task("notices.tasks.deliver", row.subscription_id)


def _deliver_more(notice: Notice, subscriptions: Sequence[Subscription], now: datetime) -> None:
    """Tell of what joined. A first message that is still to be sent says it anyway; in the app the
    row shows it, and is unread again; elsewhere it is one message, later."""
    told = _last_told(notice)
    fresh = [one for one in subscriptions if one.pk not in told]
    _deliver(notice, What.LOST, fresh, now)
    for one in subscriptions:
        last = told.get(one.pk)
        if last is None or last.state == State.PENDING:
            continue
        if one.kind == Subscription.Kind.IN_APP:
            Delivery.objects.filter(pk=last.pk).update(read_at=None)
        else:
            _deliver(notice, What.MORE, [one], last.created_at + MORE_AFTER, last.round + 1)


def _last_told(notice: Notice) -> Mapping[int, Delivery]:
    """Return the last delivery of each subscription that tells of a loss."""
    rows = notice.deliveries.filter(what__in=(What.LOST, What.MORE)).order_by("id")
    return {row.subscription_id: row for row in rows}


# Only notices with a number that came back at this tick are looked at, each once.
_ALL_BACK = """
WITH touched AS MATERIALIZED (
    SELECT DISTINCT {column} AS id FROM notices_loss WHERE ended_at = %(now)s
)
SELECT notice.id, numbers.is_healed
  FROM touched
  JOIN notices_notice notice ON notice.id = touched.id,
       LATERAL (
           SELECT bool_or(loss.ending = 'healed') AS is_healed,
                  bool_and(loss.ended_at IS NOT NULL) AS are_over
             FROM notices_loss loss WHERE loss.{column} = notice.id
       ) numbers
 WHERE notice.closed_at IS NULL AND notice.workspace_id IS {audience} NULL AND numbers.are_over
"""


def close(now: datetime) -> None:
    """Close the notices whose last number came back at this tick, and tell those who were told."""
    [operators], [customers] = (
        ask(_ALL_BACK.format(column="operator_notice_id", audience=""), now=now),
        ask(_ALL_BACK.format(column="customer_notice_id", audience="NOT"), now=now),
    )
    for pk, is_healed in (*operators, *customers):
        Notice.objects.filter(pk=pk).update(closed_at=now)
        if is_healed:
            _tell_back(pk, now)
        else:
            _cancel(pk, "switched off, archived or merged meanwhile")


def _tell_back(notice_id: int, now: datetime) -> None:
    told = Delivery.objects.filter(
        notice=notice_id, what=What.LOST, state__in=(State.SENT, State.PENDING)
    ).select_related("subscription", "notice")
    rows = list(told)
    if rows and rows[0].notice is not None:
        _deliver(rows[0].notice, What.BACK, [row.subscription for row in rows], now)
    _cancel(notice_id, "it is over", what=(What.MORE, What.REMINDER))


def _cancel(notice_id: int, why: str, what: Iterable[str] = tuple(What)) -> None:
    Delivery.objects.filter(notice=notice_id, what__in=list(what), state=State.PENDING).update(
        state=State.CANCELLED, error=why, next_attempt_at=None
    )


def acknowledge(notice: Notice, *, actor: str) -> None:
    """Note that somebody works on it: no more reminders. Raises Refused."""
    now = clock.database_now()
    changed = Notice.objects.filter(pk=notice.pk, closed_at__isnull=True).update(
        acknowledged_at=now, acknowledged_by=actor[:150]
    )
    if not changed:
        raise Refused("it is over already")
    _cancel(notice.pk, "acknowledged", what=(What.MORE, What.REMINDER))
